"""Whose source it is, and with which keys it signs: read from the registry, kept for seconds."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from api.database import transaction
from domain.senders import SenderKind
from store.registry import partner_by_source
from store.vault import Vault

MOST_KEPT = 10_000
"""Sources kept at once; when it is full everything is read again."""


@dataclass(frozen=True)
class Sender:
    """A partner as the event door needs it."""

    partner: str
    kind: SenderKind
    keys: tuple[bytes, ...]


class PartnerBook:
    """Looks up senders by their source. An unknown source is remembered as unknown."""

    def __init__(
        self,
        engine: AsyncEngine,
        vault: Vault,
        *,
        clock: Callable[[], datetime],
        kept: timedelta,
        answer_within: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._vault = vault
        self._clock = clock
        self._kept_seconds = kept.total_seconds()
        self._answer_within = answer_within
        self._monotonic = monotonic
        self._pages: dict[str, tuple[float, Sender | None]] = {}

    async def find(self, source: str) -> Sender | None:
        """The sender, as of at most some seconds ago; None for an unknown source.

        Raises:
            Unavailable: it is not at hand and the registry can't be read.
        """
        page = self._pages.get(source)
        if page is not None and self._monotonic() < page[0]:
            return page[1]
        return await self.read_again(source)

    async def read_again(self, source: str) -> Sender | None:
        """The sender as of now: a key that was added a moment ago is known.

        Raises:
            Unavailable: the registry can't be read.
        """
        async with transaction(self._engine, self._answer_within) as connection:
            found = await partner_by_source(connection, self._vault, source, self._clock())
        sender = None
        if found is not None:
            row, keys = found
            sender = Sender(row.id, row.kind, tuple(key.key for key in keys))
        if len(self._pages) >= MOST_KEPT:
            self._pages.clear()
        self._pages[source] = (self._monotonic() + self._kept_seconds, sender)
        return sender
