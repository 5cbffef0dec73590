"""Booking: an assessor authorized on the day sat, and not the trainer, save for its own staff."""

from datetime import date, timedelta

from domain.commands import PartnerKind, RetryNow, Switch
from domain.journal import ReceiptStatus
from domain.plan import PartnerOption
from domain.stages import Pathway, State, StuckCause, Turn
from partners.requests import BookSitting
from tests.workflows.carrying import CENTERS, PROVIDERS, Trainee, World
from tests.workflows.sittings import booked, report, schedule, sit

PAST, FUTURE = date(2020, 1, 1), date(2099, 1, 1)


def center(name: str, organization: str | None = None, **authorized: date) -> PartnerOption:
    return PartnerOption(partner=name, organization=organization or f"org-{name}", **authorized)


async def candidate(world: World) -> Trainee:
    """A trainee by recognition only, about to be booked."""
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    return trainee


async def asked(world: World, trainee: Trainee, nth: int = 1) -> list[str]:
    await booked(trainee, nth)
    return [call.partner for call in world.exam.asked(BookSitting)]


async def test_a_sitting_is_booked_when_training_is_completed(world: World) -> None:
    trainee = await world.start()
    await trainee.reach_assessment()
    assert await asked(world, trainee) == [CENTERS[0]]
    assert trainee.case.partner == CENTERS[0]
    assert trainee.case.turn is Turn.PARTNER
    completed = next(e for e in trainee.timeline if e.kind == "training_completed")
    assert trainee.case.due_at is not None
    late = trainee.case.due_at - (completed.at + timedelta(days=15))
    assert abs(late) < timedelta(minutes=1)


async def test_a_center_not_authorized_today_is_not_asked(world: World) -> None:
    world.planning.centers = (
        center("center-1", authorized_to=PAST),
        center("center-2", authorized_from=FUTURE),
        center("center-3", authorized_from=PAST, authorized_to=FUTURE),
    )
    trainee = await candidate(world)
    assert await asked(world, trainee) == ["center-3"]


async def test_a_center_of_the_trainer_is_not_asked(world: World) -> None:
    world.planning.centers = (center("center-1", f"org-{PROVIDERS[0]}"), center("center-2"))
    trainee = await world.start()
    await trainee.reach_assessment()
    assert await asked(world, trainee) == ["center-2"]


async def test_an_authorized_enterprise_assesses_its_own_staff(world: World) -> None:
    own = f"org-{PROVIDERS[0]}"
    world.planning.centers = (center("enterprise", own), center("center-2"))
    trainee = await world.start(pathway=Pathway.IN_SERVICE, employer=own)
    await trainee.reach_assessment()
    assert await asked(world, trainee) == ["enterprise"]


async def test_an_enterprise_that_trained_somebody_else_s_staff_does_not_assess(
    world: World,
) -> None:
    own = f"org-{PROVIDERS[0]}"
    world.planning.centers = (center("enterprise", own), center("center-2"))
    trainee = await world.start(pathway=Pathway.IN_SERVICE, employer="employer-9")
    await trainee.reach_assessment()
    assert await asked(world, trainee) == ["center-2"]


async def test_a_date_past_the_authorization_goes_to_another_center(world: World) -> None:
    today = (await world.now()).date()
    world.planning.centers = (
        center("center-1", authorized_to=today + timedelta(days=5)),
        center("center-2"),
    )
    trainee = await candidate(world)
    ref = await booked(trainee)
    await schedule(trainee, ref, "theory", at=await world.now() + timedelta(days=9))
    assert await asked(world, trainee, 2) == ["center-1", "center-2"]
    assert ref in world.exam.canceled
    told = next(e for e in trainee.timeline if e.rule == "booking.assessor_authorized")
    assert told.partner == "center-1"


async def test_a_result_sat_on_a_day_without_authorization_is_refused(world: World) -> None:
    today = (await world.now()).date()
    world.planning.centers = (
        center("center-1", authorized_from=today - timedelta(days=3)),
        center("center-2"),
    )
    trainee = await candidate(world)
    ref = await booked(trainee)
    await schedule(trainee, ref, "theory", "practical")
    before = str(today - timedelta(days=9))
    refused = await report(trainee, "result", ref, "theory", raw=90, sat_at=before)
    await trainee.until_receipt(refused, ReceiptStatus.REJECTED)
    await report(trainee, "result", ref, "practical", raw=90)
    await booked(trainee, 2)
    assert world.exam.last(BookSitting).components == ("theory",)
    assert world.exam.last(BookSitting).attempt == 1


