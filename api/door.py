"""The door for partners: who signed a request, whether more of theirs is let in, what is refused.

One for each app. It remembers partners' keys for seconds, their rates, and when a key was last
noted as used.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from starlette.background import BackgroundTask

from api.database import statement
from api.dependencies import ApiDependencies
from api.keeping import Keeping
from api.metrics import Metrics
from api.partner_book import PartnerBook, Sender
from api.problems import EventIdReused, NotGenuine, TooManyRequests, Unavailable
from api.rates import Rates
from api.relay_hints import RelayHints
from api.signatures import REFUSED, SignatureHeaders, is_fresh, signer
from domain.commands import Actor, Role
from store.audit import AuditAction, AuditLine
from store.inbox import Variant
from store.registry import PartnerKey, keys_used

KEY_NOTED_EVERY = timedelta(seconds=5)
"""How exactly the registry knows when a key was last used."""

_NOBODYS = (PartnerKey("nobody", secrets.token_bytes(32)),)
"""Tried where a source has no key: how long a refusal takes tells nobody which sources exist."""

_log = structlog.get_logger("journeyman.api")


@dataclass(frozen=True, slots=True)
class Genuine:
    """The sender of a request, the source that it named, and the key that it signed with."""

    source: str
    sender: Sender
    key: PartnerKey


class Door:
    """What the routes for partners share."""

    def __init__(self, deps: ApiDependencies, metrics: Metrics) -> None:
        self.deps = deps
        self.metrics = metrics
        self.single = deps.engine.execution_options(isolation_level="AUTOCOMMIT")
        self.book = PartnerBook(
            self.single,
            deps.vault,
            clock=deps.clock,
            kept=deps.limits.partner_kept,
            answer_within=deps.limits.database_answer,
            monotonic=deps.monotonic,
        )
        self._rates = Rates(deps.limits.partner_events_per_second, monotonic=deps.monotonic)
        self.keeping = Keeping(self.single, deps)
        self._hints = RelayHints(
            self.single, within=deps.limits.database_answer, monotonic=deps.monotonic
        )
        self._noted: dict[str, datetime] = {}

    async def genuine(
        self, sources: Iterable[str], headers: SignatureHeaders, body: bytes
    ) -> Genuine:
        """The first of the sources whose key signed this body, lately.

        Raises:
            NotGenuine: none is; the same words whatever is wrong.
            Unavailable: the registry can't be read.
        """
        if not is_fresh(headers, self.deps.clock(), self.deps.limits.signature_age):
            raise NotGenuine(REFUSED)
        outdated = []
        for source in sources:
            page = await self.book.find(source)
            if found := _signed(source, page.sender, headers, body):
                return found
            if not page.read_now:
                outdated.append(source)
        for source in outdated:
            if found := _signed(source, await self.book.find_again(source), headers, body):
                return found
        raise NotGenuine(REFUSED)

    def let_in(self, sender: Sender, events: int) -> None:
        """Count events of a sender.

        Raises:
            TooManyRequests: more than its rate; none was counted.
        """
        wait = self._rates.take(sender.partner, events, per_second=sender.events_per_second)
        if wait:
            raise TooManyRequests("you send more events than agreed", wait=wait)

    def after(self, known: Genuine, *, kept: bool) -> BackgroundTask:
        """What is done once the answer is out: a hint to the relay, a note that the key was used.

        Args:
            kept: whether something new waits for the relay.
        """
        return BackgroundTask(self._afterwards, known.key.key_id, kept)

    async def _afterwards(self, key_id: str, kept: bool) -> None:
        now = self.deps.clock()
        noted = self._noted.get(key_id)
        if noted is None or now - noted >= KEY_NOTED_EVERY:
            self._noted[key_id] = now
            await self._note_use(key_id, now)
        if kept:
            await self._hints.give()

    async def _note_use(self, key_id: str, at: datetime) -> None:
        try:
            async with statement(self.single, self.deps.limits.database_answer) as connection:
                await keys_used(connection, {key_id: at})
        except Unavailable:
            self._noted.pop(key_id, None)

    def refused_type(self, sender: Sender, cloud_type: str, events: int) -> AuditLine:
        """Warn of events that a partner of this kind does not send; returns the audit line."""
        _log.warning("event_type_refused", partner=sender.partner, type=cloud_type, events=events)
        return AuditLine(
            action=AuditAction.EVENT_TYPE_REFUSED,
            by=Actor(id=sender.partner, role=Role.PARTNER),
            about=sender.partner,
            detail={"type": cloud_type, "events": events},
        )

    def variant(self, sender: Sender, variant: Variant) -> EventIdReused:
        """Raise the alarm over another body under a known id; returns what its sender is told."""
        _log.warning(
            "event_variant",
            partner=sender.partner,
            receipt=variant.receipt,
            original=variant.original,
        )
        self.metrics.event_variant(sender.partner)
        return EventIdReused(
            "this source sent another body under the same id; a correction has a new id and "
            "`data.supersedes`",
            receipt=variant.original,
        )


def _signed(
    source: str, sender: Sender | None, headers: SignatureHeaders, body: bytes
) -> Genuine | None:
    keys = sender.keys if sender else ()
    key = signer(headers, body, keys or _NOBODYS)
    return Genuine(source, sender, key) if sender and keys and key else None
