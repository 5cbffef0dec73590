"""Hints to the relay that events wait: one for many where they come fast, else at once."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from api.database import statement
from api.problems import Unavailable
from store.inbox import hint

SELDOM = 0.05
"""Seconds without a hint after which the next goes out at once."""
GATHERED_FOR = 0.01
"""Seconds for which a hint waits for more events to tell of, where they come faster."""


class RelayHints:
    """Sends hints after the commit of what they tell of.

    Args:
        single: an engine with the isolation level AUTOCOMMIT.
    """

    def __init__(
        self, single: AsyncEngine, *, within: timedelta, monotonic: Callable[[], float]
    ) -> None:
        self._single = single
        self._within = within
        self._monotonic = monotonic
        self._gathering = False
        self._sent_at = float("-inf")

    async def give(self) -> None:
        """Tell the relay; call it once the events are committed. A hint that fails is lost.

        Where another hint is about to go out, that one tells of these events too.
        """
        if self._gathering:
            return
        if self._monotonic() - self._sent_at < SELDOM:
            self._gathering = True
            try:
                await asyncio.sleep(GATHERED_FOR)
            finally:
                self._gathering = False
        self._sent_at = self._monotonic()
        try:
            async with statement(self._single, self._within) as connection:
                await hint(connection)
        except Unavailable:
            return
