"""A journey that collects what it is delivered, and a network that can be cut."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import workflow
from temporalio.client import Client

from domain.addresses import COMMAND, DELIVER, JOURNEY_WORKFLOW
from domain.brief import JourneyBrief
from domain.events import Delivery
from processes.relay import Relay
from processes.relay_pace import Pace
from tests.vault import VAULT

SOON = 60.0
"""Seconds within which everything here happens."""


@workflow.defn(name=JOURNEY_WORKFLOW)
class CollectingJourney:
    """Keeps each batch of deliveries until it is told to end."""

    @workflow.init
    def __init__(self, brief: JourneyBrief, memory: None = None) -> None:
        del memory
        self._person_ref = brief.person_ref
        self._batches: list[list[Delivery]] = []
        self._ended = False

    @workflow.run
    async def run(self, brief: JourneyBrief, memory: None = None) -> str:
        del memory
        await workflow.wait_condition(lambda: self._ended)
        return brief.journey_id

    @workflow.signal(name=DELIVER)
    def deliver(self, deliveries: list[Delivery]) -> None:
        self._batches.append(deliveries)

    @workflow.signal(name=COMMAND)
    def end(self) -> None:
        self._ended = True

    @workflow.query
    def batches(self) -> list[list[Delivery]]:
        return self._batches


async def batches_of(client: Client, journey_id: str) -> list[list[str]]:
    """The receipts that the journey was delivered, one list a signal."""
    handle = client.get_workflow_handle_for(CollectingJourney.run, journey_id)
    batches = await handle.query(CollectingJourney.batches)
    return [[delivery.receipt for delivery in batch] for batch in batches]


async def end(client: Client, journey_id: str) -> None:
    """End the journey's workflow."""
    handle = client.get_workflow_handle_for(CollectingJourney.run, journey_id)
    await handle.signal(CollectingJourney.end)
    await handle.result()


async def eventually(holds: Callable[[], Awaitable[bool]], within: float = SOON) -> None:
    """Return as soon as it holds.

    Raises:
        TimeoutError: it does not within so many seconds.
    """
    async with asyncio.timeout(within):
        while not await holds():  # noqa: ASYNC110 - what is awaited lies in another process
            await asyncio.sleep(0.02)


@asynccontextmanager
async def relaying(
    engine: AsyncEngine, client: Client, pace: Pace | None = None, relays: int = 1
) -> AsyncIterator[None]:
    """Relays that run until the block ends."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(relays):
            relay = Relay(engine, client, VAULT, pace or Pace(starts_per_second=200))
            tasks.create_task(relay.run(stop))
        try:
            yield
        finally:
            stop.set()


class Cable:
    """A TCP connection to a server, which can be cut and mended."""

    def __init__(self, target: str) -> None:
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        self._server: asyncio.Server | None = None
        self._flows: set[asyncio.Task[None]] = set()
        self._port = 0

    @property
    def address(self) -> str:
        """Where to connect instead."""
        return f"127.0.0.1:{self._port}"

    async def mend(self) -> None:
        """Let connections through."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break every connection, and let no new one in."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for flow in self._flows:
            flow.cancel()
        await asyncio.gather(*self._flows, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._flows.add(task)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            try:
                async with asyncio.TaskGroup() as flows:
                    flows.create_task(_pump(reader, far_writer))
                    flows.create_task(_pump(far_reader, writer))
            finally:
                far_writer.close()
        except (OSError, ExceptionGroup, asyncio.CancelledError):
            return
        finally:
            writer.close()
            self._flows.discard(task)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
