"""Removes what need not be kept any longer: callers' idempotency keys after their days."""

import asyncio
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from processes.steps import now_and_then, until
from store.idempotency import KEPT_FOR, purge

AT_ONCE = 500
"""Keys a step, so that nobody waits for a long one."""
LOOK_EVERY = 60.0
"""Seconds."""


async def purge_keys(engine: AsyncEngine, stop: asyncio.Event) -> None:
    """Remove old keys, a few at a time, until told to stop; several processes may do so."""

    async def purge_some() -> bool:
        async with engine.begin() as connection:
            return await purge(connection, datetime.now(UTC) - KEPT_FOR, AT_ONCE) == AT_ONCE

    await until(stop, purge_some, now_and_then(stop, LOOK_EVERY))
