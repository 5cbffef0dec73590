"""Our own books, read by SQL: where journeys stand, and what became of their events."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from bench.caseload import connect
from domain.journal import ReceiptStatus

LOOKS_EVERY = 0.25
ANSWERED_WITHIN = 20.0
_CASES = "SELECT journey_id, state, outcome FROM journeys WHERE journey_id = ANY($1)"
_EVENTS = "SELECT source, event_id, status FROM inbox WHERE journey_id = ANY($1)"

EventKey = tuple[str, str]
"""A source and its event id."""


@dataclass
class Books:
    """A reader that outlives the server: while PostgreSQL is away it asks again.

    `cases` are state and outcome by journey, `statuses` of events by source and id; both as of the
    last look, and of the journeys that somebody waits for.
    """

    database_url: str
    cases: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    statuses: dict[EventKey, ReceiptStatus] = field(default_factory=dict)
    _watched: dict[str, int] = field(default_factory=dict)
    _looked: asyncio.Condition = field(default_factory=asyncio.Condition)
    _connection: Any = None

    async def look(self) -> None:
        """Look again and again at what is waited for, until canceled."""
        while True:
            if self._watched:
                journeys = list(self._watched)
                for row in await self.read(_CASES, journeys):
                    self.cases[row["journey_id"]] = (row["state"], row["outcome"])
                for row in await self.read(_EVENTS, journeys):
                    key = (row["source"], row["event_id"])
                    self.statuses[key] = ReceiptStatus(row["status"])
                async with self._looked:
                    self._looked.notify_all()
            await asyncio.sleep(LOOKS_EVERY)

    async def read(self, query: str, *arguments: object) -> list[Any]:
        """Rows of a query, however long the server is away."""
        while True:
            try:
                async with asyncio.timeout(ANSWERED_WITHIN):
                    if self._connection is None:
                        self._connection = await connect(self.database_url)
                    rows: list[Any] = await self._connection.fetch(query, *arguments)
                return rows
            except asyncpg.SyntaxOrAccessError:
                raise
            except Exception:  # whatever a driver meets whose server is killed under it
                await self.close()
                await asyncio.sleep(0.3)

    async def close(self) -> None:
        """Give the connection up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def until_state(self, journey_id: str, state: str) -> None:
        """Wait until a journey was seen in a state."""
        await self._until(journey_id, lambda: self.cases.get(journey_id, ("",))[0] == state)

    async def until_settled(
        self, journey_id: str, events: Iterable[EventKey], *, or_kept: bool = False
    ) -> None:
        """Wait until each event has its final state; `or_kept`: or waits in the journey."""
        keys = list(events)

        def settled(key: EventKey) -> bool:
            status = self.statuses.get(key)
            if status is None:
                return False
            return status.final or (or_kept and status is ReceiptStatus.BUFFERED)

        await self._until(journey_id, lambda: all(map(settled, keys)))

    async def _until(self, journey_id: str, seen: Any) -> None:
        if seen():
            return
        self._watched[journey_id] = self._watched.get(journey_id, 0) + 1
        try:
            async with self._looked:
                await self._looked.wait_for(seen)
        finally:
            self._watched[journey_id] -= 1
            if not self._watched[journey_id]:
                del self._watched[journey_id]
