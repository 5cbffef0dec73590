"""On hold: deadlines stop, events are kept, partners are not called, only some commands go."""

from datetime import timedelta

import pytest

from domain.commands import (
    Approve,
    ChangePlan,
    Choice,
    CloseLostContact,
    Command,
    Decide,
    ExtendDeadline,
    Hold,
    PartnerKind,
    RecordEvidence,
    Resume,
    RetryNow,
    Switch,
    Withdraw,
)
from domain.events import EventType
from domain.journal import ReceiptStatus
from domain.lifecycle import EntryKind
from domain.stages import Outcome, Overlay, State, StuckCause
from partners.requests import Cancel, RequestEnrollment
from tests.workflows.carrying import CASEWORKER, PROVIDERS, REGISTRY, Trainee, World
from tests.workflows.timelines import line_of, told, unbroken

A_MINUTE = timedelta(minutes=1)
HOLD = Hold(reason="in hospital")


async def held(world: World) -> Trainee:
    """A trainee on hold while she waits three days for the registry."""
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY, awaiting="eligibility.decided")
    await trainee.command(HOLD)
    return trainee


async def enrolling(world: World) -> Trainee:
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    return trainee


async def test_the_caseload_and_the_timeline_show_the_hold(world: World) -> None:
    trainee = await held(world)
    assert trainee.case.overlays == (Overlay.ON_HOLD,)
    line = line_of(trainee, EntryKind.HELD)
    assert (line.by, line.detail) == (CASEWORKER, "in hospital")
    assert line.before is line.state is State.ELIGIBILITY
    answer = await trainee.command(Resume())
    assert trainee.case.overlays == ()
    resumed = line_of(trainee, EntryKind.RESUMED)
    assert (resumed.by, answer.sequence) == (CASEWORKER, resumed.sequence)


async def test_no_deadline_runs_and_its_end_moves_by_the_time_on_hold(world: World) -> None:
    trainee = await held(world)
    due = trainee.case.due_at
    assert due is not None
    await world.skip(timedelta(days=20))
    assert told(trainee, EntryKind.REMINDED, EntryKind.STUCK) == []
    await trainee.command(Resume())
    paused = line_of(trainee, EntryKind.RESUMED).at - line_of(trainee, EntryKind.HELD).at
    assert paused >= timedelta(days=20)
    assert trainee.case.due_at == due + paused
    await world.skip(timedelta(days=3) + A_MINUTE)
    await trainee.until_said("stuck")
    assert line_of(trainee, EntryKind.STUCK).at >= due + paused


async def test_only_the_rest_of_a_deadline_is_left_after_a_hold(world: World) -> None:
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY, awaiting="eligibility.decided")
    await world.skip(timedelta(days=2, hours=12))
    await trainee.until_said("reminded")
    await trainee.command(HOLD)
    await world.skip(timedelta(days=10))
    await trainee.command(Resume())
    await world.skip(timedelta(hours=11))
    assert told(trainee, EntryKind.REMINDED, EntryKind.STUCK) == [EntryKind.REMINDED]
    await world.skip(timedelta(hours=2))
    await trainee.until_said("stuck")
    assert trainee.kinds.count("reminded") == 1


async def test_an_event_on_hold_is_kept_and_applied_after(world: World) -> None:
    trainee = await held(world)
    event = await trainee.tell("eligibility.decided", {"outcome": "eligible"}, partner=REGISTRY)
    await trainee.until_receipt(event, ReceiptStatus.BUFFERED)
    assert trainee.case.state is State.ELIGIBILITY
    await trainee.command(Resume())
    await trainee.until(State.ENROLLING)
    assert trainee.receipt(event) is ReceiptStatus.APPLIED
    confirmed = line_of(trainee, EntryKind.ELIGIBILITY_CONFIRMED)
    assert confirmed.sequence > line_of(trainee, EntryKind.RESUMED).sequence


async def test_an_event_outlasts_a_hold_longer_than_early_events_are_kept(world: World) -> None:
    trainee = await held(world)
    event = await trainee.tell("eligibility.decided", {"outcome": "eligible"}, partner=REGISTRY)
    await trainee.until_receipt(event, ReceiptStatus.BUFFERED)
    await world.skip(timedelta(days=45))
    other = await trainee.tell("credit.recognized", {"modules": ["m1"]}, partner="issuer-gd")
    await trainee.until_receipt(other, ReceiptStatus.BUFFERED)
    assert trainee.receipt(event) is ReceiptStatus.BUFFERED
    await trainee.command(Resume())
    await trainee.until(State.ENROLLING)
    assert trainee.receipt(event) is ReceiptStatus.APPLIED
    assert trainee.receipt(other) is ReceiptStatus.APPLIED


@pytest.mark.parametrize(
    "command",
    [
        Approve(),
        ChangePlan(reason="wish"),
        Switch(kind=PartnerKind.PROVIDER, reason="wish"),
        Decide(choice=Choice.REPEAT_TRAINING, reason="wish"),
        RetryNow(),
        RecordEvidence(
            type=EventType.ELIGIBILITY_DECIDED, data={"outcome": "eligible"}, reason="seen"
        ),
        ExtendDeadline.model_validate({"until": "2199-01-01T00:00:00Z", "reason": "wish"}),
    ],
    ids=lambda command: command.name,
)
async def test_on_hold_a_command_is_refused_until_resumed(world: World, command: Command) -> None:
    trainee = await held(world)
    before = trainee.timeline
    refusal = await trainee.refused(command)
    assert (refusal.rule, refusal.state) == ("hold.resume_first", State.ELIGIBILITY)
    assert trainee.timeline == before


