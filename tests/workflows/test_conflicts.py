"""Contradictory facts: the journey rests until a supervisor chooses the one that stands."""

import asyncio
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError

from domain.commands import (
    CASE_CHANGED,
    Choose,
    ExtendDeadline,
    Hold,
    PartnerKind,
    Resume,
    Switch,
    Withdraw,
)
from domain.events import Delivery
from domain.journal import ReceiptStatus
from domain.stages import Outcome, Pathway, State, StuckCause, Turn
from tests.workflows.carrying import SUPERVISOR, Trainee, World
from tests.workflows.sittings import booked, report, schedule


async def at_sitting(world: World) -> tuple[Trainee, str]:
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    ref = await booked(trainee)
    await schedule(trainee, ref, "theory", "practical")
    await trainee.until(State.AWAITING_RESULTS)
    return trainee, ref


async def theory(trainee: Trainee, ref: str, raw: float, **named: Any) -> Delivery:
    return await report(trainee, "result", ref, "theory", raw=raw, **named)


async def contradicted(
    world: World, first: float, second: float
) -> tuple[Trainee, str, Delivery, Delivery]:
    """A theory result told twice with other marks, and the practical one at hand."""
    trainee, ref = await at_sitting(world)
    one = await theory(trainee, ref, first)
    await trainee.until_receipt(one, ReceiptStatus.APPLIED)
    other = await theory(trainee, ref, second)
    await trainee.until_receipt(other, ReceiptStatus.CONFLICT)
    await report(trainee, "result", ref, "practical", raw=80)
    return trainee, ref, one, other


async def test_a_contradiction_makes_the_journey_stuck_and_a_supervisor_s_turn(
    world: World,
) -> None:
    trainee, _, one, _ = await contradicted(world, 58, 85)

    await world.skip(timedelta(days=40))

    assert trainee.case.state is State.AWAITING_RESULTS
    assert trainee.case.stuck_cause is StuckCause.CONFLICT
    assert trainee.case.stuck_since is not None
    assert (trainee.case.turn, trainee.case.awaited[0]) == (Turn.STAFF, "choose")
    assert trainee.receipt(one) is ReceiptStatus.APPLIED


async def test_the_earlier_fact_is_chosen_and_the_journey_goes_on_by_it(world: World) -> None:
    trainee, _, one, other = await contradicted(world, 58, 85)

    await trainee.choose(one)

    await booked(trainee, 2)
    assert trainee.case.stuck_cause is None
    assert trainee.receipt(one) is ReceiptStatus.APPLIED
    assert trainee.receipt(other) is ReceiptStatus.SUPERSEDED
    settled = next(line for line in trainee.timeline if line.kind == "conflict_settled")
    assert (settled.by, settled.receipt) == (SUPERVISOR, one.receipt)


async def test_the_later_fact_is_chosen_and_takes_the_place_of_the_earlier(world: World) -> None:
    trainee, _, one, other = await contradicted(world, 58, 85)

    await trainee.choose(other)

    await trainee.until(State.CERTIFICATE_PENDING)
    assert trainee.receipt(one) is ReceiptStatus.SUPERSEDED
    assert trainee.receipt(other) is ReceiptStatus.APPLIED


@pytest.mark.parametrize("order", list(permutations((58, 85, 70))))
async def test_whichever_comes_first_the_chosen_of_three_stands(
    world: World, order: tuple[float, ...]
) -> None:
    trainee, ref = await at_sitting(world)
    told = {raw: await theory(trainee, ref, raw) for raw in order}
    again = await theory(trainee, ref, order[1])
    await report(trainee, "result", ref, "practical", raw=80)
    await trainee.until_receipt(again, ReceiptStatus.DUPLICATE)

    await trainee.choose(told[85])

    await trainee.until(State.CERTIFICATE_PENDING)
    await trainee.until_receipt(told[85], ReceiptStatus.APPLIED)
    assert trainee.receipt(told[58]) is ReceiptStatus.SUPERSEDED
    assert trainee.receipt(told[70]) is ReceiptStatus.SUPERSEDED
    assert "theory: 85, passed" in [line.detail for line in trainee.timeline]


async def test_facts_that_contradict_each_other_before_their_time_wait_for_the_choice(
    world: World,
) -> None:
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    ref = await booked(trainee)
    one, other = await theory(trainee, ref, 58), await theory(trainee, ref, 85)
    await trainee.until_receipt(other, ReceiptStatus.CONFLICT)

    await trainee.choose(other)
    await schedule(trainee, ref, "theory", "practical")
    await report(trainee, "result", ref, "practical", raw=80)

    await trainee.until(State.CERTIFICATE_PENDING)
    assert trainee.receipt(one) is ReceiptStatus.SUPERSEDED
    assert trainee.receipt(other) is ReceiptStatus.APPLIED


