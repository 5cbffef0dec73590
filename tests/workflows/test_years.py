"""A journey lives for years: thousands of events pass through continue-as-new (promise 9)."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from domain.events import Delivery
from domain.journal import ReceiptStatus
from domain.stages import Outcome, State
from tests.workflows.carrying import PROVIDERS, REGISTRY, Trainee, World

LONGEST_HISTORY = 10_240


@pytest.fixture
async def real_world(temporal_client: Client) -> AsyncIterator[World]:
    """A server that says when a history is long, as the one that skips time does not."""
    async with World(temporal_client).working() as world:
        yield world


def _noise(trainee: Trainee, count: int, seat: str) -> list[Delivery]:
    """Events that change nothing: late ones, repeats, contradictions, another partner's."""
    chance = random.Random(count)
    made = []
    for number in range(count):
        kind = chance.choice(("late", "repeat", "foreign", "unreadable"))
        if kind == "repeat" and made:
            made.append(chance.choice(made).model_copy(update={"receipt": f"rc_again{number}"}))
        elif kind == "foreign":
            made.append(
                trainee.event(
                    "training.completed",
                    {"attendance_pct": 10.0 + number},
                    partner=PROVIDERS[1],
                    about=seat,
                )
            )
        elif kind == "unreadable":
            made.append(
                trainee.event(
                    "training.completed",
                    {"attendance_pct": "most"},
                    partner=PROVIDERS[0],
                    about=seat,
                )
            )
        else:
            made.append(
                trainee.event(
                    "eligibility.decided",
                    {"outcome": "eligible", "rule_ids": [f"r{number}"]},
                    partner=REGISTRY,
                )
            )
    return made


@pytest.mark.parametrize(
    "count", [1_000, pytest.param(3_000, marks=pytest.mark.slow)], ids="{} events".format
)
async def test_no_event_is_lost_or_doubled_over_continue_as_new(
    real_world: World, count: int
) -> None:
    trainee = await real_world.start()
    await trainee.decide_eligible()
    seat = await trainee.enroll()
    await trainee.until(State.IN_PROGRESS)
    noise = _noise(trainee, count, seat)
    for event in noise:
        await trainee.deliver(event)
        if not event.receipt.startswith("rc_again"):
            await trainee.until_final(event)
    await trainee.complete(seat)
    await trainee.sit({"theory": 75, "practical": 80})
    await trainee.certify()
    await trainee.stay(await trainee.hire())
    assert (await trainee.result()).outcome is Outcome.RETAINED

    first_of = {(event.source, event.event_id): event for event in reversed(noise)}
    for event in first_of.values():
        assert trainee.receipt(event) in (ReceiptStatus.LATE, ReceiptStatus.REJECTED)
    told = Counter(entry.receipt for entry in trainee.timeline)
    assert {told[event.receipt] for event in first_of.values()} == {1}
    runs = await _history_lengths(real_world.client, trainee.id)
    assert len(runs) > 1
    assert max(runs) < LONGEST_HISTORY


async def _history_lengths(client: Client, journey_id: str) -> list[int]:
    """Events in each run of a journey, the newest first."""
    lengths: list[int] = []
    run_id: str | None = None
    async with asyncio.timeout(120):
        while True:
            handle = client.get_workflow_handle(journey_id, run_id=run_id)
            history = await handle.fetch_history()
            lengths.append(len(history.events))
            started = history.events[0].workflow_execution_started_event_attributes
            run_id = started.continued_execution_run_id or None
            if run_id is None:
                return lengths
            described = await client.get_workflow_handle(journey_id, run_id=run_id).describe()
            assert described.status is WorkflowExecutionStatus.CONTINUED_AS_NEW
