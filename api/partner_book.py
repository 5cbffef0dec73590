"""Whose source it is, and with which keys it signs: read from the registry, kept for seconds."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from api.database import statement
from api.rates import Rates
from domain.senders import SenderKind
from store.registry import PartnerKey, partner_by_source
from store.vault import Vault

MOST_KEPT = 10_000
"""Sources kept at once; when it is full everything is read again."""
LOOKS_PER_SECOND = 2.0
"""How often a source's keys are read again because a signature was of none of them."""


@dataclass(frozen=True)
class Sender:
    """A partner as the event door needs it."""

    partner: str
    kind: SenderKind
    keys: tuple[PartnerKey, ...]
    events_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What the book says of a source; `sender` is None for an unknown one."""

    sender: Sender | None
    read_now: bool


class PartnerBook:
    """Looks up senders by their source. An unknown source is remembered as unknown.

    Args:
        single: an engine with the isolation level AUTOCOMMIT.
    """

    def __init__(
        self,
        single: AsyncEngine,
        vault: Vault,
        *,
        clock: Callable[[], datetime],
        kept: timedelta,
        answer_within: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._single = single
        self._vault = vault
        self._clock = clock
        self._kept_seconds = kept.total_seconds()
        self._answer_within = answer_within
        self._monotonic = monotonic
        self._pages: dict[str, tuple[float, Sender | None]] = {}
        self._looks = Rates(LOOKS_PER_SECOND, at_once=20.0, monotonic=monotonic)

    async def find(self, source: str) -> Page:
        """The sender, as of at most some seconds ago.

        Raises:
            Unavailable: it is not at hand and the registry can't be read.
        """
        if "\0" in source:  # PostgreSQL can't even be asked for it
            return Page(None, read_now=True)
        page = self._pages.get(source)
        if page is not None and self._monotonic() < page[0]:
            return Page(page[1], read_now=False)
        return Page(await self._read(source), read_now=True)

    async def find_again(self, source: str) -> Sender | None:
        """The sender as of now, so that a key that was added a moment ago is known.

        None for an unknown source, or where it was read again too often of late: whoever sends bad
        signatures does not get the registry read for each.

        Raises:
            Unavailable: the registry can't be read.
        """
        return None if self._looks.take(source) else await self._read(source)

    async def _read(self, source: str) -> Sender | None:
        async with statement(self._single, self._answer_within) as connection:
            found = await partner_by_source(connection, self._vault, source, self._clock())
        sender = None
        if found is not None:
            row, keys = found
            sender = Sender(row.id, row.kind, keys, row.events_per_second)
        if len(self._pages) >= MOST_KEPT:
            self._pages.clear()
        self._pages[source] = (self._monotonic() + self._kept_seconds, sender)
        return sender
