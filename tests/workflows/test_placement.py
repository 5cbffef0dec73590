"""Placement: referral, offer and start; the next match where one fails; a person at the limit."""

from datetime import timedelta
from typing import Any

import pytest

from domain.commands import Choice, Decide, PartnerKind, RetryNow, Switch
from domain.journal import ReceiptStatus
from domain.plan import Component, ComponentCredit, Earlier, Vacancy
from domain.stages import Outcome, Pathway, State, StuckCause, Turn
from partners.requests import MakeReferral
from tests.workflows.carrying import JOB_SERVICE, Trainee, World, default_policy
from tests.workflows.timelines import unbroken


def vacancy(ref: str, employer: str | None = None) -> Vacancy:
    return Vacancy(
        vacancy_ref=ref, employer=employer or f"of-{ref}", occupation="6-18-01-01", region="440305"
    )


async def certified(world: World, pathway: Pathway = Pathway.RPL_ONLY, **changes: Any) -> Trainee:
    """A trainee with every component credited, certified now."""
    passed_at = await world.now() - timedelta(days=30)
    both = tuple(
        ComponentCredit(component=part, passed_at=passed_at)
        for part in (Component.THEORY, Component.PRACTICAL)
    )
    trainee = await world.start(pathway=pathway, earlier=Earlier(components=both), **changes)
    await trainee.decide_eligible()
    if pathway is Pathway.IN_SERVICE:
        await trainee.complete(await trainee.enroll())
    await trainee.certify()
    return trainee


async def referred(trainee: Trainee, times: int = 1) -> str:
    """Wait for the so-manieth referral; its reference."""
    await trainee.until_said("referral_made", times)
    await trainee.until(State.REFERRED)
    return trainee.last_ref()


def referrals(world: World) -> list[str]:
    return [call.vacancy_ref for call in world.placement.asked(MakeReferral)]


async def offered(trainee: Trainee) -> str:
    ref = await referred(trainee)
    await trainee.tell("referral.accepted", partner=JOB_SERVICE, about=ref)
    await trainee.tell("offer.made", partner="employer-1", about=ref)
    await trainee.until(State.OFFERED)
    return ref


async def test_no_vacancy_is_stuck_10_working_days_after_the_certificate_and_looked_for_again(
    world: World,
) -> None:
    found, world.placement.open_vacancies = world.placement.open_vacancies, ()
    trainee = await certified(world)
    await trainee.until(State.MATCHING, awaiting="vacancy")
    issued = next(e.at for e in trainee.timeline if e.kind == "certificate_issued")
    assert trainee.case.due_at == issued + timedelta(days=10)
    await world.skip(timedelta(days=9))
    assert trainee.case.stuck_cause is None
    await world.skip(timedelta(days=2))
    await trainee.until_said("stuck")
    assert trainee.case.stuck_cause is StuckCause.NO_CAPACITY
    world.placement.open_vacancies = found
    await world.skip(timedelta(days=7))
    await referred(trainee)
    assert trainee.case.stuck_cause is None


async def test_staff_look_again_at_once(world: World) -> None:
    found, world.placement.open_vacancies = world.placement.open_vacancies, ()
    trainee = await certified(world)
    await trainee.until(State.MATCHING, awaiting="vacancy")
    world.placement.open_vacancies = found
    await trainee.command(RetryNow())
    await referred(trainee)


async def test_the_journey_s_own_vacancy_comes_first(world: World) -> None:
    trainee = await certified(world, vacancy_ref="v3")
    await referred(trainee)
    assert referrals(world) == ["v3"]


async def test_a_person_s_choice_comes_before_the_journey_s_own_vacancy(world: World) -> None:
    world.placement.open_vacancies = ()
    trainee = await certified(world, vacancy_ref="v1")
    await trainee.until(State.MATCHING, awaiting="vacancy")
    world.placement.open_vacancies = (vacancy("v1"), vacancy("v2"), vacancy("v3"))
    await trainee.command(Switch(kind=PartnerKind.VACANCY, to="v3", reason="her wish"))
    await referred(trainee)
    assert referrals(world) == ["v3"]


