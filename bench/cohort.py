"""A cohort is taken and opened while other journeys go on: how fast, and what they feel of it.

The others come at a steady rate from the warming up to the end, so that as many are under way when
they are alone as beside the cohort. What they feel is how long after its acknowledgement an event
of theirs is visible on the caseload. They are alone and beside a cohort in turns: whatever else
changes with time, changes for both.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from statistics import median, quantiles

import httpx

from bench.caseload import Caseload, connect
from bench.house import House
from bench.journeys import Caseworkers
from bench.trainees import next_opening
from bench.visible import Sent, seen_after, sent_by_partners

EVENTS_A_JOURNEY = 16
"""What the sandbox partners send to a standard journey, attendance included."""
COHORT_PROGRAM = "subsidized-training-2025"
"""Plans need approval within days, not seconds: rows that were opened then rest."""
TURNS = 2
WARMING_UP_S = 20.0
"""About as long as one of the others is under way: from then on as many end as begin."""
SETTLING_S = 2.0
"""Until what a canceled cohort had begun has come to rest."""
LOOK_EVERY_S = 20.0
"""How often to ask for what partners sent: before it is more than they can tell at once."""
SEEN_WITHIN_S = 30
_PROGRESS = """
    SELECT count(j.journey_id) FILTER (WHERE j.sequence > 0) AS started,
        count(*) FILTER (WHERE r.outcome = 'waiting' OR j.sequence = 0) AS not_started
    FROM cohort_rows AS r LEFT JOIN journeys AS j USING (journey_id) WHERE r.cohort_id = $1
"""
_OF_COHORTS = "SELECT journey_id FROM cohort_rows WHERE journey_id IS NOT NULL"

Tell = Callable[[int], None]


@dataclass(frozen=True)
class Beside:
    """What was measured of cohorts, in seconds and rows a second; `p95` and `events` are of the
    others. `whole` is how long the cohort took from its acceptance to its last row's start."""

    rows: int
    accepted_in: float
    started_per_second: float
    p95_before: float
    p95_meanwhile: float
    events_before: int
    events_meanwhile: int
    whole: float | None = None


@dataclass
class _Turns:
    """When the others were alone and when not, in seconds since the epoch; and what was sent."""

    alone: list[tuple[float, float]] = field(default_factory=list)
    beside: list[tuple[float, float]] = field(default_factory=list)
    accepted_in: list[float] = field(default_factory=list)
    started: int = 0
    opening_for: float = 0.0
    sent: dict[str, Sent] = field(default_factory=dict)

    async def look(self, house: House) -> None:
        """Keep what partners sent lately."""
        self.sent |= {event.receipt: event for event in await sent_by_partners(house)}


def seconds_in_all(seconds: float) -> int:
    """How long it takes in turns to measure the others for so long, alone and beside cohorts."""
    return int(WARMING_UP_S + 2 * seconds + TURNS * SETTLING_S)


async def measure_beside(  # noqa: PLR0917 (what is measured, for how long, how hard)
    house: House,
    caseload: Caseload,
    rows: int,
    seconds: float,
    events: float,
    tell: Tell,
    *,
    whole: bool = False,
) -> Beside:
    """Open cohorts of so many rows beside other journeys, which are alone in between.

    Args:
        house: with everything running.
        caseload: which looks at receipts.
        rows: of each cohort.
        seconds: how long the others are measured, both alone and beside a cohort.
        events: how many partner events a second the others bring.
        tell: told how many seconds have passed.
        whole: one cohort, to its last row, in place of turns.
    """
    turns, count = _Turns(), 1 if whole else TURNS
    async with _coming(house, caseload, events / EVENTS_A_JOURNEY) as check:
        await _pass(WARMING_UP_S, tell)
        for _ in range(count):
            began = time.time()
            await _pass(seconds / count, tell)
            turns.alone.append((began, time.time()))
            await turns.look(house)
            await _beside(house, turns, rows, None if whole else seconds / count, tell)
            check()
        await _all_seen(caseload, _waking(turns))
    before, meanwhile = await _felt(house, caseload, turns)
    return Beside(
        rows=rows,
        accepted_in=median(turns.accepted_in),
        started_per_second=turns.started / turns.opening_for,
        p95_before=_p95(before),
        p95_meanwhile=_p95(meanwhile),
        events_before=len(before),
        events_meanwhile=len(meanwhile),
        whole=turns.opening_for if whole else None,
    )


