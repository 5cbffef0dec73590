"""Attendance: at least the policy's share of planned hours; below it what the policy says."""

from datetime import timedelta

import pytest

from domain.commands import Choice, Decide, PartnerKind, Switch
from domain.journal import ReceiptStatus
from domain.lifecycle import EntryKind
from domain.stages import State, StuckCause, Turn
from partners.requests import Cancel, RequestEnrollment
from tests.workflows.carrying import CASEWORKER, PROVIDERS, Trainee, World, default_policy
from tests.workflows.timelines import line_of, told, unbroken


async def trained(world: World, percent: float, **attendance: object) -> Trainee:
    """A trainee whose provider reported this attendance under these rules."""
    trainee = await world.start(policy=default_policy(attendance=attendance))
    await trainee.decide_eligible()
    await trainee.complete(await trainee.enroll(), pct=percent)
    return trainee


async def until_asked(trainee: Trainee, times: int) -> RequestEnrollment:
    await trainee.until_said("requested", times=times + 1)
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    asked = trainee.world.enrollment.asked(RequestEnrollment)
    assert len(asked) == times
    return asked[-1]


@pytest.mark.parametrize("percent", [80, 80.0001, 100])
async def test_the_minimum_and_more_complete_training(world: World, percent: float) -> None:
    trainee = await trained(world, percent)
    await trainee.until(State.REGISTERING, awaiting="assessment.scheduled")
    completed = line_of(trainee, EntryKind.TRAINING_COMPLETED)
    assert (completed.before, completed.state) == (State.IN_PROGRESS, State.COMPLETED)
    assert (completed.by.id, completed.partner) == (PROVIDERS[0], PROVIDERS[0])
    assert completed.receipt is not None
    assert line_of(trainee, EntryKind.ASSESSMENT_OPENED).before is State.COMPLETED


@pytest.mark.parametrize("percent", [79.9, 79.999, 0])
async def test_below_the_minimum_a_person_decides(world: World, percent: float) -> None:
    trainee = await trained(world, percent)
    await trainee.until(State.UNDER_ATTENDED, awaiting="attendance.decision")
    short = line_of(trainee, EntryKind.ATTENDANCE_FELL_SHORT)
    assert (short.before, short.rule) == (State.IN_PROGRESS, "attendance.minimum")
    assert f"{percent:g} %" in short.detail
    case = trainee.case
    assert (case.turn, case.stuck_cause) == (Turn.STAFF, None)
    assert case.due_at is not None
    assert timedelta(days=5) <= case.due_at - short.at < timedelta(days=5, minutes=1)


async def test_the_minimum_is_the_policys(world: World) -> None:
    trainee = await trained(world, 65, minimum_percent=60)
    await trainee.until(State.REGISTERING)
    assert told(trainee, EntryKind.ATTENDANCE_FELL_SHORT) == []


async def test_a_decided_repeat_asks_the_same_provider_again(world: World) -> None:
    trainee = await trained(world, 40)
    await trainee.until(State.UNDER_ATTENDED, awaiting="attendance.decision")
    await trainee.command(Decide(choice=Choice.REPEAT_TRAINING, reason="was ill for a month"))
    assert (await until_asked(trainee, 2)).partner == PROVIDERS[0]
    decided = line_of(trainee, EntryKind.DECIDED)
    assert (decided.by, decided.detail) == (CASEWORKER, "was ill for a month")
    assert line_of(trainee, EntryKind.TRAINING_REPEATED).before is State.UNDER_ATTENDED
    assert world.enrollment.asked(Cancel) == []
    await trainee.complete(await trainee.enroll(), pct=90)
    await trainee.until(State.REGISTERING)


