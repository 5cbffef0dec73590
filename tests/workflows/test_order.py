"""Order of arrival never changes the outcome: promise 2, and the same by search."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from domain.events import Delivery
from domain.journal import ReceiptStatus
from domain.levels import SkillLevel
from domain.plan import Component, ComponentCredit, Earlier
from domain.stages import Outcome, Pathway
from tests.workflows.carrying import (
    CENTERS,
    ISSUER,
    JOB_SERVICE,
    PROVIDERS,
    REGISTRY,
    Trainee,
    World,
)
from tests.workflows.foreseeable import foreseeable_world

ORDERS, MANY_ORDERS = 60, 2000
SEED = 20260101
AT_ONCE = 20

Start = Callable[[World], Awaitable[Trainee]]
Events = Callable[[Trainee], list[Delivery]]


@pytest.fixture
async def world(time_skipping: WorkflowEnvironment) -> AsyncIterator[World]:
    """Its partners' references are known beforehand."""
    async with foreseeable_world(time_skipping) as world:
        yield world


@dataclass(frozen=True)
class End:
    """All that may not depend on the order: outcome, moves, and what was applied."""

    outcome: Outcome
    moves: tuple[str, ...]
    applied: frozenset[str]


async def staff_member(world: World) -> Trainee:
    """In service, with both components credited: five events lead to a promotion."""
    passed_at = datetime.now(UTC) - timedelta(days=30)
    return await world.start(
        pathway=Pathway.IN_SERVICE,
        employer="employer-1",
        earlier=Earlier(
            components=tuple(
                ComponentCredit(component=part, passed_at=passed_at)
                for part in (Component.THEORY, Component.PRACTICAL)
            )
        ),
    )


def five_events(trainee: Trainee) -> list[Delivery]:
    seat = f"{trainee.id}:enrollment:1"
    return [
        _told(trainee, "eligibility.decided", REGISTRY, None, outcome="eligible"),
        _told(trainee, "enrollment.confirmed", PROVIDERS[0], seat),
        _told(trainee, "training.completed", PROVIDERS[0], seat, attendance_pct=95),
        _told(trainee, "certificate.issued", ISSUER, None, number="C-5"),
        _told(trainee, "promotion.confirmed", "employer-1", None, new_level="senior"),
    ]


async def job_seeker(world: World) -> Trainee:
    """On the pathway `job`, at a level with one component: twelve events until retained."""
    return await world.start(level=SkillLevel.CHIEF_TECHNICIAN)


def twelve_events(trainee: Trainee) -> list[Delivery]:
    seat, booking = f"{trainee.id}:enrollment:1", f"{trainee.id}:booking:1"
    referral, employer = f"{trainee.id}:referral:1", "employer-1"
    part = {"component": "comprehensive", "attempt": 1}
    return [
        _told(trainee, "eligibility.decided", REGISTRY, None, outcome="eligible"),
        _told(trainee, "enrollment.confirmed", PROVIDERS[0], seat),
        _told(trainee, "training.completed", PROVIDERS[0], seat, attendance_pct=80),
        _told(trainee, "assessment.scheduled", CENTERS[0], booking, **part),
        _told(trainee, "assessment.result", CENTERS[0], booking, raw=60, **part),
        _told(trainee, "certificate.issued", ISSUER, None, number="C-12"),
        _told(trainee, "referral.accepted", JOB_SERVICE, referral),
        _told(trainee, "offer.made", employer, referral),
        _told(trainee, "employment.started", employer, referral, employer=employer),
        *(
            _told(trainee, "employment.retained", employer, referral, month=month)
            for month in (1, 3, 6)
        ),
    ]


def _told(trainee: Trainee, name: str, partner: str, about: str | None, **data: Any) -> Delivery:
    return trainee.event(name, data, partner=partner, about=about)


async def carry(trainee: Trainee, batches: Iterable[Sequence[Delivery]]) -> End:
    """Deliver batch after batch, each as one signal, and wait for the end."""
    delivered: list[Delivery] = []
    for batch in batches:
        with suppress(RPCError):  # a repeat may find the journey closed already
            await trainee.deliver(*batch)
            delivered.extend(batch)
    async with asyncio.timeout(60):
        result = await trainee.handle.result()
    timeline, receipts = trainee.timeline, trainee.world.journal.receipts
    assert [entry.sequence for entry in timeline] == list(range(1, len(timeline) + 1))
    recorded = [delivery for delivery in delivered if delivery.receipt in receipts]
    assert all(receipts[delivery.receipt].status.final for delivery in recorded)
    applied = [
        _fact_in(delivery)
        for delivery in {delivery.receipt: delivery for delivery in recorded}.values()
        if receipts[delivery.receipt].status is ReceiptStatus.APPLIED
    ]
    assert len(applied) == len(set(applied)), "a fact was applied twice"
    moves = tuple(entry.kind.value for entry in timeline if entry.before is not entry.state)
    return End(result.outcome, moves, frozenset(applied))


