"""Neither the order of arrival decides, nor how events share signals, nor a step taken again.

Events arrive in any order in which a partner can send them: what answers another event comes with
it in one signal, in a later one that is at hand at the same time, or once the other was settled.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from temporalio.testing import WorkflowEnvironment

from domain.events import Delivery
from domain.journal import ReceiptStatus
from domain.levels import SkillLevel
from domain.stages import Outcome
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
from tests.workflows.gates import GatedJournal

APPLIED, SUPERSEDED = ReceiptStatus.APPLIED, ReceiptStatus.SUPERSEDED
FEW, MANY = 16, 200
WHOLE_WAY = 40
DISORDERS = (0, 3, 10, WHOLE_WAY)
"""By how many places events come later than told; in little disorder most find their turn come."""
LATE = 0.15
"""The share of events that may come later by far, as corrections do."""
QUIET = 0.06
"""Seconds without a new line after which a journey counts as waiting."""


@pytest.fixture
async def world(time_skipping: WorkflowEnvironment) -> AsyncIterator[World]:
    """Its partners' references are known beforehand, and its journal can be held up."""
    async with foreseeable_world(time_skipping, GatedJournal()) as world:
        yield world


@dataclass(frozen=True)
class Step:
    """One event of a way; `after` are the steps whose event it answers or needs."""

    role: str
    type: str
    partner: str
    about: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    status: ReceiptStatus = APPLIED


@dataclass(frozen=True)
class Way:
    """Events, how they end, and the moves that they lead to where nothing is undone on the way."""

    steps: tuple[Step, ...]
    outcome: Outcome
    moves: tuple[str, ...] = ()


def _exam(role: str, what: str, nth: int, **named: Any) -> Step:
    rest = {name: named.pop(name) for name in ("after", "status") if name in named}
    about = f"booking:{nth}"
    return Step(role, f"assessment.{what}", CENTERS[0], about, named, **rest)


def _job(role: str, name: str, nth: int, after: str, **data: Any) -> Step:
    partner = JOB_SERVICE if name.startswith("referral") else f"employer-{nth}"
    return Step(role, name, partner, f"referral:{nth}", data, (after,) if after else ())


def _day(days: int) -> Callable[[Trainee], str]:
    return lambda trainee: (trainee.brief.opened_at + timedelta(days=days)).isoformat()


def _date(days: int) -> Callable[[Trainee], str]:
    return lambda trainee: (trainee.brief.opened_at + timedelta(days=days)).date().isoformat()


