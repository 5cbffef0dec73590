"""A seat at a provider: asked in the plan's order, waited for, lost, and found elsewhere."""

from datetime import timedelta
from typing import Any

import pytest

from domain.commands import PartnerKind, RecordEvidence, RetryNow, Switch
from domain.events import EventType
from domain.journal import ReceiptStatus
from domain.lifecycle import EntryKind
from domain.plan import PartnerOption
from domain.stages import Stage, State, StuckCause, Turn
from partners.requests import Cancel, RequestEnrollment
from tests.workflows.carrying import CASEWORKER, PROVIDERS, Trainee, World
from tests.workflows.timelines import line_of, told, unbroken


async def enrolling(world: World) -> Trainee:
    """A trainee whose first provider has been asked."""
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    return trainee


async def in_training(world: World) -> tuple[Trainee, str]:
    trainee = await enrolling(world)
    ref = await trainee.enroll()
    await trainee.until(State.IN_PROGRESS, awaiting="training.completed")
    return trainee, ref


async def until_asked(trainee: Trainee, provider: str) -> str:
    """Until a provider is asked and awaited; the new reference."""
    await trainee.world.journal.until(
        lambda: (
            trainee.case.state is State.ENROLLING
            and "enrollment.confirmed" in trainee.case.awaited
            and trainee.case.partner == provider
        )
    )
    assert trainee.world.enrollment.last(RequestEnrollment).partner == provider
    return trainee.last_ref()


async def test_the_first_provider_is_asked_for_the_modules_of_the_plan(world: World) -> None:
    trainee = await enrolling(world)
    asked = world.enrollment.last(RequestEnrollment)
    assert (asked.partner, asked.region) == (PROVIDERS[0], trainee.brief.delivery_region)
    assert asked.modules == ("m1", "m2", "m3")
    case, requested = trainee.case, line_of(trainee, EntryKind.REQUESTED, -1)
    assert (case.stage, case.partner, case.turn) == (Stage.TRAINING, PROVIDERS[0], Turn.PARTNER)
    assert case.due_at is not None
    assert timedelta(days=5) <= case.due_at - requested.at < timedelta(days=5, minutes=1)
    assert trainee.last_ref() in requested.detail


async def test_a_confirmed_seat_begins_training(world: World) -> None:
    trainee = await enrolling(world)
    event = await trainee.tell(
        "enrollment.confirmed",
        {"cohort": "2026-3", "site": "Longgang"},
        partner=PROVIDERS[0],
        about=trainee.last_ref(),
    )
    await trainee.until(State.IN_PROGRESS, awaiting="training.completed")
    confirmed = line_of(trainee, EntryKind.ENROLLMENT_CONFIRMED)
    assert (confirmed.before, confirmed.state) == (State.ENROLLING, State.ENROLLED)
    assert (confirmed.by.id, confirmed.receipt) == (PROVIDERS[0], event.receipt)
    assert confirmed.detail == "2026-3 Longgang"
    assert line_of(trainee, EntryKind.TRAINING_BEGAN).before is State.ENROLLED


async def test_a_rejected_trainee_is_offered_to_the_next_provider(world: World) -> None:
    trainee = await enrolling(world)
    first = trainee.last_ref()
    event = await trainee.tell(
        "enrollment.rejected", {"reason": "full"}, partner=PROVIDERS[0], about=first
    )
    second = await until_asked(trainee, PROVIDERS[1])
    failed = line_of(trainee, EntryKind.PROVIDER_FAILED)
    assert (failed.by.id, failed.receipt) == (PROVIDERS[0], event.receipt)
    assert "full" in failed.detail
    chosen = line_of(trainee, EntryKind.NEXT_PROVIDER_CHOSEN)
    assert (chosen.partner, chosen.rule) == (PROVIDERS[1], "enrollment.next_provider")
    assert second != first
    assert world.enrollment.asked(Cancel) == []
    keys = [call.idempotency_key for call in world.enrollment.asked(RequestEnrollment)]
    assert keys == [f"{trainee.id}:enrollment:1", f"{trainee.id}:enrollment:2"]


