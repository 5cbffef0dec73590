"""The inbox: an event is acknowledged once it is committed here, and never leaves it again."""

from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.journal import ReceiptStatus
from domain.model import Word
from store.ids import new_id
from store.intake_tables import inbox, inbox_repeats
from store.receipts import repeat_of
from store.tables import journeys, shared_references

INTAKE_CHANNEL = "intake"
"""LISTEN channel: something waits for the relay. A hint, lost without harm."""


class Incoming(Word):
    """One CloudEvent whose signature was found good; `raw` is the body as it was signed."""

    source: str
    event_id: str
    partner: str
    type: str
    subject: str
    time: datetime | None
    sequence: str | None
    data: dict[str, JsonValue]
    body_hash: str
    raw: str


class Received(Word):
    """The receipt of one delivery. A repeat has its own; `original` is the first one."""

    receipt: str
    status: ReceiptStatus
    reason: str = ""
    repeat: bool = False
    original: str | None = None


class SameIdOtherBody(Exception):
    """The source used this event id before, for another body; `receipt` is the first one's."""

    def __init__(self, receipt: str) -> None:
        super().__init__(f"another body came under this id before: {receipt}")
        self.receipt = receipt


_KNOWN_AS_REFERENCE = (
    select(shared_references.c.journey_id)
    .where(
        shared_references.c.partner == bindparam("partner"),
        shared_references.c.ref == bindparam("subject"),
    )
    .scalar_subquery()
)
_KNOWN_AS_JOURNEY = (
    select(journeys.c.journey_id)
    .where(journeys.c.journey_id == bindparam("subject"))
    .scalar_subquery()
)
_FRESH = (
    insert(inbox)
    .values(
        {column: bindparam(column) for column in (*Incoming.model_fields, "receipt", "received_at")}
        | {
            "status": bindparam("status"),
            "reason": bindparam("reason"),
            "settled_at": bindparam("settled_at"),
            "journey_id": func.coalesce(_KNOWN_AS_REFERENCE, _KNOWN_AS_JOURNEY),
        }
    )
    .on_conflict_do_nothing(index_elements=[inbox.c.event_id, inbox.c.source])
    .returning(inbox.c.receipt)
    .cte("fresh")
)
_INSERT = select(_FRESH.c.receipt, func.pg_notify(INTAKE_CHANNEL, ""))
_FIRST = select(inbox.c.receipt, inbox.c.body_hash).where(
    inbox.c.event_id == bindparam("event_id"), inbox.c.source == bindparam("source")
)
_REPEAT = insert(inbox_repeats)


async def receive(connection: AsyncConnection, incoming: Incoming, now: datetime) -> Received:
    """Take an event in; acknowledged once the caller's transaction is committed.

    The same source, id and body again is a repeat: it gets a receipt of its own, final at once.

    Raises:
        SameIdOtherBody: the source used the id before for another body; nothing is written.
    """
    return await _take_in(connection, incoming, now, ReceiptStatus.RECEIVED, "")


async def quarantine(
    connection: AsyncConnection, incoming: Incoming, reason: str, now: datetime
) -> Received:
    """Keep a well-signed event that does not fit its schema, for a supervisor to look at.

    Raises:
        SameIdOtherBody: as in `receive`.
    """
    return await _take_in(connection, incoming, now, ReceiptStatus.QUARANTINED, reason)


async def _take_in(
    connection: AsyncConnection,
    incoming: Incoming,
    now: datetime,
    status: ReceiptStatus,
    reason: str,
) -> Received:
    receipt = new_id("rc")
    line = {
        **incoming.model_dump(),
        "receipt": receipt,
        "received_at": now,
        "status": status,
        "reason": reason,
        "settled_at": now if status.final else None,
    }
    if (await connection.execute(_INSERT, line)).first() is not None:
        return Received(receipt=receipt, status=status, reason=reason)
    first = (
        await connection.execute(_FIRST, {"event_id": incoming.event_id, "source": incoming.source})
    ).one()
    if first.body_hash != incoming.body_hash:
        raise SameIdOtherBody(first.receipt)
    await connection.execute(
        _REPEAT, {"receipt": receipt, "original": first.receipt, "received_at": now}
    )
    return Received(
        receipt=receipt,
        status=ReceiptStatus.DUPLICATE,
        reason=repeat_of(first.receipt),
        repeat=True,
        original=first.receipt,
    )