MENDED = Way(
    (
        Step("eligible", "eligibility.decided", REGISTRY, None, {"outcome": "eligible"}),
        Step("waitlisted", "enrollment.waitlisted", PROVIDERS[0], "enrollment:1", {"position": 2}),
        Step(
            "confirmed", "enrollment.confirmed", PROVIDERS[0], "enrollment:1", {}, ("waitlisted",)
        ),
        Step(
            "canceled",
            "enrollment.canceled",
            PROVIDERS[0],
            "enrollment:1",
            {"reason": "flood"},
            ("confirmed",),
        ),
        Step("seat", "enrollment.confirmed", PROVIDERS[1], "enrollment:2", {}, ("canceled",)),
        Step(
            "completed",
            "training.completed",
            PROVIDERS[1],
            "enrollment:2",
            {"attendance_pct": 90},
            ("seat",),
        ),
        _exam("date", "scheduled", 1, component="comprehensive", at=_day(5), status=SUPERSEDED),
        _exam(
            "moved",
            "scheduled",
            1,
            component="comprehensive",
            at=_day(9),
            supersedes="date",
            status=SUPERSEDED,
        ),
        _exam("again", "scheduled", 1, component="comprehensive", at=_day(11), supersedes="moved"),
        _exam(
            "wrong",
            "result",
            1,
            component="comprehensive",
            raw=61,
            after=("date", "moved", "again"),
            status=SUPERSEDED,
        ),
        _exam(
            "better",
            "result",
            1,
            component="comprehensive",
            raw=64,
            supersedes="wrong",
            after=("date", "moved", "again"),
            status=SUPERSEDED,
        ),
        _exam(
            "best",
            "result",
            1,
            component="comprehensive",
            raw=66,
            supersedes="better",
            after=("date", "moved", "again"),
        ),
        Step(
            "certificate",
            "certificate.issued",
            ISSUER,
            None,
            {"number": "S-1"},
            ("wrong", "better", "best"),
        ),
        _job("accepted", "referral.accepted", 1, ""),
        _job("offer", "offer.made", 1, "accepted"),
        _job("turned-down", "offer.declined", 1, "offer"),
        _job("second-offer", "offer.made", 2, "turned-down"),
        _job("started", "employment.started", 2, "second-offer", date=_date(0)),
        _job("still-there", "employment.retained", 2, "started", date=_date(32)),
        _job("still-there-then", "employment.retained", 2, "started", date=_date(93)),
        _job("still-there-at-last", "employment.retained", 2, "started", date=_date(190)),
    ),
    Outcome.RETAINED,
    (
        "need_registered",
        "eligibility_confirmed",
        "plan_agreed",
        "training_opened",
        "enrollment_waitlisted",
        "enrollment_confirmed",
        "training_began",
        "provider_failed",
        "next_provider_chosen",
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
        "offer_declined",
        "referral_made",
        "offer_made",
        "employment_started",
        "follow_up_opened",
        "employment_retained",
    ),
)
"""A seat lost; a date and a mark each corrected twice; an offer turned down."""

RESAT = Way(
    (
        Step("eligible", "eligibility.decided", REGISTRY, None, {"outcome": "eligible"}),
        Step("seat", "enrollment.confirmed", PROVIDERS[0], "enrollment:1"),
        Step(
            "completed",
            "training.completed",
            PROVIDERS[0],
            "enrollment:1",
            {"attendance_pct": 90},
            ("seat",),
        ),
        _exam("theory-is-on", "scheduled", 1, component="theory"),
        _exam("practical-is-on", "scheduled", 1, component="practical"),
        _exam("failed", "result", 1, component="theory", raw=50, status=SUPERSEDED),
        _exam("failed-still", "result", 1, component="theory", raw=55, supersedes="failed"),
        _exam("practical", "result", 1, component="practical", raw=61, status=SUPERSEDED),
        _exam(
            "practical-better", "result", 1, component="practical", raw=70, supersedes="practical"
        ),
        _exam("resit-is-on", "scheduled", 2, component="theory", after=("failed", "practical")),
        _exam("resat", "result", 2, component="theory", raw=75, after=("resit-is-on",)),
        Step(
            "certificate",
            "certificate.issued",
            ISSUER,
            None,
            {"number": "S-2"},
            ("resat", "failed-still", "practical-better"),
        ),
        _job("offer", "offer.made", 1, ""),
        _job("started", "employment.started", 1, "offer", date=_date(0)),
        _job("month-1", "employment.retained", 1, "started", month=1),
        _job("ended", "employment.ended", 1, "month-1", date=_date(40)),
        _job("declined", "referral.declined", 2, "ended"),
        _job("new-offer", "offer.made", 3, "declined"),
        _job("began", "employment.started", 3, "new-offer", date=_date(0)),
        _job("after-1", "employment.retained", 3, "began", month=1),
        _job("after-3", "employment.retained", 3, "began", month=3),
        _job("after-6", "employment.retained", 3, "began", month=6),
    ),
    Outcome.RETAINED,
)
"""A failure and a pass corrected, before or after the resit; a job that ends in between."""

LEVELS = {"mended": SkillLevel.CHIEF_TECHNICIAN, "resat": SkillLevel.INTERMEDIATE}
WAYS = {"mended": MENDED, "resat": RESAT}


@dataclass(frozen=True)
class Arrival:
    """Bursts of signals of events: a burst's signals are at hand at once, and settled before the
    next burst comes.
    """

    bursts: tuple[tuple[tuple[str, ...], ...], ...]