@contextlib.asynccontextmanager
async def _coming(
    house: House, caseload: Caseload, per_second: float
) -> AsyncIterator[Callable[[], None]]:
    """Others that come at even distances, whether or not those before are done.

    What it gives raises what made one of them fail.
    """
    caseworkers = Caseworkers(house, caseload)

    async def come() -> None:
        began, count = time.monotonic(), 0
        async with asyncio.TaskGroup() as tasks:
            while True:
                tasks.create_task(caseworkers.carry())
                count += 1
                await asyncio.sleep(max(0.0, began + count / per_second - time.monotonic()))

    coming = asyncio.create_task(come())

    def check() -> None:
        house.check()
        if coming.done():
            coming.result()

    try:
        yield check
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
        await caseworkers.close()


async def _beside(
    house: House, turns: _Turns, rows: int, seconds: float | None, tell: Tell
) -> None:
    """One cohort, from before its acceptance: for so many seconds, or to its last row's start."""
    body = {"name": "bench", "rows": [_row() for _ in range(rows)]}
    began = time.time()
    cohort, accepted_in = await _send(house, body)
    turns.accepted_in.append(accepted_in)
    opening_since = time.time()
    if seconds is not None:
        await _pass(seconds, tell)
        started, _ = await _progress(house, cohort)
    else:
        left = rows
        while left:
            await _pass(LOOK_EVERY_S if left > LOOK_EVERY_S else 1.0, tell)
            await turns.look(house)
            started, left = await _progress(house, cohort)
    ended = time.time()
    turns.started += started
    turns.opening_for += ended - opening_since
    turns.beside.append((began, ended))
    await _cancel(house, cohort)
    await _pass(SETTLING_S, tell)
    await turns.look(house)


def _row() -> dict[str, object]:
    return next_opening() | {"program": COHORT_PROGRAM}


async def _pass(seconds: float, tell: Tell) -> None:
    """Let time pass."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        await asyncio.sleep(min(1.0, left))
        tell(1)


async def _send(house: House, body: dict[str, object]) -> tuple[str, float]:
    """The cohort's id, and how many seconds its acceptance took."""
    async with _staff(house) as client:
        began = time.perf_counter()
        answer = await client.post("/v1/cohorts", json=body)
        took = time.perf_counter() - began
    cohort = answer.raise_for_status().json()
    if cohort["refused"]:
        raise RuntimeError(f"{cohort['refused']} rows of the cohort are refused")
    return str(cohort["id"]), took


async def _cancel(house: House, cohort: str) -> None:
    async with _staff(house) as client:
        (await client.post(f"/v1/cohorts/{cohort}/cancel")).raise_for_status()


async def _progress(house: House, cohort: str) -> tuple[int, int]:
    """How many rows have started, and how many have not."""
    connection = await connect(house.run.database_url)
    try:
        row = await connection.fetchrow(_PROGRESS, cohort)
    finally:
        await connection.close()
    assert row is not None
    return row["started"], row["not_started"]


def _waking(turns: _Turns) -> list[Sent]:
    """What is measured: events that wake a journey, acknowledged within a turn."""
    return [
        event
        for event in turns.sent.values()
        if event.wakes and any(_within(event, span) for span in turns.alone + turns.beside)
    ]


async def _all_seen(caseload: Caseload, events: list[Sent]) -> None:
    """Wait until the last of these is visible.

    Raises:
        TimeoutError: one of them is not.
    """
    for _ in range(SEEN_WITHIN_S):
        if all(event.receipt in caseload.seen_at for event in events):
            return
        await asyncio.sleep(1)
    raise TimeoutError(f"an event is not on the caseload after {SEEN_WITHIN_S} s")


async def _felt(house: House, caseload: Caseload, turns: _Turns) -> tuple[list[float], list[float]]:
    """After how many seconds the others' events were visible, alone and beside a cohort."""
    connection = await connect(house.run.database_url)
    try:
        of_cohorts = {row["journey_id"] for row in await connection.fetch(_OF_COHORTS)}
    finally:
        await connection.close()
    others = [event for event in _waking(turns) if event.journey_id not in of_cohorts]
    alone, beside = (
        seen_after([e for e in others if any(_within(e, span) for span in spans)], caseload)
        for spans in (turns.alone, turns.beside)
    )
    return alone, beside


def _within(event: Sent, span: tuple[float, float]) -> bool:
    return span[0] <= event.at < span[1]


def _p95(seconds: list[float]) -> float:
    return quantiles(seconds, n=20, method="inclusive")[18]


def _staff(house: House) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=house.run.settings.api_url,
        headers={"Authorization": f"Bearer {house.tokens[0]}"},
        timeout=60,
        trust_env=False,
    )
