"""Event acknowledged → visible on the caseload, against the floor: a bare signal → completion.

Both at the same rate, with everything running. An event's time runs from the sandbox partner's
having the acknowledgement to this process's having read the journey's changed line. The floor's
runs from a signal's being sent to this process's being told that the workflow has taken it with a
local no-op and completed: one signal, one workflow task, nothing else.
"""

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import quantiles

import httpx
from temporalio.client import Client, WorkflowHandle

from bench.bare import some_content
from bench.bare_workflow import WORKFLOW_QUEUE, BareSignal
from bench.caseload import Caseload
from bench.house import House
from domain.events import EventType

STARTS_AT_ONCE = 10
LISTENS_BEFORE = 0.2
"""Seconds that the floor's listener waits already when the signal is sent."""
LEDGER_ROWS = 10_000

Tell = Callable[[int], None]


@dataclass(frozen=True)
class Latency:
    """Seconds at two percentiles, of so many."""

    p50: float
    p99: float
    count: int


@dataclass(frozen=True)
class Sent:
    """What the sandbox partners sent: an event's journey, receipt, and when it was acknowledged."""

    journey_id: str
    receipt: str
    wakes: bool
    at: float


def latency(seconds: list[float]) -> Latency:
    """The percentiles of some durations."""
    cuts = quantiles(seconds, n=100, method="inclusive")
    return Latency(cuts[49], cuts[98], len(seconds))


async def measure_floor(client: Client, total: int, per_second: float, tell: Tell) -> list[float]:
    """Signal `total` parked workflows, evenly; how many seconds each took."""
    gate = asyncio.Semaphore(STARTS_AT_ONCE)

    async def park() -> WorkflowHandle[BareSignal, None]:
        async with gate:
            handle = await client.start_workflow(
                BareSignal.run, id=f"signal-{uuid.uuid4().hex}", task_queue=WORKFLOW_QUEUE
            )
            await handle.query(BareSignal.waits)
            return handle

    parked = iter(await asyncio.gather(*(park() for _ in range(total))))
    measured: list[float] = []

    async def signal() -> None:
        handle = next(parked)
        done = asyncio.create_task(handle.result())
        await asyncio.sleep(LISTENS_BEFORE)
        sent = time.perf_counter()
        await handle.signal(BareSignal.deliver, some_content())
        await done
        measured.append(time.perf_counter() - sent)
        tell(len(measured))

    await evenly(signal, total, per_second)
    return measured


async def evenly(act: Callable[[], Awaitable[object]], total: int, per_second: float) -> None:
    """Begin `total` at even distances, whether or not those before are done."""
    began = time.perf_counter()

    async def at_its_turn(number: int) -> None:
        await asyncio.sleep(began + number / per_second - time.perf_counter())
        await act()

    async with asyncio.TaskGroup() as tasks:
        for number in range(total):
            tasks.create_task(at_its_turn(number))


async def sent_by_partners(house: House) -> list[Sent]:
    """Every event that the sandbox partners had acknowledged."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as sandbox:
        answer = await sandbox.get(f"{house.run.sandbox_url}/control/events?limit={LEDGER_ROWS}")
    rows = answer.raise_for_status().json()["events"]
    return [
        Sent(
            journey_id=row["journey_id"],
            receipt=json.loads(row["answer"])["receipt"],
            wakes=row["type"] != EventType.ATTENDANCE_SUMMARY,
            at=row["answered_at"],
        )
        for row in rows
        if row["state"] == "delivered"
    ]


def seen_after(sent: list[Sent], caseload: Caseload) -> list[float]:
    """How many seconds after its acknowledgement each event that wakes a journey was visible.

    Raises:
        KeyError: one of them never was.
    """
    return [max(0.0, caseload.seen_at[event.receipt] - event.at) for event in sent if event.wakes]


def rate(sent: list[Sent]) -> float:
    """Events acknowledged a second, from the first to the last."""
    moments = [event.at for event in sent]
    return len(moments) / (max(moments) - min(moments))