async def test_blacklisted_employers_are_never_referred_to(world: World) -> None:
    world.placement.open_vacancies = (vacancy("v1", "bad"), vacancy("v2", "good"))
    policy = default_policy(placement={"blacklisted_employers": ("bad",)})
    trainee = await certified(world, policy=policy, vacancy_ref="v1")
    ref = await referred(trainee)
    await trainee.command(Switch(kind=PartnerKind.VACANCY, to="v1", reason="try"))
    await trainee.until(State.MATCHING, awaiting="vacancy")
    assert referrals(world) == ["v2"]
    assert world.placement.canceled == {ref}


async def test_a_declined_referral_leads_to_the_next_match_and_never_back(world: World) -> None:
    trainee = await certified(world)
    for times in (1, 2, 3):
        ref = await referred(trainee, times)
        await trainee.tell(
            "referral.declined", {"reason": "filled"}, partner=JOB_SERVICE, about=ref
        )
    await trainee.until(State.MATCHING, awaiting="vacancy")
    assert referrals(world) == ["v1", "v2", "v3"]
    assert trainee.case.stuck_cause is None, "a first referral was made in time"
    assert world.placement.canceled == set()


async def test_a_declined_offer_leads_to_the_next_match(world: World) -> None:
    trainee = await certified(world)
    ref = await offered(trainee)
    await trainee.tell("offer.declined", {"reason": "too far"}, partner="employer-1", about=ref)
    await referred(trainee, 2)
    assert referrals(world) == ["v1", "v2"]
    assert "offer_declined" in trainee.kinds


async def test_an_offer_before_the_acceptance_counts(world: World) -> None:
    trainee = await certified(world)
    ref = await referred(trainee)
    await trainee.tell("offer.made", partner="employer-1", about=ref)
    await trainee.until(State.OFFERED)
    late = await trainee.tell("referral.accepted", partner=JOB_SERVICE, about=ref)
    await trainee.until_receipt(late, ReceiptStatus.LATE)


async def test_a_start_of_work_before_the_offer_waits_for_it(world: World) -> None:
    trainee = await certified(world)
    ref = await referred(trainee)
    early = await trainee.tell("employment.started", partner="employer-1", about=ref)
    await trainee.until_receipt(early, ReceiptStatus.BUFFERED)
    await trainee.tell("offer.made", partner="employer-1", about=ref)
    await trainee.until(State.FOLLOW_UP)
    assert trainee.receipt(early) is ReceiptStatus.APPLIED


async def test_a_stranger_to_the_referral_is_refused(world: World) -> None:
    trainee = await certified(world)
    ref = await referred(trainee)
    by_ref = await trainee.tell("referral.declined", partner="jobs-x", about=ref)
    by_journey = await trainee.tell("offer.made", partner="employer-x")
    for event in (by_ref, by_journey):
        await trainee.until_receipt(event, ReceiptStatus.REJECTED)
    assert trainee.case.state is State.REFERRED


@pytest.mark.parametrize(
    ("accepted", "days"), [(False, 5), (True, 15)], ids=["the answer", "the offer"]
)
async def test_a_silent_job_service_is_stuck(world: World, accepted: bool, days: int) -> None:
    trainee = await certified(world)
    ref = await referred(trainee)
    if accepted:
        event = await trainee.tell("referral.accepted", partner=JOB_SERVICE, about=ref)
        await trainee.until_receipt(event, ReceiptStatus.APPLIED)
    await world.skip(timedelta(days=days - 1))
    assert trainee.case.stuck_cause is None
    await world.skip(timedelta(days=2))
    await trainee.until_said("stuck")
    assert trainee.case.stuck_cause is StuckCause.PARTNER_SILENT
    assert trainee.case.partner == JOB_SERVICE
    await trainee.command(Switch(kind=PartnerKind.VACANCY, reason="no answer"))
    await referred(trainee, 2)
    assert world.placement.canceled == {ref}
    assert trainee.case.stuck_cause is None


async def test_an_offer_without_a_start_is_stuck_after_30_days(world: World) -> None:
    trainee = await certified(world)
    ref = await offered(trainee)
    await world.skip(timedelta(days=31))
    await trainee.until_said("stuck")
    assert trainee.case.stuck_cause is StuckCause.PARTNER_SILENT
    await trainee.tell("employment.started", partner="employer-1", about=ref)
    await trainee.until(State.FOLLOW_UP)
    assert trainee.case.stuck_cause is None


