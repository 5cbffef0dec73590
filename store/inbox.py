"""The inbox: an event is acknowledged once it is committed here, and never leaves it again."""

from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import bindparam, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.journal import ReceiptStatus
from domain.model import Word
from store.ids import new_id
from store.intake_tables import inbox, inbox_repeats
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


class ReceiptView(Word):
    """What became of an event so far; `settled_at` once its status is final."""

    receipt: str
    source: str
    event_id: str
    partner: str
    type: str
    subject: str
    status: ReceiptStatus
    reason: str
    received_at: datetime
    settled_at: datetime | None
    journey_id: str | None = None
    original: str | None = None


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
        reason=_repeat_of(first.receipt),
        repeat=True,
        original=first.receipt,
    )


_VIEW = [column for column in inbox.c if column.name in ReceiptView.model_fields]
_RECEIPT = select(*_VIEW).where(
    or_(inbox.c.receipt == bindparam("id"), inbox.c.event_id == bindparam("id")),
    or_(
        bindparam("partner", type_=inbox.c.partner.type).is_(None),
        inbox.c.partner == bindparam("partner"),
    ),
)
_REPEATED = (
    select(*_VIEW, inbox_repeats.c.received_at.label("repeated_at"))
    .join(inbox_repeats, inbox_repeats.c.original == inbox.c.receipt)
    .where(
        inbox_repeats.c.receipt == bindparam("id"),
        or_(
            bindparam("partner", type_=inbox.c.partner.type).is_(None),
            inbox.c.partner == bindparam("partner"),
        ),
    )
)


async def receipt(
    connection: AsyncConnection, receipt_id: str, partner: str | None
) -> ReceiptView | None:
    """What became of an event, by our receipt or by the sender's event id.

    Args:
        partner: whose events exist for the caller; None for staff, for whom all do.
    """
    asked = {"id": receipt_id, "partner": partner}
    found = (await connection.execute(_RECEIPT.order_by(inbox.c.arrival).limit(1), asked)).first()
    if found is not None:
        return ReceiptView(**found._mapping)
    repeated = (await connection.execute(_REPEATED, asked)).first()
    if repeated is None:
        return None
    first = dict(repeated._mapping)
    repeated_at = first.pop("repeated_at")
    return ReceiptView(
        **first
        | {
            "receipt": receipt_id,
            "status": ReceiptStatus.DUPLICATE,
            "reason": _repeat_of(first["receipt"]),
            "received_at": repeated_at,
            "settled_at": repeated_at,
            "original": first["receipt"],
        }
    )


_BY_STATUS = text(
    "SELECT status, count(*) FROM inbox GROUP BY status "
    "UNION ALL SELECT :repeats, count(*) FROM inbox_repeats"
)


async def count_by_status(connection: AsyncConnection) -> dict[ReceiptStatus, int]:
    """How many receipts there are of each status, repeats among the duplicates."""
    counted = dict.fromkeys(ReceiptStatus, 0)
    rows = await connection.execute(_BY_STATUS, {"repeats": ReceiptStatus.DUPLICATE})
    for status, count in rows:
        counted[ReceiptStatus(status)] += count
    return counted


def _repeat_of(first: str) -> str:
    return f"the same event came before, under receipt {first}"
