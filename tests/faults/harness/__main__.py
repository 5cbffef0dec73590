"""`make faults`: the promises that only whole processes can break, under SIGKILL and outages."""

import argparse
import asyncio
import signal
import sys
import time
from dataclasses import asdict, dataclass, replace

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
from tests.faults.harness.seed import NONE_YET, run_seed

TRAINEES = 500
KILLS_EACH = 3
SEED_WITHIN = 1200.0
"""Seconds until a seed is given up; on two cores of its own it takes about four minutes."""
PARTS = ["seeds", "calls", "neighbors"]
BEGAN = time.monotonic()


@dataclass(frozen=True)
class Sizes:
    """How large the parts beside the seeds are; times in seconds.

    Each of `journeys_a_fault` meets its fault at all three services; `over_outage` journeys are
    under way when a server goes, and as many are opened meanwhile.
    """

    journeys_a_fault: int = 100
    people: int = 200
    over_outage: int = 20
    database_away: float = 15.0
    temporal_away: float = 60.0
    per_second: float = 3.0
    steadily_for: float = 20.0

    def times(self, share: float) -> "Sizes":
        """The same, smaller; the pace stays."""
        changed = {name: max(2, value * share) for name, value in asdict(self).items()}
        whole = ("journeys_a_fault", "people", "over_outage")
        counts = {name: int(changed[name]) for name in whole}
        return replace(self, **{**changed, **counts, "per_second": self.per_second})


def tell(words: str) -> None:
    """Progress, on standard error."""
    print(f"{time.monotonic() - BEGAN:6.0f} s  {words}", file=sys.stderr, flush=True)


async def run(given: argparse.Namespace) -> Report:
    """Everything that was asked for. What measures times runs alone.

    The calls and outages run beside the seeds, for they wait most of their time: for a server that
    is away a minute, for answers that never come.
    """
    parts, sizes = given.parts, Sizes().times(given.share)
    report = Report()
    async with asyncio.TaskGroup() as beside:
        if "seeds" in parts:
            beside.create_task(_run_seeds(given, report))
        if "calls" in parts:
            beside.create_task(_prove_calls(report, sizes))
    if "neighbors" in parts:
        async with (
            report.failing("neighbors"),
            proxied_house(neighbors.HOME, service_calls_at_once=20) as house,
        ):
            tell("neighbors: everything runs")
            proof = await prove_neighbors_unharmed(house, sizes.per_second, sizes.steadily_for)
            _add(report, proof)
    return report


async def _run_seeds(given: argparse.Namespace, report: Report) -> None:
    oracles = NONE_YET
    for seed in range(given.first, given.first + given.seeds):
        async with report.failing(f"seed {seed}"):
            result = await run_seed(
                seed,
                trainees=given.trainees,
                kills_each=given.kills,
                tell=tell,
                within=SEED_WITHIN,
                oracles=oracles,
            )
            tell(f"seed {seed}: {'holds' if result.verdict.good else 'is broken'}")
            report.seeds.append(result)
            if result.verdict.good:
                oracles = result.oracles


async def _prove_calls(report: Report, sizes: Sizes) -> None:
    async with report.failing("calls and outages"), proxied_house() as house:
        tell("calls and outages: everything runs")
        await _prove_in(house, report, sizes)


async def _prove_in(house: ProxiedHouse, report: Report, sizes: Sizes) -> None:
    proof, closed = await prove_one_effect(house, sizes.journeys_a_fault)
    _add(report, proof)
    _add(report, await prove_one_journey(house, sizes.people, closed[: sizes.people]))
    _add(report, await prove_database_away(house, sizes.database_away, sizes.over_outage))
    _add(report, await prove_temporal_away(house, sizes.temporal_away, sizes.over_outage))
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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # cleans up
    report = asyncio.run(run(given))
    report.show()
    sys.exit(0 if report.good else 1)


if __name__ == "__main__":
    main()
