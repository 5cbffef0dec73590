"""Reads files of events in a process of its own, which a test kills."""

import asyncio
import sys
from datetime import timedelta

from processes.event_files import EventFileReader, FilePace
from store.database import create_engine
from tests.vault import VAULT

DATA_LIMIT = 8 * 1024
PACE = FilePace(
    chunk=20,
    chunks=3,
    lease=timedelta(seconds=1),
    poll=timedelta(seconds=0.05),
    gives_way=timedelta(seconds=0.02),
)


async def main(database_url: str) -> None:
    engine = create_engine(database_url, pool_size=3)
    await EventFileReader(engine, VAULT, DATA_LIMIT, PACE).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
