"""`make faults`: the promises that only whole processes can break, under SIGKILL and outages."""

import argparse
import asyncio
import sys
import time

from tests.faults.harness.report import Report
from tests.faults.harness.seed import NotDone, run_seed

TRAINEES = 500
KILLS_EACH = 3
SEED_WITHIN = 900.0
"""Seconds until a seed is given up; on two cores of its own it takes about three minutes."""
BEGAN = time.monotonic()


def tell(words: str) -> None:
    """Progress, on standard error."""
    print(f"{time.monotonic() - BEGAN:6.0f} s  {words}", file=sys.stderr, flush=True)


async def run(seeds: list[int], trainees: int, kills_each: int) -> Report:
    """Everything that was asked for, one after the other."""
    report = Report()
    for seed in seeds:
        try:
            report.seeds.append(
                await run_seed(
                    seed,
                    trainees=trainees,
                    kills_each=kills_each,
                    tell=tell,
                    within=SEED_WITHIN,
                )
            )
        except* (NotDone, AssertionError) as failed:
            report.failures.append(f"seed {seed}: {failed.exceptions}")
    return report


def main() -> None:
    """Parse the arguments, run, print; exit code 1 where a promise is broken."""
    asked = argparse.ArgumentParser(prog="make faults", description=__doc__)
    asked.add_argument("--seeds", type=int, default=5, help="how many (default 5)")
    asked.add_argument("--first", type=int, default=1, help="the first seed (default 1)")
    asked.add_argument("--trainees", type=int, default=TRAINEES)
    asked.add_argument("--kills", type=int, default=KILLS_EACH, help="of each process, by seed")
    given = asked.parse_args()
    seeds = list(range(given.first, given.first + given.seeds))
    report = asyncio.run(run(seeds, given.trainees, given.kills))
    report.show()
    sys.exit(0 if report.good else 1)


if __name__ == "__main__":
    main()
