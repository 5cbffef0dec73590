"""Opens the rows of cohorts in a process of its own, which a test kills."""

import asyncio
import sys
from dataclasses import replace
from datetime import timedelta

from processes.cohorts import CohortOpener, CohortPace, OpeningRules
from store.database import create_engine
from tests.store.samples import catalog, policies
from tests.vault import VAULT

PACE = CohortPace(
    rows_per_second=500,
    lease=timedelta(seconds=1),
    poll=timedelta(seconds=0.05),
    beginners=1000,
)


UNHURRIED = replace(PACE, rows_per_second=60)
"""Slow enough that a slow machine can kill this process in the middle of a cohort."""


async def main(database_url: str) -> None:
    engine = create_engine(database_url, pool_size=3)
    await CohortOpener(engine, VAULT, OpeningRules(catalog(), policies()), UNHURRIED).run(
        asyncio.Event()
    )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
