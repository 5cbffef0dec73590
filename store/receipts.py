"""Receipts: what became of an event so far, for its sender and for staff."""

from datetime import datetime

from sqlalchemy import bindparam, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.journal import ReceiptStatus
from domain.model import Word
from store.intake_tables import inbox, inbox_repeats


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
            "reason": repeat_of(first["receipt"]),
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


def repeat_of(first: str) -> str:
    """What the receipt of a repeat says."""
    return f"the same event came before, under receipt {first}"
