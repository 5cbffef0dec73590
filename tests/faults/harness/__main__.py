"""`make faults`: the promises that only whole processes can break, under SIGKILL and outages."""

import argparse
import asyncio
import sys
import time

from tests.faults.harness import neighbors
from tests.faults.harness.houses import ProxiedHouse, proxied_house
from tests.faults.harness.neighbors import prove_neighbors_unharmed
from tests.faults.harness.one_effect import prove_one_effect
from tests.faults.harness.one_journey import prove_one_journey
from tests.faults.harness.outages import (
    prove_database_away,
    prove_disk_full,
    prove_temporal_away,
)
from tests.faults.harness.proofs import Proof
from tests.faults.harness.report import Report
from tests.faults.harness.seed import run_seed

TRAINEES = 500
KILLS_EACH = 3
SEED_WITHIN = 900.0
"""Seconds until a seed is given up; on two cores of its own it takes about three minutes."""
JOURNEYS_A_FAULT = 100
"""Each meets its fault at all three services."""
PEOPLE = 200
JOURNEYS_OVER_OUTAGE = 20
DATABASE_AWAY_S, TEMPORAL_AWAY_S = 15.0, 60.0
PARTS = ["seeds", "calls", "neighbors"]
BEGAN = time.monotonic()


def tell(words: str) -> None:
    """Progress, on standard error."""
    print(f"{time.monotonic() - BEGAN:6.0f} s  {words}", file=sys.stderr, flush=True)


async def run(seeds: list[int], trainees: int, kills_each: int, parts: list[str]) -> Report:
    """Everything that was asked for, one after the other."""
    report = Report()
    if "seeds" in parts:
        for seed in seeds:
            async with report.failing(f"seed {seed}"):
                report.seeds.append(
                    await run_seed(
                        seed,
                        trainees=trainees,
                        kills_each=kills_each,
                        tell=tell,
                        within=SEED_WITHIN,
                    )
                )
    if "calls" in parts:
        async with report.failing("calls and outages"), proxied_house() as house:
            tell("calls and outages: everything runs")
            await _prove_in(house, report)
    if "neighbors" in parts:
        async with (
            report.failing("neighbors"),
            proxied_house(neighbors.HOME, service_calls_at_once=20) as house,
        ):
            tell("neighbors: everything runs")
            report.proofs.append(await prove_neighbors_unharmed(house, 3.0, 20.0))
    return report


async def _prove_in(house: ProxiedHouse, report: Report) -> None:
    proof, closed = await prove_one_effect(house, JOURNEYS_A_FAULT)
    _add(report, proof)
    _add(report, await prove_one_journey(house, PEOPLE, closed[:PEOPLE]))
    _add(report, await prove_database_away(house, DATABASE_AWAY_S, JOURNEYS_OVER_OUTAGE))
    _add(report, await prove_temporal_away(house, TEMPORAL_AWAY_S, JOURNEYS_OVER_OUTAGE))
    _add(report, await prove_disk_full(house))


def _add(report: Report, proof: Proof) -> None:
    tell(f"promise {proof.promise}, {proof.name}: {'; '.join(proof.broken) or 'holds'}")
    report.proofs.append(proof)


def main() -> None:
    """Parse the arguments, run, print; exit code 1 where a promise is broken."""
    asked = argparse.ArgumentParser(prog="make faults", description=__doc__)
    asked.add_argument("--seeds", type=int, default=5, help="how many (default 5)")
    asked.add_argument("--first", type=int, default=1, help="the first seed (default 1)")
    asked.add_argument("--trainees", type=int, default=TRAINEES)
    asked.add_argument("--kills", type=int, default=KILLS_EACH, help="of each process, by seed")
    asked.add_argument("--share", type=float, default=1.0, help="of all sizes beside the seeds")
    asked.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    given = asked.parse_args()
    seeds = list(range(given.first, given.first + given.seeds))
    report = asyncio.run(run(seeds, given.trainees, given.kills, given.parts))
    report.show()
    sys.exit(0 if report.good else 1)


if __name__ == "__main__":
    main()