async def test_a_decided_change_asks_the_next_provider(world: World) -> None:
    trainee = await trained(world, 40)
    await trainee.until(State.UNDER_ATTENDED, awaiting="attendance.decision")
    await trainee.command(Decide(choice=Choice.NEXT_PROVIDER, reason="too far to travel"))
    assert (await until_asked(trainee, 2)).partner == PROVIDERS[1]
    decided = line_of(trainee, EntryKind.DECIDED)
    assert (decided.by, decided.detail) == (CASEWORKER, "too far to travel")
    assert line_of(trainee, EntryKind.PROVIDER_FAILED).before is State.UNDER_ATTENDED
    assert told(trainee, EntryKind.PARTNER_SWITCHED) == []


async def test_the_decider_may_name_the_provider(world: World) -> None:
    trainee = await trained(world, 40)
    await trainee.until(State.UNDER_ATTENDED, awaiting="attendance.decision")
    await trainee.command(Switch(kind=PartnerKind.PROVIDER, to=PROVIDERS[2], reason="nearer"))
    assert (await until_asked(trainee, 2)).partner == PROVIDERS[2]


async def test_an_undecided_attendance_is_stuck_for_idle_staff(world: World) -> None:
    trainee = await trained(world, 40)
    await trainee.until(State.UNDER_ATTENDED, awaiting="attendance.decision")
    await world.skip(timedelta(days=5, minutes=1))
    await trainee.until_said("stuck")
    assert trainee.case.stuck_cause is StuckCause.STAFF_IDLE


async def test_only_open_choices_are_taken(world: World) -> None:
    trainee = await trained(world, 40)
    await trainee.until(State.UNDER_ATTENDED, awaiting="attendance.decision")
    refusal = await trainee.refused(Decide(choice=Choice.CLOSE_NO_JOB, reason="wish"))
    assert (refusal.rule, refusal.state) == ("decision.awaited", State.UNDER_ATTENDED)
    assert "repeat_training" in refusal.detail


async def test_where_the_policy_says_repeat_no_one_is_asked(world: World) -> None:
    trainee = await trained(world, 79.9, below="repeat")
    assert (await until_asked(trainee, 2)).partner == PROVIDERS[0]
    assert line_of(trainee, EntryKind.TRAINING_REPEATED).rule == "attendance.minimum"


async def test_where_the_policy_says_next_provider_the_next_is_asked(world: World) -> None:
    trainee = await trained(world, 79.9, below="next_provider")
    assert (await until_asked(trainee, 2)).partner == PROVIDERS[1]
    assert line_of(trainee, EntryKind.PROVIDER_FAILED).rule == "attendance.minimum"


async def test_without_a_next_provider_there_is_no_capacity(world: World) -> None:
    world.planning.providers = world.planning.providers[:1]
    trainee = await trained(world, 79.9, below="next_provider")
    await trainee.until(State.PROVIDER_FAILED, awaiting="provider")
    assert trainee.case.stuck_cause is StuckCause.NO_CAPACITY


async def test_a_used_up_seat_is_not_given_back_and_hears_no_more(world: World) -> None:
    trainee = await trained(world, 90)
    await trainee.until(State.REGISTERING, awaiting="assessment.scheduled")
    late = await trainee.tell("enrollment.canceled", partner=PROVIDERS[0], about="en_1")
    await trainee.until_receipt(late, ReceiptStatus.LATE)
    assert trainee.case.state is State.REGISTERING
    assert world.enrollment.asked(Cancel) == []
    unbroken(trainee)


async def test_training_that_never_ends_is_a_silent_partner(world: World) -> None:
    trainee = await world.start()
    await trainee.decide_eligible()
    ref = await trainee.enroll()
    await trainee.until(State.IN_PROGRESS, awaiting="training.completed")
    await world.skip(timedelta(days=367))
    await trainee.until_said("stuck")
    assert trainee.case.stuck_cause is StuckCause.PARTNER_SILENT
    await trainee.complete(ref)
    await trainee.until(State.REGISTERING, awaiting="assessment.scheduled")
    assert trainee.case.stuck_cause is None
