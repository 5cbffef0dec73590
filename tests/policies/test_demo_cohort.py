"""The demo's cohort: 200 plausible trainees, and a file that the door would take."""

from datetime import UTC, date, datetime

import pytest

from api.cohort_file import read_csv
from api.cohort_rows import check_rows
from api.tokens import Caller
from domain.catalog import Catalog
from domain.commands import Role
from domain.policy import Policy
from domain.stages import Pathway
from policies.loader import load_policies
from processes.cohorts import OpeningRules
from processes.demo.cohort import COHORT_FILE, CohortError, CohortRow, read_cohort


@pytest.fixture(scope="module")
def cohort() -> list[CohortRow]:
    return read_cohort(COHORT_FILE)


def test_the_door_would_refuse_no_row_of_it(catalog: Catalog) -> None:
    rules = OpeningRules(
        catalog, load_policies(catalog=catalog), lambda: datetime(2026, 11, 1, tzinfo=UTC)
    )
    rows = read_csv(COHORT_FILE.read_bytes(), 200).rows
    checked = check_rows(rows, Caller("somebody", Role.CASEWORKER), rules)
    assert [row for row in checked if row.errors] == []


def test_a_row_is_the_body_that_opens_its_journey(cohort: list[CohortRow]) -> None:
    body = cohort[0].request()
    assert CohortRow.model_validate(body) == cohort[0]
    assert body["home_region"] == "440305"
    assert "vacancy_ref" not in body


def test_everything_wrong_with_a_file_is_named_by_line_and_column() -> None:
    content = COHORT_FILE.read_text(encoding="utf-8").splitlines()
    wrong = [content[0], content[1].replace("senior", "grandmaster"), "a,b"]
    with pytest.raises(CohortError) as refused:
        read_cohort("\n".join(wrong).encode())
    lines = str(refused.value).splitlines()
    assert lines[0].startswith("line 2, level = 'grandmaster': ")
    assert "2 cells" in lines[1]


def test_a_file_without_its_columns_is_no_cohort() -> None:
    with pytest.raises(CohortError, match="telephone"):
        read_cohort(COHORT_FILE.read_bytes().replace(b"phone", b"telephone", 1))


def test_the_demo_cohort_holds_200_trainees_no_two_alike(cohort: list[CohortRow]) -> None:
    assert len(cohort) == 200
    for column in ("name", "id_number", "phone"):
        assert len({getattr(row.person, column) for row in cohort}) == 200


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
            f"{row.person.id_number[6:10]}-{row.person.id_number[10:12]}-{row.person.id_number[12:14]}"
        )
        age = (date(2026, 9, 1) - born).days / 365.25
        assert catalog.division(row.person.id_number[:6]) is not None
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
