"""Absence: unexcused uses an attempt; excused, or canceled by the center, does not."""

from datetime import timedelta

from domain.journal import ReceiptStatus
from domain.plan import Component
from domain.stages import Outcome, Pathway, State
from partners.requests import BookSitting
from tests.workflows.carrying import Trainee, World
from tests.workflows.sittings import booked, report, schedule, sit


async def scheduled(world: World, in_days: int = 0) -> tuple[Trainee, str]:
    """A trainee by recognition only with both components scheduled, and the booking."""
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    ref = await booked(trainee)
    at = await world.now() + timedelta(days=in_days)
    await schedule(trainee, ref, "theory", "practical", at=at)
    await trainee.until(State.SCHEDULED if in_days else State.AWAITING_RESULTS)
    return trainee, ref


def asked(world: World) -> tuple[tuple[Component, ...], int]:
    last = world.exam.last(BookSitting)
    return last.components, last.attempt


async def test_unexcused_absence_uses_an_attempt(world: World) -> None:
    trainee, ref = await scheduled(world)
    await report(trainee, "absent", ref, "theory", excused=False)
    await report(trainee, "result", ref, "practical", raw=80)
    await booked(trainee, 2)
    assert asked(world) == ((Component.THEORY,), 2)
    assert "resit_granted" in trainee.kinds
    assert any(entry.rule == "absence.unexcused" for entry in trainee.timeline)


async def test_three_unexcused_absences_exhaust_the_attempts(world: World) -> None:
    trainee, ref = await scheduled(world)
    for nth in (1, 2, 3):
        for component in ("theory", "practical"):
            await report(trainee, "absent", ref, component, excused=False)
        if nth < 3:
            ref = await booked(trainee, nth + 1)
            await schedule(trainee, ref, "theory", "practical")
    assert (await trainee.result()).outcome is Outcome.EXHAUSTED


async def test_excused_absence_uses_no_attempt(world: World) -> None:
    trainee, ref = await scheduled(world)
    await report(trainee, "absent", ref, "theory", excused=True, reason="ill")
    await report(trainee, "result", ref, "practical", raw=80)
    await booked(trainee, 2)
    assert asked(world) == ((Component.THEORY,), 1)
    assert "resit_granted" not in trainee.kinds


async def test_what_the_center_voids_uses_no_attempt(world: World) -> None:
    trainee, ref = await scheduled(world)
    await report(trainee, "voided", ref, "theory")
    await report(trainee, "result", ref, "practical", raw=80)
    await booked(trainee, 2)
    assert asked(world) == ((Component.THEORY,), 1)
    await sit(trainee, 2, theory=60)
    await trainee.until(State.CERTIFICATE_PENDING)


async def test_a_failure_beside_a_voided_component_uses_one_attempt(world: World) -> None:
    trainee, ref = await scheduled(world)
    await report(trainee, "voided", ref, "theory")
    await report(trainee, "result", ref, "practical", raw=20)
    await booked(trainee, 2)
    assert asked(world) == ((Component.THEORY, Component.PRACTICAL), 2)


async def test_all_voided_before_the_day_is_booked_again(world: World) -> None:
    trainee, ref = await scheduled(world, in_days=10)
    await report(trainee, "voided", ref, "theory")
    await report(trainee, "voided", ref, "practical")
    await booked(trainee, 2)
    assert asked(world) == ((Component.THEORY, Component.PRACTICAL), 1)
    assert "sitting_lost" in trainee.kinds
    assert "sitting_held" not in trainee.kinds


async def test_all_voided_before_any_date_is_booked_again(world: World) -> None:
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    ref = await booked(trainee)
    await report(trainee, "voided", ref, "theory")
    await report(trainee, "voided", ref, "practical")
    await booked(trainee, 2)
    assert asked(world) == ((Component.THEORY, Component.PRACTICAL), 1)


async def test_part_voided_before_the_day_leaves_the_rest_scheduled(world: World) -> None:
    trainee, ref = await scheduled(world, in_days=10)
    event = await report(trainee, "voided", ref, "theory")
    await trainee.until_receipt(event, ReceiptStatus.APPLIED)
    assert trainee.case.state is State.SCHEDULED
    await world.skip(timedelta(days=10, minutes=1))
    await trainee.until(State.AWAITING_RESULTS)
    await report(trainee, "result", ref, "practical", raw=80)
    await booked(trainee, 2)
    assert asked(world) == ((Component.THEORY,), 1)


async def test_part_voided_before_its_date_and_the_rest_scheduled(world: World) -> None:
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    ref = await booked(trainee)
    await report(trainee, "voided", ref, "theory")
    await schedule(trainee, ref, "practical")
    await report(trainee, "result", ref, "practical", raw=80)
    await booked(trainee, 2)
    assert asked(world) == ((Component.THEORY,), 1)


async def test_an_absence_and_a_result_of_one_sitting_contradict_each_other(world: World) -> None:
    trainee, ref = await scheduled(world)
    first = await report(trainee, "absent", ref, "theory", excused=False)
    contrary = await report(trainee, "result", ref, "theory", raw=80)
    await trainee.until_receipt(contrary, ReceiptStatus.CONFLICT)
    await trainee.choose(first)
    await report(trainee, "result", ref, "practical", raw=80)
    await booked(trainee, 2)
    assert asked(world) == ((Component.THEORY,), 2)
