"""A policy file that is wrong is refused with file, key and value, everything at once."""

from pathlib import Path

import pytest

from domain.catalog import Catalog
from policies.loader import load_policies
from policies.reading import PolicyError, Problem
from tests.policies.folders import NATION, nation, write


def problems_of(folder: Path, catalog: Catalog) -> tuple[Problem, ...]:
    with pytest.raises(PolicyError) as refused:
        load_policies(folder, catalog)
    return refused.value.problems


@pytest.mark.parametrize(
    ("content", "key", "value", "reason"),
    [
        pytest.param(
            {"enrolment": {"answered_within": "3 days"}},
            "enrolment", "{'answered_within': '3 days'}", "is no known key", id="wrong section",
        ),
        pytest.param(
            {"enrollment": {"answer_within": "3 days"}},
            "enrollment.answer_within", "'3 days'", "is no known key", id="wrong key",
        ),
        pytest.param(
            {"enrollment": {"answered_within": "3 fortnights"}},
            "enrollment.answered_within", "'3 fortnights'", "is no duration", id="wrong unit",
        ),
        pytest.param(
            {"enrollment": {"answered_within": 3}},
            "enrollment.answered_within", "3", "write it as text", id="a number without unit",
        ),
        pytest.param(
            {"enrollment": "quick"}, "enrollment", "'quick'", "valid dictionary", id="wrong type",
        ),
        pytest.param(
            {"attendance": {"minimum_percent": 120}},
            "attendance.minimum_percent", "120", "less than or equal to 100", id="out of range",
        ),
        pytest.param(
            {"plan": {"approval": "sometimes"}},
            "plan.approval", "'sometimes'", "'subsidized', 'always' or 'never'", id="no approval",
        ),
        pytest.param(
            {"eligibility": {"years_of_service": {"grandmaster": 3}}},
            "eligibility.years_of_service.grandmaster", "'grandmaster'", "'apprentice'",
            id="unknown level",
        ),
        pytest.param(
            {"assessment": {"components": {"senior": ["theory", "oral"]}}},
            "assessment.components.senior.1", "'oral'", "'theory'", id="unknown component",
        ),
        pytest.param(
            {"escalation": {"supervisor": 0.9}},
            "escalation", "'supervisor': 0.9", "rungs must rise", id="rungs that do not rise",
        ),
        pytest.param(
            {"placement": {"follow_ups": ["3 months", "1 month"]}},
            "placement", "", "each must come after", id="follow-ups that do not rise",
        ),
        pytest.param(
            {"assessment": {"pass_mark": 50}},
            "assessment.pass_mark", "50", "is fixed by cn.yaml", id="fixed by the nation",
        ),
        pytest.param(
            {"calls": {"answer_within": "1 working day"}},
            "calls.answer_within", "'1 working day'", "fixed length", id="no calendar at a call",
        ),
        pytest.param(
            {"events": {"kept_early": "3 working days"}},
            "events.kept_early", "'3 working days'", "not here", id="counted without a calendar",
        ),
        pytest.param(
            {"plan": {"decided_within": "2000 months"}},
            "plan.decided_within", "'2000 months'", "is longer than", id="over a century",
        ),
        pytest.param(
            {"plan": {"decided_within": "99999999 s"}},
            "plan.decided_within", "'99999999 s'", "is over", id="a number beyond use",
        ),
        pytest.param({"version": "1"}, "version", "'1'", "is never written", id="own version"),
    ],
)  # fmt: skip
def test_one_wrong_value_is_named_once(
    tmp_path: Path,
    catalog: Catalog,
    *,
    content: dict[str, object],
    key: str,
    value: str,
    reason: str,
) -> None:
    found = problems_of(write(tmp_path, guangdong={"region": "44", **content}), catalog)
    assert [(problem.file, problem.key) for problem in found] == [("guangdong.yaml", key)]
    assert value in found[0].value
    assert reason in found[0].reason


def test_everything_wrong_with_all_files_is_reported_together(
    tmp_path: Path, catalog: Catalog
) -> None:
    broken = {"plan": {"decided_within": "soon", "aproval": "never"}, "attendance": {"below": "?"}}
    folder = write(tmp_path, a={"region": "44", **broken}, b={"region": "51", **broken})
    found = {(problem.file, problem.key) for problem in problems_of(folder, catalog)}
    keys = ("plan.decided_within", "plan.aproval", "attendance.below")
    assert found == {(file, key) for file in ("a.yaml", "b.yaml") for key in keys}


def test_a_mistake_of_the_nation_is_told_once_and_there(tmp_path: Path, catalog: Catalog) -> None:
    found = problems_of(
        write(
            tmp_path,
            cn=nation(plan={"decided_within": "soon"}),
            province={"region": "44", "plan": {"approval": "never"}},
        ),
        catalog,
    )
    assert [(problem.file, problem.key) for problem in found] == [
        ("cn.yaml", "plan.decided_within")
    ]