async def test_a_kept_center_whose_authorization_ended_is_not_asked_again(world: World) -> None:
    today = (await world.now()).date()
    world.planning.centers = (
        center("center-1", authorized_to=today + timedelta(days=5)),
        center("center-2"),
    )
    trainee = await candidate(world)
    ref = await booked(trainee)
    await schedule(trainee, ref, "theory", "practical")
    await report(trainee, "result", ref, "theory", raw=90)
    await trainee.until(State.AWAITING_RESULTS)
    await world.skip(timedelta(days=6))
    await report(trainee, "voided", ref, "practical")
    assert await asked(world, trainee, 2) == ["center-1", "center-2"]


async def test_without_a_center_the_journey_is_stuck_until_one_is_named(world: World) -> None:
    world.planning.centers = (center("center-1", authorized_to=PAST),)
    trainee = await candidate(world)
    await trainee.until(State.REGISTERING, awaiting="center")
    assert trainee.case.stuck_cause is StuckCause.NO_CAPACITY
    assert trainee.case.turn is Turn.STAFF
    await trainee.command(RetryNow())
    assert trainee.kinds[-1] == "retried"
    assert trainee.case.stuck_cause is StuckCause.NO_CAPACITY
    assert world.exam.calls == []


async def test_every_center_was_asked_and_a_person_names_one_again(world: World) -> None:
    trainee = await candidate(world)
    for nth in (1, 2):
        await booked(trainee, nth)
        await trainee.command(Switch(kind=PartnerKind.CENTER, reason="no answer"))
    await trainee.until(State.REGISTERING, awaiting="center")
    assert trainee.case.stuck_cause is StuckCause.NO_CAPACITY
    await trainee.command(Switch(kind=PartnerKind.CENTER, to="center-2", reason="has room again"))
    assert await asked(world, trainee, 3) == ["center-1", "center-2", "center-2"]
    assert trainee.case.stuck_cause is None


async def test_a_switch_goes_to_the_named_center_and_gives_the_seat_back(world: World) -> None:
    world.planning.centers = (center("center-1"), center("center-2"), center("center-3"))
    trainee = await candidate(world)
    ref = await booked(trainee)
    switch = Switch(kind=PartnerKind.CENTER, to="center-3", reason="nearer")
    await trainee.command(switch)
    assert await asked(world, trainee, 2) == ["center-1", "center-3"]
    assert world.exam.canceled == {ref}
    late = await report(trainee, "scheduled", ref, "theory")
    await trainee.until_receipt(late, ReceiptStatus.LATE)


async def test_a_scheduled_sitting_can_be_switched_away_from(world: World) -> None:
    trainee = await candidate(world)
    ref = await booked(trainee)
    later = await world.now() + timedelta(days=10)
    await schedule(trainee, ref, "theory", "practical", at=later)
    await trainee.until(State.SCHEDULED)
    await trainee.command(Switch(kind=PartnerKind.CENTER, reason="the hall burned down"))
    assert await asked(world, trainee, 2) == ["center-1", "center-2"]
    assert ref in world.exam.canceled
    await sit(trainee, 2, center="center-2", theory=70, practical=70)
    await trainee.until(State.CERTIFICATE_PENDING)


async def test_a_center_that_is_none_of_the_plan_is_refused(world: World) -> None:
    trainee = await candidate(world)
    await booked(trainee)
    refusal = await trainee.refused(Switch(kind=PartnerKind.CENTER, to="nobody", reason="try"))
    assert refusal.rule == "switch.partner_offered"
    assert world.exam.canceled == set()


async def test_a_center_that_refuses_the_booking_waits_for_a_correction(world: World) -> None:
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    world.exam.refuse("no_such_level", "we do not assess this level")
    await trainee.decide_eligible()
    await trainee.until(State.REGISTERING, awaiting="correction:no_such_level")
    assert trainee.case.stuck_cause is StuckCause.DATA_REJECTED
    world.exam.recover()
    await trainee.command(RetryNow())
    assert await asked(world, trainee) == [CENTERS[0], CENTERS[0]]
    keys = [call.idempotency_key for call in world.exam.asked(BookSitting)]
    assert len(set(keys)) == 2, "a corrected request is a request of its own"
    assert trainee.case.stuck_cause is None


async def test_a_silent_center_is_stuck_after_15_days(world: World) -> None:
    trainee = await candidate(world)
    ref = await booked(trainee)
    await world.skip(timedelta(days=14))
    assert trainee.case.stuck_cause is None
    await world.skip(timedelta(days=2))
    await trainee.until_said("stuck")
    assert trainee.case.stuck_cause is StuckCause.PARTNER_SILENT
    assert trainee.case.partner == CENTERS[0]
    await schedule(trainee, ref, "theory", "practical")
    await trainee.until_said("cleared")
    assert trainee.case.stuck_cause is None
