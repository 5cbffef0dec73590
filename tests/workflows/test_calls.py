"""Calls to partner services: tried for as long as it takes, with one effect a step."""

from datetime import timedelta

from domain.commands import Hold, PartnerKind, Resume, RetryNow, Switch
from domain.journal import ReceiptStatus
from domain.lifecycle import EntryKind
from domain.stages import State, StuckCause, Turn
from partners.requests import Cancel, CheckEligibility, RequestEnrollment
from tests.workflows.carrying import CASEWORKER, PROVIDERS, REGISTRY, Trainee, World, default_policy
from tests.workflows.timelines import line_of, told, unbroken

RETRIED_AT_MOST_EVERY = timedelta(minutes=5)
DOWN_AFTER = timedelta(minutes=15)
A_MINUTE = timedelta(minutes=1)


async def asked_in_vain(world: World) -> Trainee:
    """A trainee whose first call to the enrollment service finds it down."""
    world.enrollment.fail(times=10_000)
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING)
    return trainee


async def refused_by_data(world: World) -> Trainee:
    """A trainee whose enrollment the service refuses to take."""
    world.enrollment.refuse("unknown_occupation", "we do not teach this")
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING, awaiting="correction:unknown_occupation")
    return trainee


async def test_the_caseload_shows_the_service_that_is_called(world: World) -> None:
    trainee = await asked_in_vain(world)
    case = trainee.case
    assert case.awaited == ("service:enrollment",)
    assert (case.partner, case.turn, case.stuck_cause) == (PROVIDERS[0], Turn.PARTNER, None)


async def test_a_short_outage_is_bridged_without_a_word(world: World) -> None:
    world.enrollment.fail(times=2)
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING)
    await world.skip(A_MINUTE)
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert len(world.enrollment.calls) == 3
    assert told(trainee, EntryKind.STUCK, EntryKind.REMINDED, EntryKind.CLEARED) == []


async def test_a_service_down_past_the_limit_makes_the_journey_stuck(world: World) -> None:
    trainee = await asked_in_vain(world)
    await world.skip(DOWN_AFTER - A_MINUTE)
    assert trainee.case.stuck_cause is None
    await world.skip(2 * A_MINUTE)
    await trainee.until_said("stuck")
    case = trainee.case
    assert (case.stuck_cause, case.partner) == (StuckCause.SERVICE_DOWN, PROVIDERS[0])
    assert case.stuck_since == line_of(trainee, EntryKind.STUCK).at
    assert (await trainee.refused(RetryNow())).rule == "retry.something_failed"


async def test_a_service_that_is_back_clears_the_journey(world: World) -> None:
    trainee = await asked_in_vain(world)
    await world.skip(DOWN_AFTER + A_MINUTE)
    await trainee.until_said("stuck")
    world.enrollment.recover()
    await world.skip(RETRIED_AT_MOST_EVERY + A_MINUTE)
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert trainee.case.stuck_cause is None
    assert "enrollment" in line_of(trainee, EntryKind.CLEARED).detail
    await trainee.enroll()
    await trainee.until(State.IN_PROGRESS)


async def test_however_often_it_is_tried_a_step_has_one_key_and_one_effect(world: World) -> None:
    trainee = await asked_in_vain(world)
    await world.skip(timedelta(hours=3))
    world.enrollment.recover()
    await world.skip(RETRIED_AT_MOST_EVERY + A_MINUTE)
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert len(world.enrollment.calls) > 30
    keys = {call.idempotency_key for call in world.enrollment.asked(RequestEnrollment)}
    assert keys == set(world.enrollment.effects) == {f"{trainee.id}:enrollment:1"}


async def test_an_answer_that_got_lost_has_no_second_effect(world: World) -> None:
    world.enrollment.hang()
    trainee = await world.start(policy=default_policy(calls={"answer_within": "500 ms"}))
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING)
    await world.skip(timedelta(seconds=3))
    world.enrollment.recover()
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert len(world.enrollment.calls) > 1
    assert len(world.enrollment.effects) == 1
    assert trainee.last_ref() == "en_1"


async def test_an_outage_of_the_registry_holds_up_the_check(world: World) -> None:
    world.registry.fail(times=10_000)
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY)
    await world.skip(DOWN_AFTER + A_MINUTE)
    await trainee.until_said("stuck")
    assert trainee.case.stuck_cause is StuckCause.SERVICE_DOWN
    world.registry.recover()
    await world.skip(RETRIED_AT_MOST_EVERY + A_MINUTE)
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING)
    assert len(world.registry.effects) == 1


async def test_a_cancellation_is_tried_until_it_has_its_one_effect(world: World) -> None:
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    ref = trainee.last_ref()
    world.enrollment.fail(times=3)
    await trainee.command(Switch(kind=PartnerKind.PROVIDER, reason="too far"))
    await world.skip(A_MINUTE)
    await trainee.until_said("next_provider_chosen")
    assert world.enrollment.canceled == {ref}
    assert len(world.enrollment.asked(Cancel)) == 4
    assert len({call.idempotency_key for call in world.enrollment.asked(Cancel)}) == 1


