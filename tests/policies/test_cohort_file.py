"""A cohort's file: what is read, and what is refused by line, column and value."""

import csv
import io
from datetime import date

import pytest

from domain.catalog import Catalog
from domain.policy import Policy
from domain.stages import Pathway
from policies.loader import load_policies
from processes.demo.cohort import (
    COHORT_FILE,
    COLUMNS,
    CohortError,
    CohortProblem,
    CohortRow,
    read_cohort,
)

GOOD = {
    "name": "欧阳春梅",
    "id_number": "440305199001019004",
    "phone": "15400000001",
    "program": "demo",
    "occupation": "6-18-02-04",
    "level": "junior",
    "pathway": "job",
    "home_region": "440305",
    "delivery_region": "440306",
    "job_region": "",
    "groups": "migrant_worker;unemployed",
    "years_of_service": "1.5",
    "employer": "",
}
OTHER = {**GOOD, "id_number": "440305199001019012", "name": "尉迟晨曦"}


def text_of(*rows: dict[str, str], header: tuple[str, ...] = COLUMNS) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def problems_of(content: str | bytes, catalog: Catalog) -> tuple[CohortProblem, ...]:
    with pytest.raises(CohortError) as refused:
        read_cohort(content if isinstance(content, bytes) else content.encode(), catalog)
    return refused.value.problems


@pytest.fixture(scope="module")
def cohort(catalog: Catalog) -> list[CohortRow]:
    return read_cohort(COHORT_FILE, catalog)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_file_is_read_in_each_usual_encoding(catalog: Catalog, encoding: str) -> None:
    (row,) = read_cohort(text_of(GOOD).encode(encoding), catalog)
    assert row.name == "欧阳春梅"
    assert [group.value for group in row.groups] == ["migrant_worker", "unemployed"]


def test_line_ends_of_any_system_and_empty_lines_are_read(catalog: Catalog) -> None:
    text = text_of(GOOD).replace("\n", "\r\n") + "\r\n,,,\r\n".replace(",,,", "," * 12)
    assert len(read_cohort(text.encode(), catalog)) == 1


def test_columns_may_come_in_any_order(catalog: Catalog) -> None:
    text = text_of(GOOD, header=tuple(reversed(COLUMNS)))
    assert read_cohort(text.encode(), catalog) == read_cohort(text_of(GOOD).encode(), catalog)


def test_a_row_is_the_body_that_opens_its_journey(catalog: Catalog) -> None:
    (row,) = read_cohort(text_of(GOOD).encode(), catalog)
    assert row.request() == {
        "person": {key: GOOD[key] for key in ("name", "id_number", "phone")},
        "program": "demo",
        "occupation": {"scheme": "gbm", "code": "6-18-02-04"},
        "level": "junior",
        "pathway": "job",
        "home_region": "440305",
        "delivery_region": "440306",
        "groups": ["migrant_worker", "unemployed"],
        "years_of_service": 1.5,
    }


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("occupation", "6-99-99-99", "not in the catalog"),
        ("program", "nothing", "not in the catalog"),
        ("home_region", "999999", "not in the catalog"),
        ("delivery_region", "4499", "not in the catalog"),
        ("job_region", "Shenzhen", "not in the catalog"),
        ("level", "grandmaster", "'apprentice'"),
        ("pathway", "holiday", "'job'"),
        ("pathway", "apprenticeship", "not offered yet"),
        ("groups", "veteran;astronaut", "'veteran'"),
        ("years_of_service", "-1", "greater than or equal to 0"),
        ("years_of_service", "many", "valid number"),
        ("employer", "a firm", "no partner's id"),
    ],
)
def test_a_wrong_value_is_named_by_line_and_column(
    catalog: Catalog, column: str, value: str, reason: str
) -> None:
    (problem,) = problems_of(text_of(GOOD, {**OTHER, column: value}), catalog)
    assert (problem.line, problem.column, problem.value) == (3, column, repr(value))
    assert reason in problem.reason


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id_number", "440305199001019011"),
        ("id_number", "44030519901301900X"),
        ("id_number", "4403051990"),
        ("phone", "call me at noon"),
    ],
)
def test_a_wrong_personal_value_is_named_without_repeating_it(
    catalog: Catalog, column: str, value: str
) -> None:
    (problem,) = problems_of(text_of({**GOOD, column: value}), catalog)
    assert (problem.line, problem.column) == (2, column)
    assert value not in str(problem)
    assert value[:2] in problem.value


