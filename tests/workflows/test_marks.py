"""Marks: each component 0 to 100, pass 60, resit of the failed only, retraining, attempts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.journal import ReceiptStatus
from domain.levels import SkillLevel
from domain.plan import Component, ComponentCredit, Earlier
from domain.stages import Outcome, Pathway, State
from partners.requests import BookSitting
from tests.workflows.carrying import World, default_policy
from tests.workflows.sittings import booked, bookings, report, schedule, sit

THEORY, PRACTICAL = Component.THEORY, Component.PRACTICAL


async def test_only_the_failed_component_is_sat_again_and_60_passes(world: World) -> None:
    trainee = await world.start()
    await trainee.reach_assessment()
    await sit(trainee, theory=58, practical=75)
    await sit(trainee, 2, theory=60)
    await trainee.until(State.CERTIFICATE_PENDING)
    asked = world.exam.asked(BookSitting)
    assert [call.components for call in asked] == [(THEORY, PRACTICAL), (THEORY,)]
    assert [call.attempt for call in asked] == [1, 2]
    assert "resit_granted" in trainee.kinds
    assert "retraining_ordered" not in trainee.kinds


async def test_a_failed_resit_leads_to_retraining_and_a_third_failure_exhausts(
    world: World,
) -> None:
    trainee = await world.start()
    await trainee.reach_assessment()
    await sit(trainee, theory=58, practical=75)
    await sit(trainee, 2, theory=59)
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    await trainee.complete(await trainee.enroll())
    await sit(trainee, 3, theory=40)
    result = await trainee.result()
    assert result.outcome is Outcome.EXHAUSTED
    assert [call.components for call in world.exam.asked(BookSitting)] == [
        (THEORY, PRACTICAL),
        (THEORY,),
        (THEORY,),
    ]
    assert world.exam.canceled == set(), "a sitting that was held is not given back"
    kinds = trainee.kinds
    assert kinds.index("resit_granted") < kinds.index("retraining_ordered")
    assert kinds[-1] == "attempts_exhausted"


async def test_a_passed_component_is_credited_for_a_re_entry(world: World) -> None:
    trainee = await world.start()
    await trainee.reach_assessment()
    await sit(trainee, theory=58, practical=75)
    await booked(trainee, 2)
    credited = [
        credit.component
        for batch in world.journal.batches
        if batch.journey_id == trainee.id
        for credit in batch.component_credits
    ]
    assert credited == [PRACTICAL]


async def test_a_journey_with_an_earlier_credit_books_only_the_rest(world: World) -> None:
    passed_at = datetime.now(UTC) - timedelta(days=200)
    trainee = await world.start(
        pathway=Pathway.RPL_ONLY,
        earlier=Earlier(components=(ComponentCredit(component=PRACTICAL, passed_at=passed_at),)),
    )
    await trainee.decide_eligible()
    await sit(trainee, theory=60)
    await trainee.until(State.CERTIFICATE_PENDING)
    assert [call.components for call in world.exam.asked(BookSitting)] == [(THEORY,)]


async def test_with_every_component_credited_nothing_is_sat(world: World) -> None:
    passed_at = datetime.now(UTC) - timedelta(days=30)
    trainee = await world.start(
        pathway=Pathway.RPL_ONLY,
        earlier=Earlier(
            components=tuple(
                ComponentCredit(component=part, passed_at=passed_at) for part in (THEORY, PRACTICAL)
            )
        ),
    )
    await trainee.decide_eligible()
    await trainee.until(State.CERTIFICATE_PENDING)
    assert world.exam.calls == []


async def test_a_credit_older_than_12_months_is_sat_again(world: World) -> None:
    now = datetime.now(UTC)
    trainee = await world.start(
        pathway=Pathway.RPL_ONLY,
        earlier=Earlier(
            components=(
                ComponentCredit(component=PRACTICAL, passed_at=now - timedelta(days=367)),
                ComponentCredit(component=THEORY, passed_at=now - timedelta(days=360)),
            )
        ),
    )
    await trainee.decide_eligible()
    await booked(trainee)
    assert world.exam.last(BookSitting).components == (PRACTICAL,)


async def test_a_pass_that_expires_before_the_rest_is_passed_is_sat_again(world: World) -> None:
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    await sit(trainee, theory=58, practical=75)
    await booked(trainee, 2)
    await world.skip(timedelta(days=370))
    await sit(trainee, 2, theory=80)
    await booked(trainee, 3)
    assert world.exam.last(BookSitting).components == (PRACTICAL,)
    assert world.exam.last(BookSitting).attempt == 2, "no attempt is used by an expired pass"
    await sit(trainee, 3, practical=61)
    await trainee.until(State.CERTIFICATE_PENDING)


@pytest.mark.parametrize(
    ("marks", "passes"),
    [
        ({"raw": 0}, False),
        ({"raw": 59.99}, False),
        ({"raw": 59.999999}, False),
        ({"raw": 60}, True),
        ({"raw": 100}, True),
        ({"raw": 89.9, "max": 150}, False),
        ({"raw": 90, "max": 150}, True),
        ({"raw": 57.6, "max": 96}, True),
        ({"raw": 4.2, "max": 7}, True),
        ({"raw": 4.1999, "max": 7}, False),
        ({"raw": 75, "outcome": "fail", "pass_mark": 80}, True),
        ({"raw": 55, "outcome": "pass", "pass_mark": 50}, False),
    ],
    ids=str,
)
async def test_60_of_100_passes_whatever_the_points(
    world: World, marks: dict[str, Any], passes: bool
) -> None:
    trainee = await world.start(level=SkillLevel.CHIEF_TECHNICIAN, pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    ref = await booked(trainee)
    await schedule(trainee, ref, "comprehensive")
    await report(trainee, "result", ref, "comprehensive", **marks)
    if passes:
        await trainee.until(State.CERTIFICATE_PENDING)
    else:
        await booked(trainee, 2)
        assert "assessment_passed" not in trainee.kinds


@pytest.mark.parametrize("marks", [{"raw": -1}, {"raw": 101}, {"raw": 8, "max": 7}, {"max": 100}])
async def test_a_mark_outside_its_scale_is_refused(world: World, marks: dict[str, Any]) -> None:
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    ref = await booked(trainee)
    await schedule(trainee, ref, "theory", "practical")
    event = await report(trainee, "result", ref, "theory", **marks)
    await trainee.until_receipt(event, ReceiptStatus.REJECTED)
    await report(trainee, "result", ref, "theory", raw=70)
    await report(trainee, "result", ref, "practical", raw=70)
    await trainee.until(State.CERTIFICATE_PENDING)


async def test_a_technician_sits_a_comprehensive_component_too(world: World) -> None:
    trainee = await world.start(level=SkillLevel.TECHNICIAN, pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    await sit(trainee, theory=70, practical=70, comprehensive=50)
    await sit(trainee, 2, comprehensive=60)
    await trainee.until(State.CERTIFICATE_PENDING)
    assert [call.components for call in world.exam.asked(BookSitting)] == [
        (THEORY, PRACTICAL, Component.COMPREHENSIVE),
        (Component.COMPREHENSIVE,),
    ]


async def test_nobody_sits_again_to_improve_a_pass(world: World) -> None:
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    await sit(trainee, theory=58, practical=61)
    ref = await booked(trainee, 2)
    await schedule(trainee, ref, "theory")
    better = await report(trainee, "result", ref, "practical", raw=99)
    await report(trainee, "result", ref, "theory", raw=65)
    await trainee.until(State.CERTIFICATE_PENDING)
    await trainee.until_receipt(better, ReceiptStatus.LATE)
    assert not any("practical: 99" in entry.detail for entry in trainee.timeline)


async def test_recognition_only_resits_until_the_attempts_are_used(world: World) -> None:
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    await sit(trainee, theory=10, practical=75)
    await sit(trainee, 2, theory=20)
    await sit(trainee, 3, theory=30)
    assert (await trainee.result()).outcome is Outcome.EXHAUSTED
    assert "retraining_ordered" not in trainee.kinds
    assert world.enrollment.calls == []
    assert len(bookings(trainee)) == 3


async def test_a_resit_dated_after_its_limit_means_retraining(world: World) -> None:
    trainee = await world.start()
    await trainee.reach_assessment()
    await sit(trainee, theory=58, practical=75)
    ref = await booked(trainee, 2)
    await schedule(trainee, ref, "theory", at=await world.now() + timedelta(days=61))
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert ref in world.exam.canceled
    assert "retraining_ordered" in trainee.kinds
    await trainee.complete(await trainee.enroll())
    await sit(trainee, 3, theory=60)
    await trainee.until(State.CERTIFICATE_PENDING)
    assert world.exam.last(BookSitting).attempt == 2, "what was not sat used no attempt"


async def test_a_resit_dated_within_its_limit_is_sat(world: World) -> None:
    trainee = await world.start()
    await trainee.reach_assessment()
    await sit(trainee, theory=58, practical=75)
    ref = await booked(trainee, 2)
    await schedule(trainee, ref, "theory", at=await world.now() + timedelta(days=59))
    await trainee.until(State.SCHEDULED)
    assert "retraining_ordered" not in trainee.kinds


async def test_a_retrained_component_has_one_resit_again_where_attempts_are_left(
    world: World,
) -> None:
    trainee = await world.start(policy=default_policy(assessment={"attempts": 5}))
    await trainee.reach_assessment()
    await sit(trainee, theory=1, practical=75)
    await sit(trainee, 2, theory=2)
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    await trainee.complete(await trainee.enroll())
    await sit(trainee, 3, theory=3)
    await sit(trainee, 4, theory=4)
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert trainee.kinds.count("resit_granted") == 2
    assert trainee.kinds.count("retraining_ordered") == 2