async def test_a_refused_request_waits_for_a_person(world: World) -> None:
    trainee = await refused_by_data(world)
    case = trainee.case
    assert (case.stuck_cause, case.turn) == (StuckCause.DATA_REJECTED, Turn.STAFF)
    assert (case.partner, case.stuck_since is not None) == (PROVIDERS[0], True)
    assert "unknown_occupation" in line_of(trainee, EntryKind.STUCK).detail
    assert len(world.enrollment.calls) == 1
    await world.skip(timedelta(days=1))
    assert len(world.enrollment.calls) == 1


async def test_a_retry_is_a_request_of_its_own(world: World) -> None:
    trainee = await refused_by_data(world)
    world.enrollment.recover()
    await trainee.command(RetryNow())
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert trainee.case.stuck_cause is None
    assert line_of(trainee, EntryKind.RETRIED).by == CASEWORKER
    line_of(trainee, EntryKind.CLEARED)
    asked = world.enrollment.asked(RequestEnrollment)
    assert [call.partner for call in asked] == [PROVIDERS[0]] * 2
    assert [call.idempotency_key for call in asked] == [
        f"{trainee.id}:enrollment:1",
        f"{trainee.id}:enrollment:2",
    ]


async def test_a_retry_that_is_refused_again_is_stuck_again(world: World) -> None:
    trainee = await refused_by_data(world)
    await trainee.command(RetryNow())
    await trainee.until_said("stuck", times=2)
    assert trainee.case.stuck_cause is StuckCause.DATA_REJECTED
    assert told(trainee, EntryKind.STUCK, EntryKind.CLEARED) == [
        EntryKind.STUCK,
        EntryKind.CLEARED,
        EntryKind.STUCK,
    ]


async def test_a_refused_trainee_can_be_switched_to_another_provider(world: World) -> None:
    trainee = await refused_by_data(world)
    world.enrollment.recover()
    await trainee.command(
        Switch(kind=PartnerKind.PROVIDER, to=PROVIDERS[2], reason="they teach it")
    )
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert world.enrollment.last(RequestEnrollment).partner == PROVIDERS[2]
    assert trainee.case.stuck_cause is None
    assert world.enrollment.asked(Cancel) == []
    assert line_of(trainee, EntryKind.PARTNER_SWITCHED).by == CASEWORKER


async def test_an_uncorrected_refusal_climbs_to_the_supervisor(world: World) -> None:
    trainee = await refused_by_data(world)
    await world.skip(timedelta(days=10, minutes=1))
    await trainee.until_said("escalated_above")
    rungs = (EntryKind.STUCK, EntryKind.REMINDED, EntryKind.ESCALATED, EntryKind.ESCALATED_ABOVE)
    assert told(trainee, *rungs) == [
        EntryKind.STUCK,
        EntryKind.ESCALATED,
        EntryKind.ESCALATED_ABOVE,
    ]


async def test_a_check_that_the_registry_refuses_can_only_be_retried(world: World) -> None:
    world.registry.refuse("unknown_person")
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY, awaiting="correction:unknown_person")
    assert trainee.case.stuck_cause is StuckCause.DATA_REJECTED
    switch = Switch(kind=PartnerKind.PROVIDER, reason="wish")
    assert (await trainee.refused(switch)).rule == "switch.provider"
    world.registry.recover()
    await trainee.command(RetryNow())
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING)
    assert len({call.idempotency_key for call in world.registry.asked(CheckEligibility)}) == 2


async def test_events_that_arrive_during_a_call_are_kept(world: World) -> None:
    trainee = await asked_in_vain(world)
    early = await trainee.tell("certificate.issued", {"number": "C1"}, partner="issuer-gd")
    await trainee.until_receipt(early, ReceiptStatus.BUFFERED)
    late = await trainee.tell("eligibility.decided", {"outcome": "ineligible"}, partner=REGISTRY)
    await trainee.until_receipt(late, ReceiptStatus.LATE)
    assert trainee.case.state is State.ENROLLING


async def test_a_hold_during_a_search_gives_its_deadline_the_time_back(world: World) -> None:
    world.placement.open_vacancies = ()
    trainee = await world.start()
    await trainee.reach_placement()
    await trainee.until(State.MATCHING, awaiting="vacancy")
    due = trainee.case.due_at
    assert due is not None
    world.placement.fail(times=10_000)
    await world.skip(timedelta(days=7, minutes=1))
    await trainee.command(Hold(reason="in hospital"))
    assert trainee.case.awaited == ("service:placement",)
    await world.skip(timedelta(hours=6))
    await trainee.command(Resume())
    world.placement.recover()
    await world.skip(RETRIED_AT_MOST_EVERY + A_MINUTE)
    await trainee.until(State.MATCHING, awaiting="vacancy")
    paused = line_of(trainee, EntryKind.RESUMED).at - line_of(trainee, EntryKind.HELD).at
    assert trainee.case.due_at == due + paused
    unbroken(trainee)