async def at_the_limit(world: World) -> Trainee:
    world.placement.open_vacancies = ()
    trainee = await certified(world)
    await trainee.until(State.MATCHING, awaiting="vacancy")
    await world.skip(timedelta(days=190))
    await trainee.until(State.MATCHING, awaiting="placement.decision")
    return trainee


async def test_past_the_limit_a_person_closes_without_a_job(world: World) -> None:
    trainee = await at_the_limit(world)
    assert trainee.case.turn is Turn.STAFF
    assert trainee.case.closed_at is None
    await trainee.command(Decide(choice=Choice.CLOSE_NO_JOB, reason="moved away"))
    assert (await trainee.result()).outcome is Outcome.CERTIFIED_NO_JOB
    assert trainee.timeline[-1].by.role == "caseworker"


async def test_before_the_limit_nobody_closes_without_a_job(world: World) -> None:
    early = Decide(choice=Choice.CLOSE_NO_JOB, reason="tired of waiting")
    trainee = await certified(world)
    await referred(trainee)
    assert (await trainee.refused(early)).rule == "decision.awaited"
    world.placement.open_vacancies = ()
    searching = await certified(world)
    await searching.until(State.MATCHING, awaiting="vacancy")
    assert (await searching.refused(early)).rule == "decision.awaited"


async def test_past_the_limit_a_person_may_search_on(world: World) -> None:
    trainee = await at_the_limit(world)
    world.placement.open_vacancies = (vacancy("v7"),)
    await trainee.command(Decide(choice=Choice.SEARCH_ON, reason="a factory opens"))
    await referred(trainee)
    assert referrals(world) == ["v7"]


async def test_an_undecided_limit_is_stuck_as_a_decision(world: World) -> None:
    trainee = await at_the_limit(world)
    await world.skip(timedelta(days=12))
    await trainee.until(awaiting="placement.decision")
    assert trainee.case.stuck_cause is StuckCause.DECISION_OVERDUE


async def test_a_promotion_of_a_job_seeker_comes_late(world: World) -> None:
    trainee = await certified(world)
    await referred(trainee)
    event = await trainee.tell("promotion.confirmed", {"new_level": "x"}, partner="employer-1")
    await trainee.until_receipt(event, ReceiptStatus.LATE)


async def test_in_service_only_the_own_employer_confirms_the_promotion(world: World) -> None:
    trainee = await certified(world, Pathway.IN_SERVICE, employer="employer-1")
    await trainee.until(State.AWAITING_PROMOTION, awaiting="promotion.confirmed")
    foreign = await trainee.tell("promotion.confirmed", {"new_level": "x"}, partner="employer-2")
    await trainee.until_receipt(foreign, ReceiptStatus.REJECTED)
    assert trainee.case.state is State.AWAITING_PROMOTION
    start = await trainee.tell("employment.started", partner="employer-1")
    await trainee.until_receipt(start, ReceiptStatus.LATE)
    await trainee.tell("promotion.confirmed", {"new_level": "senior"}, partner="employer-1")
    assert (await trainee.result()).outcome is Outcome.PROMOTED
    assert world.placement.calls == []


async def test_the_caseload_shows_each_wait_and_its_timeline_has_no_gap(world: World) -> None:
    trainee = await certified(world)
    ref = await referred(trainee)
    assert trainee.case.awaited == ("referral.accepted", "offer.made", "referral.declined")
    assert (trainee.case.partner, trainee.case.turn) == (JOB_SERVICE, Turn.PARTNER)
    for name, awaited in (
        ("offer.made", ("employment.started", "offer.declined", "referral.declined")),
        ("employment.started", ("employment.retained", "employment.ended")),
    ):
        event = await trainee.tell(name, partner="employer-1", about=ref)
        await trainee.until_receipt(event, ReceiptStatus.APPLIED)
        assert trainee.case.awaited == awaited
        assert trainee.case.due_at is not None
        assert trainee.case.stuck_cause is None
    await trainee.stay(ref)
    await trainee.result()
    unbroken(trainee)
    assert not trainee.case.awaited
    assert trainee.case.due_at is None
