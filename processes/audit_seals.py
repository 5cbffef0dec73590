"""The relay process's loop that seals the audit log, and tells each newest seal in its own log."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from processes.steps import now_and_then, until
from store.audit_chain import Seal
from store.audit_seals import is_still_there, newest_seal, seal_what_grew
from store.vault import Vault

log = structlog.get_logger(__name__)

SEALED_EVERY = 2.0
"""Seconds between two rounds: what was added to the log since can be taken away unseen."""


def _now() -> datetime:
    return datetime.now(UTC)


class AuditSealer:
    """Seals the audit log; several work side by side, one at a time.

    Args:
        engine: PostgreSQL, which may be away.
        vault: holds the key of the seals.
        clock: gives the current time with an offset.
    """

    def __init__(
        self, engine: AsyncEngine, vault: Vault, clock: Callable[[], datetime] = _now
    ) -> None:
        self._engine = engine
        self._vault = vault
        self._clock = clock
        self._seen: Seal | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Seal until `stop` is set, and then once more."""
        await until(stop, self.seal, now_and_then(stop, SEALED_EVERY))
        try:
            await self.seal()
        except (DBAPIError, PoolTimeout, OSError):
            log.warning("PostgreSQL is away; the next relay seals the end of the audit log")

    async def seal(self) -> bool:
        """Seal what was added; always returns False."""
        async with self._engine.begin() as connection:
            if self._seen and not await is_still_there(connection, self._seen):
                log.error("audit_seal_missing", number=self._seen.number, mac=self._seen.mac.hex())
            sealed = await seal_what_grew(connection, self._vault, self._clock())
            self._seen = await newest_seal(connection)
        if sealed is None:
            return False
        if sealed.shorter:
            log.error("audit_log_shorter_than_sealed", strands=sealed.shorter)
        if sealed.seals:
            newest = sealed.seals[-1]
            log.info("audit_sealed", number=newest.number, mac=newest.mac.hex())
        return False
