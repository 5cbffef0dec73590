"""The demo's script names people of the cohort, and means what it says."""

from pathlib import Path

import pytest

from domain.stages import Pathway, State, StuckCause
from policies.loader import load_catalog
from policies.reading import PolicyError
from processes.demo.caseworker import ListedCase, decision
from processes.demo.cohort import COHORT_FILE, CohortRow, read_cohort
from processes.demo.partners import read_partners
from processes.demo.script import SCRIPT_FILE, DemoScript, read_script


@pytest.fixture(scope="module")
def script() -> DemoScript:
    return read_script()


@pytest.fixture(scope="module")
def cohort() -> list[CohortRow]:
    return read_cohort(COHORT_FILE)


def waiting(state: State, *awaited: str, stuck: StuckCause | None = None) -> ListedCase:
    return ListedCase(
        journey_id="jn_1", sequence=1, state=state, awaited=awaited, stuck_cause=stuck
    )


def test_everybody_in_the_script_is_in_the_cohort(
    script: DemoScript, cohort: list[CohortRow]
) -> None:
    names = {row.name for row in cohort}
    played = [name for part in script.parts.values() for name in part.trainees]
    assert [name for name in played if name not in names] == []


def test_the_silent_partners_exist(script: DemoScript) -> None:
    partners = {row.id for row in read_partners(load_catalog())}
    assert partners.issuperset(script.silent)


def test_most_of_the_cohort_succeed(script: DemoScript, cohort: list[CohortRow]) -> None:
    assert sum(script.part_of(row) is None for row in cohort) > len(cohort) / 2


def test_an_employee_is_promoted_by_her_own_employer(
    script: DemoScript, cohort: list[CohortRow]
) -> None:
    employees = [row for row in cohort if row.pathway is Pathway.IN_SERVICE]
    told = [script.told_about(row) for row in employees]
    assert all(each.promotion for each in told)
    assert [each.employer for each in told] == [row.employer for row in employees]


def test_nobody_has_two_parts(tmp_path: Path) -> None:
    twice = SCRIPT_FILE.read_text(encoding="utf-8").replace("[贺素芬]", "[贺素芬, 韦国栋]")
    file = tmp_path / "script.yaml"
    file.write_text(twice, encoding="utf-8")
    with pytest.raises(PolicyError, match="resits already"):
        read_script(file)


def test_a_caseworker_approves_a_plan_that_waits_for_her() -> None:
    case = waiting(State.PLANNING, "plan.approval", "credit.recognized")
    assert decision(case, None) == ("plan/approve", {})


def test_a_caseworker_leaves_alone_what_waits_for_a_partner() -> None:
    assert decision(waiting(State.ENROLLING, "enrollment.confirmed"), None) is None


def test_a_caseworker_withdraws_a_trainee_in_the_state_of_the_script_only() -> None:
    before = decision(waiting(State.ENROLLED, "training.completed"), State.IN_PROGRESS)
    then = decision(waiting(State.IN_PROGRESS, "training.completed"), State.IN_PROGRESS)
    assert before is None
    assert then is not None
    assert then[0] == "withdraw"


def test_a_caseworker_switches_the_provider_once_a_waitlist_is_overdue() -> None:
    patient = waiting(State.WAITLISTED, "enrollment.confirmed")
    overdue = patient.model_copy(update={"stuck_cause": StuckCause.NO_CAPACITY})
    assert decision(patient, None) is None
    assert decision(overdue, None) == (
        "switch",
        {"kind": "provider", "reason": "the waitlist does not move"},
    )
