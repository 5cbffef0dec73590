"""Raises the tasks that time brings: events that have been in quarantine too long."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from processes.steps import now_and_then, until
from store.erasures import forget_kept_back
from store.tasks import end_settled, raise_overdue

EVERY = 60.0
"""Seconds between two looks; what is looked for lasts days."""
AT_ONCE = 500


def _now() -> datetime:
    return datetime.now(UTC)


class TaskSweep:
    """Looks for them now and then; several may look at once.

    Args:
        engine: PostgreSQL.
        unknown_for: how long an event may wait for its subject to become known.
        clock: gives the current time with an offset.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        unknown_for: timedelta,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._engine = engine
        self._unknown_for = unknown_for
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep until told to stop."""
        await until(stop, self.sweep, now_and_then(stop, EVERY))

    async def sweep(self) -> bool:
        """Raise some, end those that are settled, and forget what quarantine tells of the erased.

        Returns whether there may be more.
        """
        now = self._clock()
        async with self._engine.begin() as connection:
            raised = await raise_overdue(connection, now, self._unknown_for, AT_ONCE)
        async with self._engine.begin() as connection:
            await end_settled(connection, now)
        async with self._engine.begin() as connection:
            await forget_kept_back(connection)
        return raised == AT_ONCE
