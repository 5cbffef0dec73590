"""Promise 11: a bad partner harms only itself."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from statistics import quantiles
from typing import Any

from tests.faults.harness.houses import ProxiedHouse
from tests.faults.harness.proofs import Proof
from tests.faults.proxy import Fault
from tests.stories.waiting import until

BAD = "provider-shenzhen-01"
"""One of three providers of its city: every third trainee asks it first."""
HOME = "440305"
WORSE_AT_MOST = 1.5
ALL_ENDED_WITHIN = 240.0
MANY = 100_000
"""More requests than are made meanwhile."""
MODES = {"hangs": Fault.HALF_OPEN, "503": Fault.UNAVAILABLE, "garbage": Fault.GARBAGE}
AWAITED = {
    "training_opened": "enrollment_confirmed",
    "assessment_opened": "sitting_scheduled",
    "matching_began": "offer_made",
}
"""From the move after which a partner is called to the one that its event brings."""
_JOURNAL = (
    "SELECT journey_id, kind, at FROM journal WHERE journey_id = ANY($1) AND before <> state "
    "ORDER BY journey_id, sequence"
)
_CASES = "SELECT journey_id, state, partner FROM journeys WHERE journey_id = ANY($1)"


async def prove_neighbors_unharmed(house: ProxiedHouse, per_second: float, seconds: float) -> Proof:
    """Journeys are opened at a steady pace: first all is well, then one provider is bad.

    From the moment at which a partner is to be called to that at which its event counts: p95 over
    the journeys that the bad provider has nothing to do with.
    """
    proof = Proof(11, "a bad partner harms only itself")
    await _p95(house, per_second, min(seconds, 5.0))  # warms everything up
    before = await _p95(house, per_second, seconds)
    proof.figures["before, p95 s"] = round(before, 3)
    for mode, fault in MODES.items():
        during = await _p95(house, per_second, seconds, fault)
        proof.figures[f"{mode}: p95 s"] = round(during, 3)
        proof.figures[f"{mode}: ratio"] = round(during / before, 2)
        proof.expect(
            during <= WORSE_AT_MOST * before,
            f"{mode}: others' p95 is {during / before:.2f} times that of before",
        )
    return proof


async def _p95(
    house: ProxiedHouse, per_second: float, seconds: float, fault: Fault | None = None
) -> float:
    """The others' p95 in seconds while journeys are opened at that pace for so long."""
    with _bad(house, fault):
        opened = await _open_evenly(house, per_second, seconds)
        harmed: set[str] = set()

        async def others_ended() -> bool:
            cases = await house.books.read(_CASES, opened)
            harmed.clear()
            harmed.update(
                case["journey_id"]
                for case in cases
                if fault and (case["state"], case["partner"]) == ("enrolling", BAD)
            )
            ended = {case["journey_id"] for case in cases if case["state"] == "closed"}
            return ended | harmed == set(opened)

        await until(others_ended, "the journeys of the other partners end", ALL_ENDED_WITHIN)
        journal = await house.books.read(_JOURNAL, [one for one in opened if one not in harmed])
    await house.until_closed(opened, ALL_ENDED_WITHIN)
    waits = _waits(journal)
    return quantiles(waits, n=20)[-1]


def _waits(journal: Sequence[Any]) -> list[float]:
    """How long each call took until its event counted, in seconds."""
    waits: list[float] = []
    for _, lines in groupby(journal, key=lambda line: line["journey_id"]):
        begun: dict[str, datetime] = {}
        for line in lines:
            if line["kind"] in AWAITED:
                begun[AWAITED[line["kind"]]] = line["at"]
            elif line["kind"] in begun:
                waits.append((line["at"] - begun.pop(line["kind"])).total_seconds())
    return waits


async def _open_evenly(house: ProxiedHouse, per_second: float, seconds: float) -> list[str]:
    opening: list[asyncio.Task[list[str]]] = []
    async with asyncio.TaskGroup() as group:
        for _ in range(int(per_second * seconds)):
            opening.append(group.create_task(house.open(1)))
            await asyncio.sleep(1 / per_second)
    return [task.result()[0] for task in opening]


@contextmanager
def _bad(house: ProxiedHouse, fault: Fault | None) -> Iterator[None]:
    proxy = house.proxies["enrollment"]
    if fault is not None:
        proxy.plan(f'"partner":"{BAD}"', *[fault] * MANY)
    try:
        yield
    finally:
        proxy.forget()
