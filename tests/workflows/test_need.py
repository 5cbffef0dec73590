"""The stage `need`: the registry decides who may take part, in time or not."""

from datetime import datetime, timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.commands import ExtendDeadline, RecordEvidence
from domain.events import EventType
from domain.journal import ReceiptStatus
from domain.lifecycle import EntryKind
from domain.plan import Component, ComponentCredit, Earlier, ModuleCredit
from domain.stages import Outcome, Pathway, Stage, State, StuckCause, Turn
from partners.requests import BookSitting, CheckEligibility, RequestEnrollment
from tests.workflows.carrying import CASEWORKER, REGISTRY, World
from tests.workflows.timelines import line_of, told, unbroken


async def test_the_registry_is_asked_and_the_caseload_shows_until_when(world: World) -> None:
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY, awaiting="eligibility.decided")
    asked = world.registry.last(CheckEligibility)
    assert (asked.partner, asked.person_ref) == (REGISTRY, trainee.brief.person_ref)
    case, registered = trainee.case, line_of(trainee, EntryKind.NEED_REGISTERED)
    assert (case.stage, case.partner, case.turn) == (Stage.NEED, REGISTRY, Turn.PARTNER)
    assert case.stuck_cause is None
    assert case.due_at is not None
    assert timedelta(days=3) <= case.due_at - registered.at < timedelta(days=3, minutes=1)
    assert line_of(trainee, EntryKind.REQUESTED).partner == REGISTRY


async def test_who_is_eligible_goes_on_to_the_plan(world: World) -> None:
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY, awaiting="eligibility.decided")
    event = await trainee.tell(
        "eligibility.decided", {"outcome": "eligible", "rule_ids": ["age.18"]}, partner=REGISTRY
    )
    await trainee.until(State.ENROLLING)
    confirmed = line_of(trainee, EntryKind.ELIGIBILITY_CONFIRMED)
    assert (confirmed.before, confirmed.state) == (State.ELIGIBILITY, State.PLANNING)
    assert (confirmed.by.id, confirmed.by.role) == (REGISTRY, "partner")
    assert (confirmed.receipt, confirmed.detail) == (event.receipt, "age.18")
    assert trainee.receipt(event) is ReceiptStatus.APPLIED


async def test_who_is_not_eligible_ends_as_ineligible(world: World) -> None:
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY, awaiting="eligibility.decided")
    event = await trainee.tell(
        "eligibility.decided", {"outcome": "ineligible", "rule_ids": ["age.18"]}, partner=REGISTRY
    )
    assert (await trainee.result()).outcome is Outcome.INELIGIBLE
    refused = line_of(trainee, EntryKind.ELIGIBILITY_REFUSED)
    assert (refused.state, refused.by.id, refused.partner) == (State.CLOSED, REGISTRY, REGISTRY)
    assert (refused.receipt, refused.detail) == (event.receipt, "age.18")
    case = trainee.case
    assert (case.stage, case.outcome) == (Stage.CLOSED, Outcome.INELIGIBLE)
    assert (case.awaited, case.due_at, case.closed_at) == ((), None, refused.at)
    assert world.enrollment.calls == []


async def test_another_registrys_decision_changes_nothing(world: World) -> None:
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY, awaiting="eligibility.decided")
    event = await trainee.tell(
        "eligibility.decided", {"outcome": "ineligible"}, partner="registry-elsewhere"
    )
    await trainee.until_receipt(event, ReceiptStatus.REJECTED)
    assert trainee.case.state is State.ELIGIBILITY
    assert line_of(trainee, EntryKind.EVENT_REFUSED).rule == "event.not_yours"


async def test_a_decision_before_the_question_is_kept_and_applied(world: World) -> None:
    world.registry.hang()
    trainee = await world.start()
    event = await trainee.tell("eligibility.decided", {"outcome": "eligible"}, partner=REGISTRY)
    await trainee.until_receipt(event, ReceiptStatus.BUFFERED)
    world.registry.recover()
    await trainee.until(State.ENROLLING)
    assert trainee.receipt(event) is ReceiptStatus.APPLIED


