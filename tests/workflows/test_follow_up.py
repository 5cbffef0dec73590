"""Follow-up: 1, 3 and 6 months after the start; an end inside leads back to matching."""

from datetime import date, timedelta

from domain.commands import Choice, Decide
from domain.durations import Duration, Unit
from domain.journal import ReceiptStatus
from domain.stages import Outcome, State, StuckCause
from tests.workflows.carrying import JOB_SERVICE, Trainee, World
from tests.workflows.test_placement import certified, offered, referrals, referred

EMPLOYER = "employer-1"


async def at_work(world: World, day: date | None = None) -> tuple[Trainee, str]:
    trainee = await certified(world)
    ref = await offered(trainee)
    data = {"date": str(day or (await world.now()).date())}
    await trainee.tell("employment.started", data, partner=EMPLOYER, about=ref)
    await trainee.until(State.FOLLOW_UP, awaiting="employment.retained")
    return trainee, ref


async def confirm(trainee: Trainee, ref: str, month: int | None = None, **data: str) -> None:
    told = {"month": month, **data} if month else data
    event = await trainee.tell("employment.retained", told, partner=EMPLOYER, about=ref)
    await trainee.until_receipt(event, ReceiptStatus.APPLIED)


async def test_each_check_is_due_its_months_after_the_start(world: World) -> None:
    trainee, ref = await at_work(world)
    start = next(e.at for e in trainee.timeline if e.kind == "employment_started")
    for months in (1, 3, 6):
        due = Duration(amount=months, unit=Unit.MONTHS).after(start) + timedelta(days=10)
        assert trainee.case.due_at is not None
        assert abs(trainee.case.due_at - due) < timedelta(minutes=1)
        await confirm(trainee, ref, months)
    assert (await trainee.result()).outcome is Outcome.RETAINED
    assert world.placement.canceled == set(), "nobody takes back the referral of a hire"


async def test_a_check_without_an_answer_is_stuck(world: World) -> None:
    trainee, ref = await at_work(world)
    await world.skip(timedelta(days=30))
    assert trainee.case.stuck_cause is None
    await world.skip(timedelta(days=12))
    await trainee.until_said("stuck")
    assert trainee.case.stuck_cause is StuckCause.PARTNER_SILENT
    await confirm(trainee, ref, 1)
    assert trainee.case.stuck_cause is None


async def test_a_confirmation_dated_before_its_check_does_not_confirm_it(world: World) -> None:
    trainee, ref = await at_work(world)
    due = trainee.case.due_at
    await confirm(trainee, ref, 1, date=str((await world.now()).date()))
    assert trainee.case.due_at == due


async def test_one_check_confirmed_by_two_partners_counts_once(world: World) -> None:
    trainee, ref = await at_work(world)
    await confirm(trainee, ref, 1)
    await trainee.tell("employment.retained", {"month": 1}, partner=JOB_SERVICE, about=ref)
    await trainee.until_said("fact_recorded", 3)
    await confirm(trainee, ref, 6)
    assert trainee.case.state is State.FOLLOW_UP
    await confirm(trainee, ref, 3)
    assert (await trainee.result()).outcome is Outcome.RETAINED


async def test_confirmations_that_name_no_month_count_in_turn(world: World) -> None:
    trainee, ref = await at_work(world)
    now = await world.now()
    for months in (2, 4, 7):
        await confirm(trainee, ref, date=str((now + timedelta(days=31 * months)).date()))
    assert (await trainee.result()).outcome is Outcome.RETAINED


async def test_an_end_inside_leads_back_and_the_next_job_is_followed_up_anew(
    world: World,
) -> None:
    trainee, ref = await at_work(world)
    await confirm(trainee, ref, 1)
    await trainee.tell("employment.ended", {"reason": "closed"}, partner=EMPLOYER, about=ref)
    second = await referred(trainee, 2)
    assert referrals(world) == ["v1", "v2"]
    for name in ("offer.made", "employment.started"):
        await trainee.tell(name, partner="employer-2", about=second)
    await trainee.until(State.FOLLOW_UP)
    late = await trainee.tell("employment.retained", {"month": 3}, partner=EMPLOYER, about=ref)
    await trainee.until_receipt(late, ReceiptStatus.LATE)
    for month in (1, 3, 6):
        assert trainee.case.closed_at is None
        await trainee.tell(
            "employment.retained", {"month": month}, partner="employer-2", about=second
        )
    assert (await trainee.result()).outcome is Outcome.RETAINED
    assert trainee.kinds.count("employment_started") == 2


async def test_an_end_after_the_last_check_changes_nothing(world: World) -> None:
    trainee, ref = await at_work(world)
    after = (await world.now()).date() + timedelta(days=200)
    ended = await trainee.tell(
        "employment.ended", {"date": str(after)}, partner=EMPLOYER, about=ref
    )
    await trainee.until_receipt(ended, ReceiptStatus.APPLIED)
    assert trainee.case.state is State.FOLLOW_UP
    for month in (1, 3, 6):
        await trainee.tell("employment.retained", {"month": month}, partner=EMPLOYER, about=ref)
    assert (await trainee.result()).outcome is Outcome.RETAINED


async def test_an_undated_end_reported_after_the_last_check_changes_nothing(world: World) -> None:
    trainee, ref = await at_work(world)
    await world.skip(timedelta(days=190))
    ended = await trainee.tell("employment.ended", partner=EMPLOYER, about=ref)
    await trainee.until_receipt(ended, ReceiptStatus.APPLIED)
    assert trainee.case.state is State.FOLLOW_UP


async def test_a_person_may_close_as_placed(world: World) -> None:
    trainee, _ = await at_work(world)
    await trainee.command(Decide(choice=Choice.CLOSE_PLACED, reason="insured, employer is silent"))
    assert (await trainee.result()).outcome is Outcome.PLACED
    assert world.placement.canceled == set()


async def test_a_start_told_ahead_is_followed_up_from_its_day(world: World) -> None:
    first_day = (await world.now()).date() + timedelta(days=20)
    trainee, _ = await at_work(world, first_day)
    due = Duration(amount=1, unit=Unit.MONTHS).after(await world.now() + timedelta(days=20))
    assert trainee.case.due_at is not None
    assert abs(trainee.case.due_at - due - timedelta(days=10)) < timedelta(days=2)


async def test_an_absurd_first_day_stops_no_journey(world: World) -> None:
    trainee, ref = await at_work(world, date(9999, 12, 31))
    await confirm(trainee, ref, 1)
    await trainee.tell("employment.ended", {"date": "0001-01-01"}, partner=EMPLOYER, about=ref)
    await referred(trainee, 2)
