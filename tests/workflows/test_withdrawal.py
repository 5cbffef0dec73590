"""Withdrawal: always allowed before the certificate; what is held at partners is given back."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError

from domain.commands import (
    Approve,
    Choice,
    CloseLostContact,
    CommandAnswer,
    Decide,
    PartnerKind,
    Switch,
    Withdraw,
)
from domain.journal import ReceiptStatus
from domain.lifecycle import BEFORE_CERTIFICATE, EntryKind
from domain.stages import Outcome, Pathway, Stage, State, StuckCause
from partners.requests import BookSitting, Cancel, RequestEnrollment
from tests.workflows.carrying import (
    CASEWORKER,
    CENTERS,
    JOB_SERVICE,
    PROVIDERS,
    Trainee,
    World,
)
from tests.workflows.timelines import line_of, told, unbroken
from workflows.memory import JourneyMemory, Release, ReleaseKind

WITHDRAW = Withdraw(reason="found work in another city")
Reach = Callable[[World], Awaitable[Trainee]]


async def eligibility(world: World) -> Trainee:
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY, awaiting="eligibility.decided")
    return trainee


async def planning(world: World) -> Trainee:
    world.planning.needs_approval = True
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.PLANNING, awaiting="plan.approval")
    return trainee


async def enrolling(world: World) -> Trainee:
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    return trainee


async def waitlisted(world: World) -> Trainee:
    trainee = await enrolling(world)
    await trainee.tell("enrollment.waitlisted", partner=PROVIDERS[0], about=trainee.last_ref())
    await trainee.until(State.WAITLISTED, awaiting="enrollment.confirmed")
    return trainee


async def enrolled(world: World) -> Trainee:
    trainee = await enrolling(world)
    start = (await world.now() + timedelta(days=20)).date()
    await trainee.tell(
        "enrollment.confirmed",
        {"start": str(start)},
        partner=PROVIDERS[0],
        about=trainee.last_ref(),
    )
    await trainee.until(State.ENROLLED)
    return trainee


async def in_progress(world: World) -> Trainee:
    trainee = await enrolling(world)
    await trainee.enroll()
    await trainee.until(State.IN_PROGRESS, awaiting="training.completed")
    return trainee


async def under_attended(world: World) -> Trainee:
    trainee = await in_progress(world)
    await trainee.complete(trainee.last_ref(), pct=40)
    await trainee.until(State.UNDER_ATTENDED, awaiting="attendance.decision")
    return trainee


async def provider_failed(world: World) -> Trainee:
    world.planning.providers = world.planning.providers[:1]
    trainee = await enrolling(world)
    await trainee.tell("enrollment.rejected", partner=PROVIDERS[0], about=trainee.last_ref())
    await trainee.until(State.PROVIDER_FAILED, awaiting="provider")
    return trainee


async def registering(world: World) -> Trainee:
    trainee = await world.start()
    await trainee.reach_assessment()
    await trainee.until(State.REGISTERING, awaiting="assessment.scheduled")
    return trainee


async def scheduled(world: World) -> Trainee:
    trainee = await registering(world)
    at = await world.now() + timedelta(days=10)
    for component in ("theory", "practical"):
        await trainee.tell(
            "assessment.scheduled",
            {"component": component, "attempt": 1, "at": at.isoformat()},
            partner=CENTERS[0],
            about=trainee.last_ref(),
        )
    await trainee.until(State.SCHEDULED)
    return trainee


async def awaiting_results(world: World) -> Trainee:
    trainee = await registering(world)
    await trainee.sit({"theory": 75, "practical": 80})
    return trainee


async def half_the_results(world: World) -> Trainee:
    trainee = await scheduled(world)
    await world.skip(timedelta(days=10, minutes=1))
    await trainee.until(State.AWAITING_RESULTS)
    return trainee


async def certificate_pending(world: World) -> Trainee:
    trainee = await awaiting_results(world)
    await trainee.until(State.CERTIFICATE_PENDING, awaiting="certificate.issued")
    return trainee


WAITING_IN: dict[State, tuple[Reach, bool]] = {
    State.ELIGIBILITY: (eligibility, False),
    State.PLANNING: (planning, False),
    State.ENROLLING: (enrolling, True),
    State.WAITLISTED: (waitlisted, True),
    State.ENROLLED: (enrolled, True),
    State.IN_PROGRESS: (in_progress, True),
    State.UNDER_ATTENDED: (under_attended, False),
    State.PROVIDER_FAILED: (provider_failed, False),
    State.REGISTERING: (registering, True),
    State.SCHEDULED: (scheduled, True),
    State.AWAITING_RESULTS: (half_the_results, True),
    State.CERTIFICATE_PENDING: (certificate_pending, False),
}
"""Each state before the certificate in which a journey waits, and whether a partner holds a place
for the trainee then."""

PASSED_WITHOUT_WAITING = {
    State.INTAKE,
    State.AGREED,
    State.COMPLETED,
    State.RECOGNIZED,
    State.PASSED,
    State.RESIT,
    State.RETRAIN,
}


def test_every_state_before_the_certificate_is_tried() -> None:
    assert set(WAITING_IN) | PASSED_WITHOUT_WAITING == set(BEFORE_CERTIFICATE)


@pytest.mark.parametrize("state", WAITING_IN)
async def test_a_trainee_may_withdraw_before_the_certificate(world: World, state: State) -> None:
    reach, holds = WAITING_IN[state]
    trainee = await reach(world)
    assert trainee.case.state is state
    answer = await trainee.command(WITHDRAW)
    assert answer.detail == Outcome.WITHDRAWN
    decided = line_of(trainee, EntryKind.DECIDED)
    assert (decided.by, WITHDRAW.reason in decided.detail) == (CASEWORKER, True)
    assert answer.sequence >= decided.sequence
    assert (await trainee.result()).outcome is Outcome.WITHDRAWN
    closed = line_of(trainee, EntryKind.WITHDRAWN)
    assert (closed.before, closed.state, closed.by) == (state, State.CLOSED, CASEWORKER)
    assert closed.detail == WITHDRAW.reason
    case = trainee.case
    assert (case.stage, case.outcome, case.closed_at) == (
        Stage.CLOSED,
        Outcome.WITHDRAWN,
        closed.at,
    )
    assert (case.awaited, case.due_at, case.stuck_cause) == ((), None, None)
    released = [line for line in trainee.timeline if line.kind is EntryKind.RELEASED]
    canceled = world.enrollment.canceled | world.exam.canceled
    assert len(canceled) == len(released) == (1 if holds else 0)
    for ref, line in zip(canceled, released, strict=True):
        assert ref == trainee.last_ref()
        assert ref in line.detail
        assert line.sequence < closed.sequence


async def referred(world: World) -> Trainee:
    trainee = await world.start()
    await trainee.reach_placement()
    await trainee.until(State.REFERRED, awaiting="referral.accepted")
    return trainee


async def matching(world: World) -> Trainee:
    world.placement.open_vacancies = ()
    trainee = await world.start()
    await trainee.reach_placement()
    await trainee.until(State.MATCHING, awaiting="vacancy")
    return trainee


async def follow_up(world: World) -> Trainee:
    trainee = await referred(world)
    await trainee.hire()
    await trainee.until(State.FOLLOW_UP, awaiting="employment.retained")
    return trainee


async def awaiting_promotion(world: World) -> Trainee:
    trainee = await world.start(pathway=Pathway.IN_SERVICE, employer="employer-1")
    await trainee.reach_placement()
    await trainee.until(State.AWAITING_PROMOTION, awaiting="promotion.confirmed")
    return trainee


AFTER_THE_CERTIFICATE: tuple[Reach, ...] = (matching, referred, follow_up, awaiting_promotion)


@pytest.mark.parametrize("reach", AFTER_THE_CERTIFICATE)
async def test_after_the_certificate_a_withdrawal_is_refused(world: World, reach: Reach) -> None:
    trainee = await reach(world)
    before = trainee.timeline
    refusal = await trainee.refused(WITHDRAW)
    assert refusal.rule == "withdrawal.before_certificate"
    assert (refusal.stage, refusal.state) == (Stage.PLACEMENT, trainee.case.state)
    assert trainee.timeline == before


@pytest.mark.parametrize("reach", [eligibility, in_progress, scheduled, referred, follow_up])
async def test_lost_contact_closes_from_any_state(world: World, reach: Reach) -> None:
    trainee = await reach(world)
    before = trainee.case.state
    await trainee.command(CloseLostContact(reason="three visits, nobody there"))
    assert (await trainee.result()).outcome is Outcome.LOST_CONTACT
    closed = line_of(trainee, EntryKind.CONTACT_LOST)
    assert (closed.before, closed.by) == (before, CASEWORKER)
    assert closed.detail == "three visits, nobody there"
    if before is State.REFERRED:
        assert world.placement.canceled == {trainee.last_ref()}
        assert world.placement.last(Cancel).partner == JOB_SERVICE


async def test_what_is_held_is_given_back_in_reverse_order(world: World) -> None:
    """No step holds two at once today; a journey that does is given back the last first."""
    held = [
        Release(kind=ReleaseKind.SEAT, ref="en_77", partner=PROVIDERS[0]),
        Release(kind=ReleaseKind.SITTING, ref="bk_77", partner=CENTERS[0]),
        Release(kind=ReleaseKind.REFERRAL, ref="rf_77", partner=JOB_SERVICE),
    ]
    memory = JourneyMemory(state=State.UNDER_ATTENDED, releases=held)
    trainee = await world.start(memory)
    await trainee.until(State.UNDER_ATTENDED, awaiting="attendance.decision")
    await trainee.command(WITHDRAW)
    await trainee.result()
    lines = [line for line in trainee.timeline if line.kind is EntryKind.RELEASED]
    assert [line.partner for line in lines] == [JOB_SERVICE, CENTERS[0], PROVIDERS[0]]
    assert [line.detail.split()[1] for line in lines] == ["rf_77", "bk_77", "en_77"]


async def test_a_seat_taken_while_withdrawing_is_given_back(world: World) -> None:
    world.enrollment.hang()
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING)
    answer = await trainee.command(WITHDRAW)
    assert (answer.state, answer.detail) == (State.ENROLLING, Outcome.WITHDRAWN)
    assert world.enrollment.asked(Cancel) == []
    world.enrollment.recover()
    assert (await trainee.result()).outcome is Outcome.WITHDRAWN
    assert world.enrollment.canceled == {"en_1"}
    assert len(world.enrollment.asked(RequestEnrollment)) == 1
    unbroken(trainee)


async def test_a_sitting_booked_while_withdrawing_is_given_back(world: World) -> None:
    world.exam.hang()
    trainee = await world.start()
    await trainee.reach_assessment()
    await trainee.until(State.REGISTERING)
    await trainee.command(WITHDRAW)
    world.exam.recover()
    assert (await trainee.result()).outcome is Outcome.WITHDRAWN
    assert world.exam.canceled == {"bk_1"}
    assert len(world.exam.asked(BookSitting)) == 1


async def test_withdrawing_between_two_providers_asks_the_next_one_nothing(world: World) -> None:
    trainee = await enrolling(world)
    world.enrollment.hang()
    await trainee.command(Switch(kind=PartnerKind.PROVIDER, reason="too far"))
    await trainee.command(WITHDRAW)
    world.enrollment.recover()
    assert (await trainee.result()).outcome is Outcome.WITHDRAWN
    assert len(world.enrollment.asked(RequestEnrollment)) == 1
    assert len({call.idempotency_key for call in world.enrollment.asked(Cancel)}) == 1
    assert told(trainee, EntryKind.RELEASED) == [EntryKind.RELEASED]


async def test_what_arrives_while_the_seat_is_given_back_is_late(world: World) -> None:
    trainee = await enrolling(world)
    world.enrollment.hang()
    await trainee.command(WITHDRAW)
    event = await trainee.tell(
        "enrollment.confirmed", {"cohort": "c"}, partner=PROVIDERS[0], about=trainee.last_ref()
    )
    for command in (Approve(), WITHDRAW, CloseLostContact(reason="gone")):
        assert (await trainee.refused(command)).rule == "journey.closed"
    world.enrollment.recover()
    assert (await trainee.result()).outcome is Outcome.WITHDRAWN
    assert trainee.receipt(event) is ReceiptStatus.LATE
    assert line_of(trainee, EntryKind.EVENT_LATE).receipt == event.receipt
    assert told(trainee, EntryKind.ENROLLMENT_CONFIRMED) == []


async def test_an_early_event_is_late_once_the_trainee_has_withdrawn(world: World) -> None:
    trainee = await eligibility(world)
    early = await trainee.tell("certificate.issued", {"number": "C1"}, partner="issuer-gd")
    await trainee.until_receipt(early, ReceiptStatus.BUFFERED)
    await trainee.command(WITHDRAW)
    await trainee.result()
    assert trainee.receipt(early) is ReceiptStatus.LATE


async def test_a_refused_release_is_told_and_does_not_stop_the_end(world: World) -> None:
    trainee = await enrolling(world)
    world.enrollment.refuse("already_started", "the course has begun")
    await trainee.command(WITHDRAW)
    assert (await trainee.result()).outcome is Outcome.WITHDRAWN
    assert "already_started" in line_of(trainee, EntryKind.RELEASED).detail


async def test_an_end_waits_for_a_service_that_is_down(world: World) -> None:
    trainee = await enrolling(world)
    world.enrollment.fail(times=1_000)
    await trainee.command(WITHDRAW)
    await world.skip(timedelta(minutes=16))
    await trainee.until_said("stuck")
    assert trainee.case.stuck_cause is StuckCause.SERVICE_DOWN
    world.enrollment.recover()
    await world.skip(timedelta(minutes=6))
    assert (await trainee.result()).outcome is Outcome.WITHDRAWN
    assert world.enrollment.canceled == {trainee.last_ref()}
    assert len({call.idempotency_key for call in world.enrollment.asked(Cancel)}) == 1


async def test_a_decision_beside_the_withdrawal_is_refused_unless_it_came_first(
    world: World,
) -> None:
    trainee = await under_attended(world)
    decision = Decide(choice=Choice.REPEAT_TRAINING, reason="was ill")
    _, answered = await asyncio.gather(
        trainee.command(WITHDRAW), trainee.command(decision), return_exceptions=True
    )
    assert (await trainee.result()).outcome is Outcome.WITHDRAWN
    moved = told(trainee, EntryKind.TRAINING_REPEATED, EntryKind.PROVIDER_FAILED)
    if isinstance(answered, WorkflowUpdateFailedError):
        assert moved == []
    else:
        assert isinstance(answered, CommandAnswer)
        assert len(moved) == 1