def _fact_in(delivery: Delivery) -> str:
    return f"{delivery.type} {delivery.data.get('month', '')}".strip()


async def ends_of(
    world: World, start: Start, events: Events, orders: Iterable[Sequence[int]]
) -> set[End]:
    """Every end that the orders come to, one signal for each event, many journeys at once."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(order: Sequence[int]) -> End:
        async with room:
            trainee = await start(world)
            told = events(trainee)
            return await carry(trainee, [[told[place]] for place in order])

    return set(await asyncio.gather(*(one(order) for order in orders)))


def random_orders(count: int, length: int) -> list[list[int]]:
    """The same orders in every run."""
    chance = random.Random(SEED)
    return [chance.sample(range(length), length) for _ in range(count)]


async def test_all_120_orders_of_five_events_end_alike(world: World) -> None:
    ends = await ends_of(world, staff_member, five_events, permutations(range(5)))
    assert len(ends) == 1
    end = ends.pop()
    assert end.outcome is Outcome.PROMOTED
    assert len(end.applied) == 5


@pytest.mark.parametrize(
    "count", [ORDERS, pytest.param(MANY_ORDERS, marks=pytest.mark.slow)], ids="{} orders".format
)
async def test_random_orders_of_twelve_events_end_alike(world: World, count: int) -> None:
    in_turn = await ends_of(world, job_seeker, twelve_events, [range(12)])
    ends = await ends_of(world, job_seeker, twelve_events, random_orders(count, 12))
    assert ends == in_turn
    end = ends.pop()
    assert end.outcome is Outcome.RETAINED
    assert len(end.applied) == 12


async def test_backwards_and_in_one_batch_end_alike(world: World) -> None:
    in_turn = await ends_of(world, job_seeker, twelve_events, [range(12), range(11, -1, -1)])
    for backwards in (False, True):
        trainee = await job_seeker(world)
        told = twelve_events(trainee)
        in_turn.add(await carry(trainee, [told[::-1] if backwards else told]))
    assert len(in_turn) == 1


@dataclass(frozen=True)
class Arrival:
    """One way in which events arrive: `places` of the story, repeats among them, in batches.

    `anew` are the arrivals that come under a new id with equal values.
    """

    places: tuple[int, ...]
    anew: tuple[bool, ...]
    sizes: tuple[int, ...]

    def batches(self, told: list[Delivery]) -> list[list[Delivery]]:
        """The deliveries of one journey."""
        arriving = [
            _under_new_id(told[place], number) if anew else told[place]
            for number, (place, anew) in enumerate(zip(self.places, self.anew, strict=True))
        ]
        batches, start = [], 0
        for size in (*self.sizes, len(arriving)):
            batches.append(arriving[start : start + size])
            start += size
        return [batch for batch in batches if batch]


def _under_new_id(event: Delivery, number: int) -> Delivery:
    return event.model_copy(
        update={
            "event_id": f"{event.event_id}-{number}",
            "receipt": f"{event.receipt}-{number}",
        }
    )


@st.composite
def arrivals(draw: st.DrawFn) -> Arrival:
    """Every event at least once, in any order, with up to eight repeats."""
    repeats = draw(st.lists(st.integers(0, 11), max_size=8))
    places = draw(st.permutations([*range(12), *repeats]))
    anew = draw(st.lists(st.booleans(), min_size=len(places), max_size=len(places)))
    sizes = draw(st.lists(st.integers(1, 6), max_size=12))
    return Arrival(tuple(places), tuple(anew), tuple(sizes))


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(arrival=arrivals())
async def test_order_repeats_and_batches_end_as_told_in_turn(
    world: World, arrival: Arrival
) -> None:
    trainee = await job_seeker(world)
    end = await carry(trainee, arrival.batches(twelve_events(trainee)))
    assert end == IN_TURN


IN_TURN = End(
    outcome=Outcome.RETAINED,
    moves=(
        "need_registered",
        "eligibility_confirmed",
        "plan_agreed",
        "training_opened",
        "enrollment_confirmed",
        "training_began",
        "training_completed",
        "assessment_opened",
        "sitting_scheduled",
        "sitting_held",
        "assessment_passed",
        "certificate_awaited",
        "certificate_issued",
        "placement_opened",
        "matching_began",
        "referral_made",
        "offer_made",
        "employment_started",
        "follow_up_opened",
        "employment_retained",
    ),
    applied=frozenset(
        {
            "eligibility.decided",
            "enrollment.confirmed",
            "training.completed",
            "assessment.scheduled",
            "assessment.result",
            "certificate.issued",
            "referral.accepted",
            "offer.made",
            "employment.started",
            "employment.retained 1",
            "employment.retained 3",
            "employment.retained 6",
        }
    ),
)
"""What the story says of twelve events told in turn, once each."""