async def test_a_silent_provider_gives_way_and_its_request_is_canceled(world: World) -> None:
    trainee = await enrolling(world)
    first = trainee.last_ref()
    await world.skip(timedelta(days=5, minutes=1))
    second = await until_asked(trainee, PROVIDERS[1])
    assert world.enrollment.canceled == {first}
    assert world.enrollment.last(Cancel).partner == PROVIDERS[0]
    released = line_of(trainee, EntryKind.RELEASED)
    assert (released.partner, first in released.detail) == (PROVIDERS[0], True)
    assert line_of(trainee, EntryKind.PROVIDER_FAILED).rule == "enrollment.answered"
    assert told(trainee, EntryKind.REMINDED, EntryKind.STUCK) == [EntryKind.REMINDED]
    late = await trainee.tell(
        "enrollment.confirmed", {"cohort": "c1"}, partner=PROVIDERS[0], about=first
    )
    await trainee.until_receipt(late, ReceiptStatus.LATE)
    assert trainee.case.state is State.ENROLLING
    await trainee.enroll(PROVIDERS[1], second)
    await trainee.until(State.IN_PROGRESS)


async def test_the_last_silent_provider_leaves_the_journey_stuck(world: World) -> None:
    world.planning.providers = world.planning.providers[:1]
    trainee = await enrolling(world)
    await world.skip(timedelta(days=5, minutes=1))
    await trainee.until_said("stuck")
    case = trainee.case
    assert (case.state, case.stuck_cause) == (State.ENROLLING, StuckCause.PARTNER_SILENT)
    assert world.enrollment.asked(Cancel) == []
    await trainee.enroll(PROVIDERS[0])
    await trainee.until(State.IN_PROGRESS, awaiting="training.completed")
    assert trainee.case.stuck_cause is None


async def test_a_place_on_the_waitlist_becomes_a_seat(world: World) -> None:
    trainee = await enrolling(world)
    ref = trainee.last_ref()
    await trainee.tell("enrollment.waitlisted", {"position": 3}, partner=PROVIDERS[0], about=ref)
    await trainee.until(State.WAITLISTED, awaiting="enrollment.confirmed")
    case, waitlisted = trainee.case, line_of(trainee, EntryKind.ENROLLMENT_WAITLISTED)
    assert case.due_at is not None
    assert timedelta(days=30) <= case.due_at - waitlisted.at < timedelta(days=30, minutes=1)
    assert (case.partner, case.turn) == (PROVIDERS[0], Turn.PARTNER)
    await trainee.tell("enrollment.confirmed", {"cohort": "c"}, partner=PROVIDERS[0], about=ref)
    await trainee.until(State.IN_PROGRESS)
    assert line_of(trainee, EntryKind.ENROLLMENT_CONFIRMED).before is State.WAITLISTED


async def test_a_waitlist_past_its_deadline_is_want_of_capacity(world: World) -> None:
    trainee = await enrolling(world)
    ref = trainee.last_ref()
    await trainee.tell("enrollment.waitlisted", partner=PROVIDERS[0], about=ref)
    await trainee.until(State.WAITLISTED, awaiting="enrollment.confirmed")
    await world.skip(timedelta(days=30, minutes=1))
    await trainee.until_said("stuck")
    assert trainee.case.stuck_cause is StuckCause.NO_CAPACITY
    await trainee.command(Switch(kind=PartnerKind.PROVIDER, reason="no seat in sight"))
    await until_asked(trainee, PROVIDERS[1])
    assert world.enrollment.canceled == {ref}
    assert trainee.case.stuck_cause is None


async def test_who_is_rejected_from_the_waitlist_goes_to_the_next_provider(world: World) -> None:
    trainee = await enrolling(world)
    ref = trainee.last_ref()
    await trainee.tell("enrollment.waitlisted", partner=PROVIDERS[0], about=ref)
    await trainee.until(State.WAITLISTED, awaiting="enrollment.confirmed")
    await trainee.tell("enrollment.rejected", partner=PROVIDERS[0], about=ref)
    await until_asked(trainee, PROVIDERS[1])
    assert line_of(trainee, EntryKind.PROVIDER_FAILED).before is State.WAITLISTED


async def reject_everywhere(trainee: Trainee) -> None:
    for provider in PROVIDERS:
        ref = await until_asked(trainee, provider)
        await trainee.tell("enrollment.rejected", partner=provider, about=ref)
    await trainee.until(State.PROVIDER_FAILED, awaiting="provider")


async def test_rejected_everywhere_there_is_no_capacity(world: World) -> None:
    trainee = await enrolling(world)
    await reject_everywhere(trainee)
    case = trainee.case
    assert (case.stuck_cause, case.turn) == (StuckCause.NO_CAPACITY, Turn.STAFF)
    assert case.stuck_since is not None
    assert len(world.enrollment.asked(RequestEnrollment)) == 3