async def test_a_hold_is_neither_doubled_nor_lifted_twice(world: World) -> None:
    trainee = await held(world)
    assert (await trainee.refused(HOLD)).rule == "hold.once"
    await trainee.command(Resume())
    assert (await trainee.refused(Resume())).rule == "resume.on_hold"
    await trainee.command(HOLD)
    assert told(trainee, EntryKind.HELD, EntryKind.RESUMED) == [
        EntryKind.HELD,
        EntryKind.RESUMED,
        EntryKind.HELD,
    ]


@pytest.mark.parametrize(
    ("command", "outcome"),
    [
        (Withdraw(reason="moved away"), Outcome.WITHDRAWN),
        (CloseLostContact(reason="three visits"), Outcome.LOST_CONTACT),
    ],
)
async def test_a_journey_on_hold_can_be_ended(
    world: World, command: Command, outcome: Outcome
) -> None:
    trainee = await enrolling(world)
    await trainee.command(HOLD)
    await trainee.command(command)
    assert (await trainee.result()).outcome is outcome
    assert trainee.case.overlays == ()
    assert len(world.enrollment.canceled) == 1


async def test_partner_calls_wait_for_the_resumption(world: World) -> None:
    trainee = await enrolling(world)
    world.enrollment.hang()
    await trainee.command(Switch(kind=PartnerKind.PROVIDER, reason="too far"))
    await trainee.until(State.PROVIDER_FAILED)
    await trainee.command(HOLD)
    world.enrollment.recover()
    await trainee.until_said("released")
    await world.skip(timedelta(days=2))
    assert len(world.enrollment.asked(RequestEnrollment)) == 1
    await trainee.command(Resume())
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert world.enrollment.last(RequestEnrollment).partner == PROVIDERS[1]


async def test_a_hold_during_a_call_keeps_what_the_call_brings(world: World) -> None:
    world.enrollment.hang()
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING)
    await trainee.command(HOLD)
    world.enrollment.recover()
    await trainee.until_said("requested", times=2)
    ref = trainee.last_ref()
    event = await trainee.tell(
        "enrollment.confirmed", {"cohort": "c"}, partner=PROVIDERS[0], about=ref
    )
    await trainee.until_receipt(event, ReceiptStatus.BUFFERED)
    await world.skip(timedelta(days=10))
    assert trainee.case.state is State.ENROLLING
    await trainee.command(Resume())
    await trainee.until(State.IN_PROGRESS)
    assert world.enrollment.asked(Cancel) == []


async def test_a_deadline_set_on_hold_has_its_full_length_after(world: World) -> None:
    world.enrollment.fail(times=1_000)
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING)
    await trainee.command(HOLD)
    await world.skip(timedelta(hours=2))
    world.enrollment.recover()
    await world.skip(timedelta(minutes=6))
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    await world.skip(timedelta(days=7))
    await trainee.command(Resume())
    due, resumed = trainee.case.due_at, line_of(trainee, EntryKind.RESUMED).at
    assert due is not None
    assert timedelta(days=5) - A_MINUTE < due - resumed < timedelta(days=5) + A_MINUTE
    assert told(trainee, EntryKind.STUCK, EntryKind.REMINDED) == []


async def test_a_service_that_is_down_makes_no_one_stuck_on_hold(world: World) -> None:
    world.enrollment.fail(times=1_000)
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING)
    await trainee.command(HOLD)
    await world.skip(timedelta(hours=5))
    assert told(trainee, EntryKind.STUCK) == []
    await trainee.command(Resume())
    await world.skip(timedelta(minutes=16))
    await trainee.until_said("stuck")
    assert trainee.case.stuck_cause is StuckCause.SERVICE_DOWN
    unbroken(trainee)


async def test_training_does_not_begin_on_hold(world: World) -> None:
    trainee = await enrolling(world)
    start = await world.now() + timedelta(days=3)
    await trainee.tell(
        "enrollment.confirmed",
        {"start": start.isoformat()},
        partner=PROVIDERS[0],
        about=trainee.last_ref(),
    )
    await trainee.until(State.ENROLLED)
    await trainee.command(HOLD)
    await world.skip(timedelta(days=10))
    assert trainee.case.state is State.ENROLLED
    await trainee.command(Resume())
    await trainee.until(State.IN_PROGRESS)


async def test_a_resumed_search_for_a_job_has_the_time_on_hold_back(world: World) -> None:
    world.placement.open_vacancies = ()
    trainee = await world.start()
    await trainee.reach_placement()
    await trainee.until(State.MATCHING, awaiting="vacancy")
    await trainee.command(HOLD)
    await world.skip(timedelta(days=200))
    await trainee.command(Resume())
    await world.skip(timedelta(days=1))
    await trainee.until(State.MATCHING, awaiting="vacancy")
    assert told(trainee, EntryKind.STUCK) == []
    await world.skip(timedelta(days=190))
    await trainee.until(State.MATCHING, awaiting="placement.decision")