def arrival(way: Way, chance: random.Random) -> Arrival:
    """An order that partners could send in, cut into signals and bursts, each signal shuffled."""
    disorder, left, come = chance.choice(DISORDERS), list(way.steps), list[str]()
    turns = {
        step.role: place + chance.random() * (WHOLE_WAY if chance.random() < LATE else disorder)
        for place, step in enumerate(way.steps)
    }
    while left:
        able = [step for step in left if set(step.after) <= set(come)]
        step = min(able, key=lambda step: turns[step.role])
        left.remove(step)
        come.append(step.role)
    bursts: list[list[list[str]]] = [[[]]]
    together = chance.random()
    for role in come:
        if chance.random() > together:
            bursts.append([[]]) if chance.random() < 0.5 else bursts[-1].append([])
        bursts[-1][-1].append(role)
    for burst in bursts:
        for signal in burst:
            chance.shuffle(signal)
    kept = [tuple(tuple(signal) for signal in burst if signal) for burst in bursts]
    return Arrival(tuple(burst for burst in kept if burst))


@st.composite
def arrivals(draw: st.DrawFn, way: Way) -> Arrival:
    return arrival(way, draw(st.randoms(use_true_random=False)))


def event_of(trainee: Trainee, step: Step) -> Delivery:
    data = {name: value(trainee) if callable(value) else value for name, value in step.data.items()}
    about = f"{trainee.id}:{step.about}" if step.about else None
    return trainee.event(step.type, data, partner=step.partner, about=about, event_id=step.role)


async def carried(world: World, name: str, arrived: Arrival) -> Trainee:
    """Deliver it all, and hold what became of it against the way."""
    way, journal = WAYS[name], world.journal
    assert isinstance(journal, GatedJournal)
    trainee = await world.start(level=LEVELS[name])
    events = {step.role: event_of(trainee, step) for step in way.steps}
    for burst in arrived.bursts:
        signals = [[events[role] for role in signal] for signal in burst]
        if len(signals) == 1:
            await trainee.deliver(*signals[0])
        else:
            async with journal.holding_up(trainee):
                for signal in signals:
                    await trainee.deliver(*signal)
        told = [event.receipt for signal in signals for event in signal]
        await journal.until(lambda told=told: all(receipt in journal.receipts for receipt in told))
        await quiet(trainee)
    result = await trainee.result()
    assert result.outcome is way.outcome
    became = {role: trainee.receipt(event) for role, event in events.items()}
    assert became == {step.role: step.status for step in way.steps}
    told_of = {line.receipt for line in trainee.timeline}
    assert all(
        event.receipt in told_of for role, event in events.items() if became[role] is APPLIED
    )
    if way.moves:
        assert moves_of(trainee) == way.moves
    return trainee


async def quiet(trainee: Trainee) -> None:
    """Until the journey has done what it can."""
    lines = -1
    while lines != len(trainee.timeline):
        lines = len(trainee.timeline)
        await asyncio.sleep(QUIET)


def moves_of(trainee: Trainee) -> tuple[str, ...]:
    return tuple(line.kind.value for line in trainee.timeline if line.before is not line.state)


def searched(examples: int) -> Any:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


@searched(FEW)
@given(arrived=arrivals(MENDED))
async def test_however_events_arrive_a_mended_way_ends_alike(
    world: World, arrived: Arrival
) -> None:
    await carried(world, "mended", arrived)


@searched(FEW)
@given(arrived=arrivals(RESAT))
async def test_however_events_arrive_a_way_with_a_resit_ends_alike(
    world: World, arrived: Arrival
) -> None:
    await carried(world, "resat", arrived)


@pytest.mark.slow
@pytest.mark.parametrize("name", WAYS)
async def test_many_arrivals_end_alike(world: World, name: str) -> None:
    chance = random.Random(20260102)
    for _ in range(MANY):
        await carried(world, name, arrival(WAYS[name], chance))