async def test_a_retry_asks_every_provider_of_the_plan_again(world: World) -> None:
    trainee = await enrolling(world)
    await reject_everywhere(trainee)
    await trainee.command(RetryNow())
    await until_asked(trainee, PROVIDERS[0])
    assert trainee.case.stuck_cause is None
    assert line_of(trainee, EntryKind.RETRIED).by == CASEWORKER
    line_of(trainee, EntryKind.CLEARED)
    await reject_everywhere(trainee)
    assert trainee.kinds.count("stuck") == 2


async def test_a_switch_asks_the_provider_that_was_named(world: World) -> None:
    trainee = await enrolling(world)
    await reject_everywhere(trainee)
    await trainee.command(
        Switch(kind=PartnerKind.PROVIDER, to=PROVIDERS[2], reason="a seat was found by phone")
    )
    ref = await until_asked(trainee, PROVIDERS[2])
    switched = line_of(trainee, EntryKind.PARTNER_SWITCHED)
    assert (switched.by, switched.detail) == (CASEWORKER, "a seat was found by phone")
    await trainee.enroll(PROVIDERS[2], ref)
    await trainee.until(State.IN_PROGRESS)


async def test_a_plan_without_a_provider_has_no_capacity(world: World) -> None:
    world.planning.providers = ()
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.PROVIDER_FAILED, awaiting="provider")
    assert trainee.case.stuck_cause is StuckCause.NO_CAPACITY
    await trainee.command(RetryNow())
    await trainee.until(State.PROVIDER_FAILED, awaiting="provider")
    assert trainee.case.stuck_cause is StuckCause.NO_CAPACITY
    assert world.enrollment.calls == []


@pytest.mark.parametrize("event", ["enrollment.canceled", "training.suspended"])
async def test_a_seat_lost_in_training_leads_to_the_next_provider(world: World, event: str) -> None:
    trainee, ref = await in_training(world)
    told_event = await trainee.tell(event, {"reason": "bankrupt"}, partner=PROVIDERS[0], about=ref)
    await until_asked(trainee, PROVIDERS[1])
    failed = line_of(trainee, EntryKind.PROVIDER_FAILED)
    assert (failed.before, failed.receipt) == (State.IN_PROGRESS, told_event.receipt)
    assert "bankrupt" in failed.detail


@pytest.mark.parametrize("event", ["enrollment.canceled", "training.suspended"])
async def test_a_seat_lost_before_the_first_day_leads_to_the_next_provider(
    world: World, event: str
) -> None:
    trainee = await enrolling(world)
    ref, start = trainee.last_ref(), await world.now() + timedelta(days=20)
    await trainee.tell(
        "enrollment.confirmed", {"start": str(start.date())}, partner=PROVIDERS[0], about=ref
    )
    await trainee.until(State.ENROLLED)
    await trainee.tell(event, partner=PROVIDERS[0], about=ref)
    await until_asked(trainee, PROVIDERS[1])
    assert line_of(trainee, EntryKind.PROVIDER_FAILED).before is State.ENROLLED


@pytest.mark.parametrize("days", [1, 45])
async def test_training_begins_on_its_first_day(world: World, days: int) -> None:
    trainee = await enrolling(world)
    ref, start = trainee.last_ref(), await world.now() + timedelta(days=days)
    await trainee.tell(
        "enrollment.confirmed", {"start": start.isoformat()}, partner=PROVIDERS[0], about=ref
    )
    await trainee.until(State.ENROLLED)
    assert trainee.case.awaited
    await world.skip(timedelta(days=days, minutes=-5))
    assert trainee.case.state is State.ENROLLED
    await world.skip(timedelta(minutes=6))
    await trainee.until(State.IN_PROGRESS)
    assert line_of(trainee, EntryKind.TRAINING_BEGAN).at >= start
    assert told(trainee, EntryKind.REMINDED, EntryKind.STUCK) == []


@pytest.mark.parametrize("start", ["2025-03-01", "2025-03-01T08:00:00+08:00"])
async def test_training_that_began_before_its_confirmation_is_in_progress(
    world: World, start: str
) -> None:
    trainee = await enrolling(world)
    await trainee.tell(
        "enrollment.confirmed", {"start": start}, partner=PROVIDERS[0], about=trainee.last_ref()
    )
    await trainee.until(State.IN_PROGRESS, awaiting="training.completed")
    due = trainee.case.due_at
    assert due is not None
    assert due > await world.now() + timedelta(days=360)