async def test_staff_may_record_the_decision_in_the_registrys_place(world: World) -> None:
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY, awaiting="eligibility.decided")
    await trainee.command(
        RecordEvidence(
            type=EventType.ELIGIBILITY_DECIDED,
            data={"outcome": "eligible"},
            reason="letter of the registry, seen",
        )
    )
    await trainee.until(State.ENROLLING)
    recorded = line_of(trainee, EntryKind.EVIDENCE_RECORDED)
    assert recorded.by == CASEWORKER
    assert "letter of the registry" in recorded.detail
    assert line_of(trainee, EntryKind.ELIGIBILITY_CONFIRMED).by == CASEWORKER
    late = await trainee.tell("eligibility.decided", {"outcome": "ineligible"}, partner=REGISTRY)
    await trainee.until_receipt(late, ReceiptStatus.LATE)
    assert trainee.case.state is State.ENROLLING


async def test_missing_years_of_service_only_warn(world: World) -> None:
    world.planning.warnings = ("2 of 5 years of service",)
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING)
    warned = line_of(trainee, EntryKind.WARNED)
    assert (warned.detail, warned.rule) == ("2 of 5 years of service", "eligibility.warns_only")
    assert warned.state is warned.before is State.PLANNING


async def test_a_re_entry_carries_what_was_proven_before(world: World) -> None:
    now = await world.now()
    trainee = await world.start(
        earlier=Earlier(
            previous_journey="jn_earlier",
            modules=(ModuleCredit(module="m1"),),
            components=(ComponentCredit(component=Component.PRACTICAL, passed_at=now),),
        )
    )
    await trainee.decide_eligible()
    ref = await trainee.enroll()
    assert world.enrollment.last(RequestEnrollment).modules == ("m2", "m3")
    await trainee.complete(ref)
    await trainee.until(State.REGISTERING, awaiting="assessment.scheduled")
    assert world.exam.last(BookSitting).components == (Component.THEORY,)
    assert "jn_earlier" in line_of(trainee, EntryKind.OPENED).detail


async def test_recognition_only_goes_straight_to_assessment(world: World) -> None:
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    await trainee.until(State.REGISTERING, awaiting="assessment.scheduled")
    opened = line_of(trainee, EntryKind.ASSESSMENT_OPENED)
    assert (opened.before, opened.state) == (State.AGREED, State.REGISTERING)
    assert world.enrollment.calls == []


class FiveDayWeek:
    """Implements `CalendarPort`: what a test's region says, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def due(self, region: str, since: datetime, working_days: int) -> datetime:
        self.asked.append((region, working_days))
        return since + timedelta(days=working_days * 10)


async def test_working_days_are_those_of_the_regions_calendar(
    time_skipping: WorkflowEnvironment,
) -> None:
    calendar = FiveDayWeek()
    with time_skipping.auto_time_skipping_disabled():
        world = World(time_skipping.client, time_skipping, calendar=calendar)
        async with world.working():
            trainee = await world.start(home_region="510104", delivery_region="440305")
            await trainee.until(State.ELIGIBILITY, awaiting="eligibility.decided")
            due = trainee.case.due_at
    assert calendar.asked == [("510104", 3)]
    assert due is not None
    assert due - line_of(trainee, EntryKind.NEED_REGISTERED).at >= timedelta(days=30)


async def test_a_silent_registry_is_reminded_of_and_the_decision_still_counts(world: World) -> None:
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY, awaiting="eligibility.decided")
    await world.skip(timedelta(days=3, hours=1))
    await trainee.until_said("stuck")
    assert trainee.case.stuck_cause is StuckCause.PARTNER_SILENT
    await trainee.tell("eligibility.decided", {"outcome": "eligible"}, partner=REGISTRY)
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert trainee.case.stuck_cause is None
    assert told(trainee, EntryKind.REMINDED, EntryKind.STUCK, EntryKind.CLEARED) == [
        EntryKind.REMINDED,
        EntryKind.STUCK,
        EntryKind.CLEARED,
    ]


@pytest.mark.parametrize("data", [{}, {"outcome": "perhaps"}, {"outcome": 7}])
async def test_a_decision_that_says_nothing_is_refused(
    world: World, data: dict[str, object]
) -> None:
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY, awaiting="eligibility.decided")
    event = await trainee.tell("eligibility.decided", data, partner=REGISTRY)
    await trainee.until_receipt(event, ReceiptStatus.REJECTED)
    assert line_of(trainee, EntryKind.EVENT_REFUSED).rule == "event.schema"
    due = (await world.now()) + timedelta(days=30)
    await trainee.command(ExtendDeadline(until=due, reason="the journey is alive"))
    unbroken(trainee)
