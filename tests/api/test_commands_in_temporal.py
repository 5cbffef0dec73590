"""The thin client against a real Temporal: what a workflow answers is what the caller gets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from api.journeys_client import (
    CommandRefused,
    JourneysUnavailable,
    NoRunningJourney,
    TemporalJourneys,
)
from domain.addresses import COMMAND
from domain.commands import REFUSED, Actor, Approve, CommandAnswer, Hold, Order, Refusal, Withdraw
from domain.stages import Stage, State
from processes.embedded.ports import free_port

BY = Actor(id="ann", role="caseworker")


@workflow.defn
class Obliging:
    """Approves, counts; refuses to hold; ends when withdrawn."""

    def __init__(self) -> None:
        self.orders = 0
        self.withdrawn = False

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self.withdrawn)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.orders

    @workflow.update(name=COMMAND)
    async def command(self, order: Order) -> CommandAnswer:
        self.orders += 1
        self.withdrawn = order.command.name == "withdraw"
        return CommandAnswer(stage=Stage.NEED, state=State.AGREED, sequence=self.orders)

    @command.validator
    def check(self, order: Order) -> None:
        if order.command.name == "hold":
            refusal = Refusal(
                rule="hold.not_now", detail="not now", stage=Stage.NEED, state=State.PLANNING
            )
            raise ApplicationError("refused", refusal, type=REFUSED, non_retryable=True)


@asynccontextmanager
async def obliging(client: Client) -> AsyncIterator[WorkflowHandle[Obliging, int]]:
    queue = f"obliging-{uuid4().hex}"
    worker = Worker(
        client, task_queue=queue, workflows=[Obliging], workflow_runner=UnsandboxedWorkflowRunner()
    )
    async with worker:
        yield await client.start_workflow(Obliging.run, id=f"jn_{uuid4().hex}", task_queue=queue)


async def test_a_command_gets_the_journeys_own_answer(temporal_client: Client) -> None:
    journeys = TemporalJourneys(temporal_client)
    async with obliging(temporal_client) as journey:
        answer = await journeys.command(journey.id, Order(command=Approve(), by=BY), "u-1")

    assert answer == CommandAnswer(stage=Stage.NEED, state=State.AGREED, sequence=1)


async def test_the_same_update_id_has_one_effect(temporal_client: Client) -> None:
    journeys = TemporalJourneys(temporal_client)
    order = Order(command=Approve(), by=BY)
    async with obliging(temporal_client) as journey:
        answers = await asyncio.gather(
            *(journeys.command(journey.id, order, "u-1") for _ in range(5))
        )
        other = await journeys.command(journey.id, order, "u-2")

    assert {answer.sequence for answer in answers} == {1}
    assert other.sequence == 2


async def test_a_refusal_comes_back_with_its_rule(temporal_client: Client) -> None:
    journeys = TemporalJourneys(temporal_client)
    async with obliging(temporal_client) as journey:
        with pytest.raises(CommandRefused) as refused:
            await journeys.command(journey.id, Order(command=Hold(reason="ill"), by=BY), "u-1")

    assert refused.value.refusal.rule == "hold.not_now"
    assert refused.value.refusal.state is State.PLANNING


async def test_nobody_runs_under_an_unknown_id_nor_after_the_close(temporal_client: Client) -> None:
    journeys = TemporalJourneys(temporal_client)
    approve = Order(command=Approve(), by=BY)
    with pytest.raises(NoRunningJourney):
        await journeys.command(f"jn_{uuid4().hex}", approve, "u-1")
    async with obliging(temporal_client) as journey:
        withdraw = Order(command=Withdraw(reason="moved away"), by=BY)
        await journeys.command(journey.id, withdraw, "u-1")
        assert await journey.result() == 1

        with pytest.raises(NoRunningJourney):
            await journeys.command(journey.id, approve, "u-2")


async def test_the_command_that_ended_a_journey_is_answered_again(temporal_client: Client) -> None:
    journeys = TemporalJourneys(temporal_client)
    async with obliging(temporal_client) as journey:
        withdraw = Order(command=Withdraw(reason="moved away"), by=BY)
        first = await journeys.command(journey.id, withdraw, "u-1")
        await journey.result()

        assert await journeys.answered(journey.id, "u-1") == first
        assert await journeys.answered(journey.id, "u-2") is None
    assert await journeys.answered(f"jn_{uuid4().hex}", "u-1") is None


async def test_a_journey_that_does_not_answer_in_time_is_unavailable(
    temporal_client: Client,
) -> None:
    journeys = TemporalJourneys(temporal_client, answered_within=timedelta(milliseconds=300))
    journey = await temporal_client.start_workflow(
        Obliging.run, id=f"jn_{uuid4().hex}", task_queue=f"nobody-{uuid4().hex}"
    )

    with pytest.raises(JourneysUnavailable):
        await journeys.command(journey.id, Order(command=Approve(), by=BY), "u-1")
    await journey.terminate()


async def test_a_temporal_that_is_down_is_unavailable() -> None:
    client = await Client.connect(
        f"127.0.0.1:{free_port()}", lazy=True, data_converter=pydantic_data_converter
    )
    journeys = TemporalJourneys(client, answered_within=timedelta(seconds=1))

    with pytest.raises(JourneysUnavailable):
        await journeys.command("jn_1", Order(command=Approve(), by=BY), "u-1")
    with pytest.raises(JourneysUnavailable):
        await journeys.check()


async def test_a_temporal_that_serves_is_healthy(temporal_client: Client) -> None:
    assert await TemporalJourneys(temporal_client).check() is None  # type: ignore[func-returns-value]
