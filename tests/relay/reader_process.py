"""Reads files of events in a process of its own, which a test kills."""

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta

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


CHUNK_TAKES = 0.1
"""Seconds: long enough that a slow machine can kill this process in the middle of a file."""


def unhurried_clock() -> datetime:
    """The current time, which is asked for once a chunk."""
    time.sleep(CHUNK_TAKES)
    return datetime.now(UTC)


async def main(database_url: str) -> None:
    engine = create_engine(database_url, pool_size=3)
    reader = EventFileReader(engine, VAULT, DATA_LIMIT, PACE, clock=unhurried_clock)
    await reader.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