def test_a_key_given_twice_is_named_with_both_lines(tmp_path: Path, catalog: Catalog) -> None:
    text = 'region: "44"\nplan:\n  decided_within: 3 days\n  decided_within: 4 days\n'
    (problem,) = problems_of(write(tmp_path, twice=text), catalog)
    assert (problem.file, problem.key) == ("twice.yaml", "plan.decided_within")
    assert "line 3 and again in line 4" in problem.reason


def test_two_files_for_one_region_overlap(tmp_path: Path, catalog: Catalog) -> None:
    (problem,) = problems_of(write(tmp_path, a={"region": "44"}, b={"region": "44"}), catalog)
    assert (problem.file, problem.key, problem.value) == ("b.yaml", "region", "'44'")
    assert "a.yaml already covers it" in problem.reason


def test_two_files_for_one_overlay_of_a_region_overlap(tmp_path: Path, catalog: Catalog) -> None:
    again = {"region": "cn", "overlay": "demo"}
    (problem,) = problems_of(write(tmp_path, other=again), catalog)
    assert problem.file == "other.yaml"
    assert "'demo'" in problem.value


@pytest.mark.parametrize("region", ["99", "4499", "440399"])
def test_a_region_that_is_no_division_is_refused(
    tmp_path: Path, catalog: Catalog, region: str
) -> None:
    (problem,) = problems_of(write(tmp_path, nowhere={"region": region}), catalog)
    assert (problem.key, problem.value) == ("region", repr(region))
    assert "no division" in problem.reason


@pytest.mark.parametrize("region", [44, "guangdong", "444", None])
def test_a_region_must_be_a_code_in_quotes(
    tmp_path: Path, catalog: Catalog, region: object
) -> None:
    (problem,) = problems_of(write(tmp_path, nowhere={"region": region}), catalog)
    assert (problem.file, problem.key) == ("nowhere.yaml", "region")


def test_a_default_that_the_nation_lacks_is_named(tmp_path: Path, catalog: Catalog) -> None:
    lacking = {**NATION, "plan": {"approval": "never"}}
    (problem,) = problems_of(write(tmp_path, cn=lacking), catalog)
    assert (problem.file, problem.key) == ("cn.yaml", "plan.decided_within")
    assert "missing" in problem.reason


def test_a_fixed_key_that_does_not_exist_is_named(tmp_path: Path, catalog: Catalog) -> None:
    folder = write(tmp_path, cn={**NATION, "fixed": ["assessment.passmark"]})
    (problem,) = problems_of(folder, catalog)
    assert (problem.file, problem.key, problem.value) == (
        "cn.yaml",
        "fixed",
        "'assessment.passmark'",
    )


def test_a_province_can_fix_a_rule_for_its_cities(tmp_path: Path, catalog: Catalog) -> None:
    rule = {"plan": {"approval": "always"}}
    province = {"region": "44", "fixed": ["plan.approval"], **rule}
    folder = write(tmp_path, a=province, b={"region": "4403", **rule}, c={"region": "51", **rule})
    (problem,) = problems_of(folder, catalog)
    assert (problem.file, problem.key) == ("b.yaml", "plan.approval")


def test_a_level_without_components_is_named(tmp_path: Path, catalog: Catalog) -> None:
    folder = write(tmp_path, cn=nation(assessment={"components": {"senior": ["theory"]}}))
    (problem,) = problems_of(folder, catalog)
    assert problem.key == "assessment"
    assert "apprentice" in problem.reason


def test_a_folder_without_the_nations_file_is_refused(tmp_path: Path, catalog: Catalog) -> None:
    write(tmp_path)
    (tmp_path / "cn.yaml").unlink()
    (problem,) = problems_of(tmp_path, catalog)
    assert "nation" in problem.reason


def test_a_program_whose_overlay_has_no_file_is_named(tmp_path: Path, catalog: Catalog) -> None:
    write(tmp_path)
    (tmp_path / "demo.yaml").unlink()
    found = problems_of(tmp_path, catalog)
    assert {problem.key for problem in found} == {"demo.policy", "demo-subsidized.policy"}


@pytest.mark.parametrize(
    "text", ["plan: [", "- a\n- b\n", "", "just text", "a: 2026-13-45", "? [1]\n: 2", "<<: {a: 1}"]
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, catalog: Catalog, text: str) -> None:
    found = problems_of(write(tmp_path, odd=text), catalog)
    assert {problem.file for problem in found} == {"odd.yaml"}


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path, catalog: Catalog) -> None:
    write(tmp_path)
    (tmp_path / "gb.yaml").write_bytes("# 广东\nregion: '44'\n".encode("gb18030"))
    (problem,) = problems_of(tmp_path, catalog)
    assert problem.file == "gb.yaml"
    assert "UTF-8" in problem.reason


def test_the_error_prints_one_line_for_each_problem(tmp_path: Path, catalog: Catalog) -> None:
    wrong = {"region": "44", "plan": {"decided_within": "soon", "approval": "maybe"}}
    with pytest.raises(PolicyError) as refused:
        load_policies(write(tmp_path, gd=wrong), catalog)
    lines = str(refused.value).splitlines()
    assert len(lines) == 2
    assert all(line.startswith("gd.yaml: plan.") for line in lines)