@pytest.mark.parametrize("column", ["name", "id_number", "program", "level", "home_region"])
def test_a_value_that_is_needed_and_empty_is_named(catalog: Catalog, column: str) -> None:
    (problem,) = problems_of(text_of({**GOOD, column: " "}), catalog)
    assert (problem.line, problem.column, problem.reason) == (2, column, "is missing")


def test_all_wrong_rows_are_reported_together(catalog: Catalog) -> None:
    wrong = {**OTHER, "level": "x", "program": "y", "home_region": "z"}
    found = [(each.line, each.column) for each in problems_of(text_of(wrong, GOOD, wrong), catalog)]
    assert sorted(found) == [
        (line, column) for line in (2, 4) for column in ("home_region", "level", "program")
    ]


def test_a_row_after_a_cell_of_several_lines_keeps_its_true_line(catalog: Catalog) -> None:
    tall = {**GOOD, "name": "欧阳\n春梅"}
    (problem,) = problems_of(text_of(tall, {**OTHER, "level": "x"}), catalog)
    assert problem.line == 4


def test_the_same_journey_twice_is_named_with_both_lines(catalog: Catalog) -> None:
    (problem,) = problems_of(text_of(GOOD, OTHER, GOOD), catalog)
    assert (problem.line, problem.column) == (4, "id_number")
    assert "line 2" in problem.reason


def test_a_row_of_another_length_is_named(catalog: Catalog) -> None:
    (problem,) = problems_of(text_of(GOOD) + "a,b\n", catalog)
    assert problem.line == 3
    assert "2 cells" in problem.reason


def test_a_wrong_header_is_named_column_by_column(catalog: Catalog) -> None:
    text = text_of(GOOD).replace("phone", "telephone", 1).replace("employer", "name", 1)
    found = {(each.line, each.column) for each in problems_of(text, catalog)}
    assert found == {(1, "telephone"), (1, "phone"), (1, "name"), (1, "employer")}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (text_of(GOOD).encode("utf-16"), "UTF-16"),
        (text_of(GOOD).encode() + b"\xff\xff\n", "neither UTF-8 nor GB18030"),
        (b"", "lacks"),
        (text_of().encode(), "no trainee"),
        (text_of().encode() + b'"open quote', "no CSV"),
    ],
)
def test_a_file_in_another_form_is_refused(catalog: Catalog, content: bytes, reason: str) -> None:
    assert any(reason in problem.reason for problem in problems_of(content, catalog))


def test_the_demo_cohort_holds_200_trainees_no_two_alike(cohort: list[CohortRow]) -> None:
    assert len(cohort) == 200
    for column in ("name", "id_number", "phone"):
        assert len({getattr(row, column) for row in cohort}) == 200


def test_the_demo_cohort_spans_six_regions_and_three_pathways(cohort: list[CohortRow]) -> None:
    assert {row.home_region[:4] for row in cohort} == {
        "4403",
        "5101",
        "4101",
        "3205",
        "3301",
        "4201",
    }
    pathways = [row.pathway for row in cohort]
    assert set(pathways) == {Pathway.JOB, Pathway.IN_SERVICE, Pathway.RPL_ONLY}
    assert pathways.count(Pathway.JOB) > 100


def test_the_demo_cohort_is_plausible(cohort: list[CohortRow], catalog: Catalog) -> None:
    for row in cohort:
        born = date.fromisoformat(
            f"{row.id_number[6:10]}-{row.id_number[10:12]}-{row.id_number[12:14]}"
        )
        age = (date(2026, 9, 1) - born).days / 365.25
        assert catalog.division(row.id_number[:6]) is not None
        assert 16 <= age <= 65
        assert (row.years_of_service or 0) <= age - 16
        assert (row.pathway is Pathway.IN_SERVICE) == (row.employer is not None)


def test_some_of_the_demo_cohort_lack_years_of_service(
    cohort: list[CohortRow], catalog: Catalog
) -> None:
    policies = load_policies(catalog=catalog)

    def rules(row: CohortRow) -> Policy:
        program = catalog.program(row.program)
        assert program is not None
        return policies.for_region(row.home_region, program)

    short = [
        row
        for row in cohort
        if (row.years_of_service or 0) < rules(row).eligibility.years_of_service[row.level]
    ]
    assert 5 <= len(short) <= 60