async def test_a_confirmation_before_the_answer_of_the_call_is_applied(world: World) -> None:
    world.enrollment.hang()
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING)
    event = await trainee.tell(
        "enrollment.confirmed", {"cohort": "c"}, partner=PROVIDERS[0], about="en_1"
    )
    await trainee.until_receipt(event, ReceiptStatus.BUFFERED)
    world.enrollment.recover()
    await trainee.until(State.IN_PROGRESS)
    assert trainee.receipt(event) is ReceiptStatus.APPLIED


async def test_another_providers_word_about_the_request_is_refused(world: World) -> None:
    trainee = await enrolling(world)
    event = await trainee.tell(
        "enrollment.confirmed", {"cohort": "c"}, partner=PROVIDERS[1], about=trainee.last_ref()
    )
    await trainee.until_receipt(event, ReceiptStatus.REJECTED)
    assert trainee.case.state is State.ENROLLING


@pytest.mark.parametrize(
    ("data", "then"),
    [({"cohort": "c9"}, State.IN_PROGRESS), ({"start": "2199-01-01"}, State.ENROLLED)],
)
async def test_staff_may_record_the_confirmation_in_the_providers_place(
    world: World, data: dict[str, Any], then: State
) -> None:
    trainee = await enrolling(world)
    await trainee.command(
        RecordEvidence(type=EventType.ENROLLMENT_CONFIRMED, data=data, reason="by phone")
    )
    await trainee.until(then)
    confirmed = line_of(trainee, EntryKind.ENROLLMENT_CONFIRMED)
    assert (confirmed.by, confirmed.receipt) == (CASEWORKER, None)


async def test_a_switch_while_waiting_cancels_the_request_and_asks_the_next(world: World) -> None:
    trainee = await enrolling(world)
    ref = trainee.last_ref()
    await trainee.command(Switch(kind=PartnerKind.PROVIDER, reason="too far"))
    await until_asked(trainee, PROVIDERS[1])
    assert world.enrollment.canceled == {ref}
    failed = line_of(trainee, EntryKind.PROVIDER_FAILED)
    assert (failed.by, failed.partner) == (CASEWORKER, PROVIDERS[0])


async def test_a_switch_in_training_gives_the_seat_back(world: World) -> None:
    trainee, ref = await in_training(world)
    await trainee.command(
        Switch(kind=PartnerKind.PROVIDER, to=PROVIDERS[2], reason="moved to another district")
    )
    await until_asked(trainee, PROVIDERS[2])
    assert world.enrollment.canceled == {ref}
    late = await trainee.tell(
        "training.completed", {"attendance_pct": 95}, partner=PROVIDERS[0], about=ref
    )
    await trainee.until_receipt(late, ReceiptStatus.LATE)
    assert trainee.case.state is State.ENROLLING
    unbroken(trainee)


async def test_a_provider_that_the_plan_does_not_name_is_refused(world: World) -> None:
    trainee = await enrolling(world)
    refusal = await trainee.refused(
        Switch(kind=PartnerKind.PROVIDER, to="provider-9", reason="wish")
    )
    assert refusal.rule == "switch.partner_offered"
    other_kind = await trainee.refused(Switch(kind=PartnerKind.CENTER, reason="wish"))
    assert other_kind.rule == "switch.center"
    assert trainee.case.partner == PROVIDERS[0]


async def test_the_provider_after_a_switch_is_the_next_not_asked(world: World) -> None:
    world.planning.providers = tuple(
        PartnerOption(partner=partner, organization=partner) for partner in PROVIDERS
    )
    trainee = await enrolling(world)
    await trainee.command(Switch(kind=PartnerKind.PROVIDER, to=PROVIDERS[2], reason="nearer"))
    ref = await until_asked(trainee, PROVIDERS[2])
    await trainee.tell("enrollment.rejected", partner=PROVIDERS[2], about=ref)
    await until_asked(trainee, PROVIDERS[1])
    assert [c.partner for c in world.enrollment.asked(RequestEnrollment)] == [
        PROVIDERS[0],
        PROVIDERS[2],
        PROVIDERS[1],
    ]