async def test_only_what_is_open_can_be_chosen_and_once(world: World) -> None:
    trainee, _, one, _ = await contradicted(world, 58, 85)
    nobody_s = Choose(receipt="rc_unknown", reason="a slip")
    assert (await trainee.refused(nobody_s, SUPERVISOR)).rule == "conflict.open"

    await trainee.choose(one)

    again = Choose(receipt=one.receipt, reason="again")
    assert (await trainee.refused(again, SUPERVISOR)).rule == "conflict.open"


async def test_while_facts_contradict_nothing_else_is_decided(world: World) -> None:
    trainee, _, one, _ = await contradicted(world, 58, 85)
    switch = Switch(kind=PartnerKind.CENTER, reason="another one")
    assert (await trainee.refused(switch)).rule == "conflict.choose_first"

    await trainee.command(Hold(reason="she is ill"))
    await trainee.choose(one)
    await trainee.command(Resume())

    await booked(trainee, 2)


async def test_more_time_can_be_given_while_facts_contradict(world: World) -> None:
    trainee, _, one, _ = await contradicted(world, 58, 85)
    until = await world.now() + timedelta(days=90)

    await trainee.command(ExtendDeadline(until=until, reason="the center is asked"))
    await world.skip(timedelta(days=30))
    await trainee.choose(one)

    await booked(trainee, 2)


async def test_a_withdrawal_ends_the_conflict_with_the_journey(world: World) -> None:
    trainee, _, _, other = await contradicted(world, 58, 85)

    await trainee.command(Withdraw(reason="moved away"))

    assert (await trainee.result()).outcome is Outcome.WITHDRAWN
    assert trainee.case.stuck_cause is None
    assert trainee.receipt(other) is ReceiptStatus.CONFLICT


async def test_a_result_lowered_after_the_certificate_is_for_a_supervisor_and_stops_nothing(
    world: World,
) -> None:
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    ref = await booked(trainee)
    await schedule(trainee, ref, "theory", "practical")
    await report(trainee, "result", ref, "theory", raw=80, event_id="r-1")
    await report(trainee, "result", ref, "practical", raw=80)
    await trainee.certify()
    await trainee.until(State.REFERRED)

    lowered = await theory(trainee, ref, 40, supersedes="r-1")

    await trainee.until_receipt(lowered, ReceiptStatus.CONFLICT)
    assert trainee.case.stuck_cause is StuckCause.CONFLICT
    revoke = Choose(receipt=lowered.receipt, reason="the center is right")
    assert (await trainee.refused(revoke, SUPERVISOR)).rule == "correction.certified"
    await trainee.stay(await trainee.hire())
    assert (await trainee.result()).outcome is Outcome.RETAINED


async def test_a_contradiction_ends_where_the_first_is_corrected_to_the_second(
    world: World,
) -> None:
    trainee, ref = await at_sitting(world)
    one = await theory(trainee, ref, 58, event_id="r-1")
    await trainee.until_receipt(one, ReceiptStatus.APPLIED)
    other = await theory(trainee, ref, 62)
    await trainee.until_receipt(other, ReceiptStatus.CONFLICT)

    correction = await theory(trainee, ref, 62, supersedes="r-1")

    await trainee.until_receipt(correction, ReceiptStatus.APPLIED)
    assert trainee.receipt(one) is ReceiptStatus.SUPERSEDED
    assert trainee.receipt(other) is ReceiptStatus.SUPERSEDED
    assert trainee.case.stuck_cause is None


async def test_an_applied_result_that_is_corrected_is_superseded(world: World) -> None:
    trainee, ref = await at_sitting(world)
    one = await theory(trainee, ref, 58, event_id="r-1")
    await trainee.until_receipt(one, ReceiptStatus.APPLIED)

    other = await theory(trainee, ref, 62, supersedes="r-1")

    await trainee.until_receipt(other, ReceiptStatus.APPLIED)
    assert trainee.receipt(one) is ReceiptStatus.SUPERSEDED


async def test_of_two_who_saw_the_same_case_one_is_refused(world: World) -> None:
    trainee, _ = await at_sitting(world)
    seen = trainee.case.sequence

    both = await asyncio.gather(
        trainee.command(Hold(reason="she is ill"), seen=seen),
        trainee.command(Withdraw(reason="moved away"), seen=seen),
        return_exceptions=True,
    )

    assert sum(isinstance(answer, WorkflowUpdateFailedError) for answer in both) == 1


async def test_who_saw_the_latest_is_obeyed(world: World) -> None:
    trainee, ref = await at_sitting(world)
    seen = trainee.case.sequence
    event = await theory(trainee, ref, 80)
    await trainee.until_receipt(event, ReceiptStatus.APPLIED)

    assert (await trainee.refused(Hold(reason="she is ill"), seen=seen)).rule == CASE_CHANGED
    await trainee.command(Hold(reason="she is ill"), seen=trainee.case.sequence)
