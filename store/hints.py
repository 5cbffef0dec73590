"""LISTEN/NOTIFY as a hint that something waits; whoever listens looks for itself all the same."""

import asyncio
from types import TracebackType

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


class Hints:
    """Waits for a hint on a channel, or for so long. Holds one connection of the pool.

    A lost connection costs hints only: it is opened anew at the next wait.
    """

    def __init__(self, engine: AsyncEngine, channel: str) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._channel = channel
        self._hinted = asyncio.Event()
        self._connection: AsyncConnection | None = None
        self._lost = False

    async def __aenter__(self) -> "Hints":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    async def wait(self, seconds: float) -> None:
        """Return at a hint that came since the last wait began to return, or after `seconds`."""
        await self._listen()
        try:
            await asyncio.wait_for(self._hinted.wait(), seconds)
        except TimeoutError:
            return
        self._hinted.clear()

    def give(self) -> None:
        """Give the hint from within this process."""
        self._hinted.set()

    async def _listen(self) -> None:
        if self._lost:
            await self._close()
        if self._connection is not None:
            return
        try:
            connection = self._connection = await self._engine.connect()
            raw = (await connection.get_raw_connection()).driver_connection
            assert isinstance(raw, asyncpg.Connection)
            await raw.add_listener(self._channel, self._heard)
            raw.add_termination_listener(self._terminated)
        except (DBAPIError, PoolTimeout, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await self._close()

    def _heard(self, *_: object) -> None:
        self._hinted.set()

    def _terminated(self, *_: object) -> None:
        self._lost = True
        self._hinted.set()

    async def _close(self) -> None:
        self._lost = False
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.invalidate()
            await connection.close()
