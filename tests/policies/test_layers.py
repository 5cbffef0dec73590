"""Nation, province, city, program: which rule a journey begins under, and its version."""

import json
import random
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from domain.catalog import Catalog, Program
from domain.durations import parse_duration
from domain.policy import Approval, Policy
from policies.layers import Header, Layer, Stack
from policies.loader import Policies, load_policies
from tests.policies.folders import DEMO, NATION, nation, write


def the_program(catalog: Catalog, code: str) -> Program:
    program = catalog.program(code)
    assert program is not None
    return program


@pytest.fixture(scope="module")
def plain(catalog: Catalog) -> Program:
    return the_program(catalog, "skills-initiative-2025")


@pytest.fixture(scope="module")
def demo(catalog: Catalog) -> Program:
    return the_program(catalog, "demo")


@pytest.fixture(scope="module")
def policies(catalog: Catalog) -> Policies:
    return load_policies(catalog=catalog)


def test_a_region_without_a_file_has_the_nations_rules(policies: Policies, plain: Program) -> None:
    assert policies.for_region("110101", plain) == policies.for_region("cn", plain)
    assert policies.for_region("110101", plain).assessment.pass_mark == 60


def test_a_province_changes_what_it_names_and_keeps_the_rest(
    policies: Policies, plain: Program
) -> None:
    guangdong, nation_wide = (policies.for_region(code, plain) for code in ("4401", "cn"))
    assert guangdong.enrollment.answered_within == parse_duration("3 working days")
    assert guangdong.assessment.results_within == nation_wide.assessment.results_within


def test_a_city_lies_over_its_province(policies: Policies, plain: Program) -> None:
    shenzhen = policies.for_region("440305", plain)
    assert shenzhen.assessment.certificate_within == parse_duration("7 working days")
    assert shenzhen.enrollment.answered_within == parse_duration("3 working days")
    assert shenzhen.name == "cn/44/4403"


def test_two_provinces_differ(policies: Policies, plain: Program) -> None:
    guangdong, sichuan = (policies.for_region(code, plain) for code in ("44", "51"))
    assert guangdong.version != sichuan.version
    assert sichuan.plan.approval is Approval.ALWAYS
    assert len(sichuan.placement.follow_ups) == 4


@pytest.mark.parametrize("region", ["440305", "510107", "110101"])
def test_under_the_demo_no_region_waits_longer_than_minutes(
    policies: Policies, demo: Program, region: str
) -> None:
    def lengths(value: object) -> list[str]:
        if isinstance(value, dict):
            if set(value) == {"amount", "unit"}:
                return [value["unit"]]
            return [unit for inner in value.values() for unit in lengths(inner)]
        return (
            [unit for inner in value for unit in lengths(inner)] if isinstance(value, list) else []
        )

    rules = policies.for_region(region, demo)
    assert set(lengths(rules.model_dump(mode="json"))) <= {"ms", "s", "min"}


def test_an_overlay_may_differ_by_region(tmp_path: Path, catalog: Catalog, demo: Program) -> None:
    here = {"region": "44", "overlay": "demo", "plan": {"decided_within": "9 s"}}
    policies = load_policies(write(tmp_path, demo_44=here), catalog)
    assert policies.for_region("440305", demo).plan.decided_within == parse_duration("9 s")
    assert policies.for_region("510107", demo).plan.decided_within != parse_duration("9 s")


def test_equal_content_has_one_version_whatever_the_files_are_called(
    tmp_path: Path, catalog: Catalog, plain: Program
) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    province = {"region": "44", "plan": {"decided_within": "3 working days"}}
    reworded = 'plan: {decided_within: "3  working days"}\nregion: "44"\n'
    one = load_policies(write(first, guangdong=province), catalog)
    other = load_policies(write(second, zz=reworded), catalog)
    assert one.for_region("44", plain).version == other.for_region("44", plain).version


def test_a_changed_value_is_another_version(
    tmp_path: Path, catalog: Catalog, plain: Program, policies: Policies
) -> None:
    changed = load_policies(
        write(tmp_path, cn=nation(plan={"decided_within": "6 working days"})), catalog
    )
    assert changed.for_region("cn", plain).version != policies.for_region("cn", plain).version


def test_a_changed_file_touches_no_policy_that_was_handed_out(
    tmp_path: Path, catalog: Catalog, plain: Program
) -> None:
    loaded = load_policies(write(tmp_path), catalog)
    before = loaded.for_region("cn", plain)
    write(tmp_path, cn=nation(plan={"decided_within": "6 working days"}))
    assert loaded.for_region("cn", plain) == before
    assert load_policies(tmp_path, catalog).for_region("cn", plain) != before


def test_a_policy_crosses_to_a_workflow_unchanged(policies: Policies, plain: Program) -> None:
    rules = policies.for_region("440305", plain)
    assert Policy.model_validate_json(rules.model_dump_json()) == rules


@given(st.randoms(use_true_random=False))
def test_the_order_of_keys_never_changes_the_version(chance: random.Random) -> None:
    def shuffled(value: object) -> object:
        if isinstance(value, dict):
            items = [(key, shuffled(inner)) for key, inner in value.items()]
            chance.shuffle(items)
            return dict(items)
        return value

    def version_of(content: object) -> str:
        rules = dict(content) if isinstance(content, dict) else {}
        header = {key: rules.pop(key) for key in Header.model_fields if key in rules}
        layer = Layer(file="cn.yaml", header=Header.model_validate(header), rules=rules)
        program = Program(
            code="p", name="p", name_en="p", sponsor="s", subsidized=False,
            starts="2025-01-01", ends="2025-12-31",
        )  # fmt: skip
        return Policies([layer]).for_region("cn", program).version

    assert version_of(shuffled(NATION)) == version_of(NATION)


RULES = st.recursive(
    st.integers() | st.lists(st.integers(), max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), RULES, max_size=3), max_size=4))
def test_each_value_is_the_topmost_layers_that_gives_it(
    given_rules: list[dict[str, object]],
) -> None:
    layers = [
        Layer(file=f"{number}.yaml", header=Header(region="cn"), rules=rules)
        for number, rules in enumerate(given_rules)
    ]
    before = json.dumps(given_rules, sort_keys=True)
    stack = Stack(layers)

    def check(values: dict[str, object], path: tuple[str, ...]) -> None:
        for name, value in values.items():
            key = (*path, name)
            owner = stack.file_of(key)
            assert any(layer.file == owner for layer in layers)
            if isinstance(value, dict):
                check(value, key)
            else:
                below: object = given_rules[int(owner.removesuffix(".yaml"))]
                for part in key:
                    assert isinstance(below, dict)
                    below = below[part]
                assert below == value

    check(stack.rules, ())
    assert json.dumps(given_rules, sort_keys=True) == before


def test_an_empty_layer_changes_nothing(
    tmp_path: Path, catalog: Catalog, plain: Program, demo: Program
) -> None:
    loaded = load_policies(write(tmp_path, demo=DEMO), catalog)
    assert loaded.for_region("44", demo).version == loaded.for_region("44", plain).version
    assert yaml.safe_dump(DEMO) == (tmp_path / "demo.yaml").read_text("utf-8")
