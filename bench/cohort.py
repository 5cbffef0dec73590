"""A cohort is taken and opened while other journeys go on: how fast, and what they feel of it.

The others come at a steady rate, first alone and then beside the cohort. What they feel is how long
after its acknowledgement an event of theirs is visible on the caseload.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import quantiles

import httpx

from bench.caseload import Caseload, connect
from bench.house import House
from bench.journeys import Caseworkers
from bench.trainees import next_opening
from bench.visible import evenly, seen_after, sent_by_partners

EVENTS_A_JOURNEY = 16
"""What the sandbox partners send to a standard journey, attendance included."""
_PROGRESS = """
    SELECT count(r.journey_id) AS opened, count(*) FILTER (WHERE j.sequence > 0) AS started
    FROM cohort_rows AS r LEFT JOIN journeys AS j USING (journey_id) WHERE r.cohort_id = $1
"""

Tell = Callable[[int], None]


@dataclass(frozen=True)
class Beside:
    """What was measured of a cohort, in seconds and rows a second; `p95` is of the others."""

    rows: int
    accepted_in: float
    opened_per_second: float
    started_per_second: float
    p95_before: float
    p95_meanwhile: float


async def measure_beside(  # noqa: PLR0917 (what is measured, for how long, how hard)
    house: House, caseload: Caseload, rows: int, seconds: float, events: float, tell: Tell
) -> Beside:
    """Open a cohort of so many rows for as long as other journeys take that come beside it.

    Args:
        house: with everything running.
        caseload: which looks at receipts.
        rows: of the cohort.
        seconds: how long the others come, before and meanwhile.
        events: how many partner events a second they bring.
        tell: told how many of the others are done.
    """
    total = max(1, int(events * seconds / EVENTS_A_JOURNEY))
    done: list[str] = []
    caseworkers = Caseworkers(house, caseload)

    async def carry_others() -> list[str]:
        before = len(done)

        async def carry() -> None:
            done.append(await caseworkers.carry())
            tell(len(done))

        await evenly(carry, total, events / EVENTS_A_JOURNEY)
        return done[before:]

    try:
        alone = await carry_others()
        cohort, accepted_in = await _send(house, rows)
        began = time.perf_counter()
        beside = await carry_others()
        took = time.perf_counter() - began
        opened, started = await _progress(house, cohort)
        await _cancel(house, cohort)
    finally:
        await caseworkers.close()
    house.check()
    return Beside(
        rows=rows,
        accepted_in=accepted_in,
        opened_per_second=opened / took,
        started_per_second=started / took,
        p95_before=await _p95(house, caseload, alone),
        p95_meanwhile=await _p95(house, caseload, beside),
    )


async def _send(house: House, rows: int) -> tuple[str, float]:
    """The cohort's id, and how many seconds its acceptance took."""
    body = {"name": "bench", "rows": [next_opening() for _ in range(rows)]}
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
    connection = await connect(house.run.database_url)
    try:
        row = await connection.fetchrow(_PROGRESS, cohort)
    finally:
        await connection.close()
    assert row is not None
    return row["opened"], row["started"]


async def _p95(house: House, caseload: Caseload, journeys: list[str]) -> float:
    sent = [event for event in await sent_by_partners(house) if event.journey_id in journeys]
    return quantiles(seen_after(sent, caseload), n=20, method="inclusive")[18]


def _staff(house: House) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=house.run.settings.api_url,
        headers={"Authorization": f"Bearer {house.tokens[0]}"},
        timeout=60,
        trust_env=False,
    )
