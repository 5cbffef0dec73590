"""Signals and orders that are at hand at once: each finds the journey as the one before left it.

So it is where a worker dies after a step was recorded and before the engine kept it: the step is
taken again, beside what others sent because they had read of it.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.addresses import COMMAND
from domain.commands import Approve, CommandAnswer, Order
from domain.events import Delivery
from domain.journal import ReceiptStatus
from domain.stages import State
from tests.workflows.carrying import CASEWORKER, MODULES, PROVIDERS, Trainee, World
from tests.workflows.gates import GatedJournal

APPLIED, LATE = ReceiptStatus.APPLIED, ReceiptStatus.LATE


@pytest.fixture
async def journal() -> GatedJournal:
    return GatedJournal()


@pytest.fixture
async def world(time_skipping: WorkflowEnvironment, journal: GatedJournal) -> AsyncIterator[World]:
    """A world whose journal can be held up."""
    with time_skipping.auto_time_skipping_disabled():
        world = World(time_skipping.client, time_skipping, journal)
        async with world.working():
            yield world


async def at_once(trainee: Trainee, journal: GatedJournal, *events: Delivery) -> None:
    """Deliver each event in a signal of its own, all of them at hand together."""
    async with journal.holding_up(trainee):
        for event in events:
            await trainee.deliver(event)
    for event in events:
        await trainee.until_final(event)


@pytest.mark.parametrize("confirmed_first", [True, False])
async def test_of_two_answers_that_exclude_each_other_the_earlier_one_counts(
    world: World, journal: GatedJournal, confirmed_first: bool
) -> None:
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    named = {"partner": PROVIDERS[0], "about": trainee.last_ref()}
    confirmed = trainee.event("enrollment.confirmed", **named)
    rejected = trainee.event("enrollment.rejected", {"reason": "full"}, **named)
    first, second = (confirmed, rejected) if confirmed_first else (rejected, confirmed)

    await at_once(trainee, journal, first, second)

    assert (trainee.receipt(first), trainee.receipt(second)) == (APPLIED, LATE)
    state, asks = (State.IN_PROGRESS, 1) if confirmed_first else (State.ENROLLING, 2)
    await trainee.until(state)
    await journal.until(lambda: len(journal.references[trainee.id]) == asks)


async def test_an_employment_that_begins_after_the_offer_was_declined_is_late(
    world: World, journal: GatedJournal
) -> None:
    trainee = await world.start()
    await trainee.reach_placement()
    await trainee.until(State.REFERRED, awaiting="offer.made")
    named = {"partner": "employer-1", "about": trainee.last_ref()}
    declined = trainee.event("offer.declined", {"reason": "the wage"}, **named)
    started = trainee.event("employment.started", **named)
    offer = await trainee.tell("offer.made", **named)
    await trainee.until_receipt(offer, APPLIED)

    await at_once(trainee, journal, declined, started)

    assert (trainee.receipt(declined), trainee.receipt(started)) == (APPLIED, LATE)
    await trainee.until_said("referral_made", times=2)


async def test_a_plan_is_approved_with_the_credit_that_came_before_the_approval(
    world: World, journal: GatedJournal
) -> None:
    world.planning.needs_approval = True
    trainee = await world.start(subsidized=True)
    await trainee.decide_eligible()
    await trainee.until(State.PLANNING, awaiting="credit.recognized")
    credit = trainee.event(
        "credit.recognized", {"modules": [module.code for module in MODULES]}, partner="body-1"
    )
    async with journal.holding_up(trainee):
        await trainee.deliver(credit)
        approving = asyncio.create_task(
            trainee.handle.execute_update(
                COMMAND, Order(command=Approve(), by=CASEWORKER), result_type=CommandAnswer
            )
        )
        await asyncio.sleep(0.2)

    await approving

    await trainee.until(State.REGISTERING)
    assert trainee.receipt(credit) is APPLIED
    assert "learning_recognized" in trainee.kinds
