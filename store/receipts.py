"""Receipts: what became of one delivery so far, for its sender and for staff.

Each delivery has one. The first of an event goes through the inbox; a repeat and a variant (another
body under the same id) are final at once.
"""

from datetime import datetime

from sqlalchemy import (
    RowMapping,
    Select,
    Text,
    bindparam,
    cast,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.journal import SAME_ID_OTHER_BODY, ReceiptStatus
from domain.model import Word
from store.intake_tables import inbox, inbox_repeats, inbox_variants
from store.tables import MOMENT, journeys


class ReceiptView(Word):
    """What became of an event so far; `settled_at` once its status is final.

    `delivered_at` is when its journey had it, `original` the first receipt where this one is of a
    repeat or a variant, `superseded_by` the receipt of what took its place.
    """

    receipt: str
    source: str
    event_id: str
    partner: str
    type: str
    subject: str
    status: ReceiptStatus
    reason: str
    detail: str
    received_at: datetime
    delivered_at: datetime | None
    settled_at: datetime | None
    journey_id: str | None
    original: str | None
    superseded_by: str | None


_SHARED = [inbox.c[name] for name in ("source", "event_id", "partner", "type", "subject")]
_NOTHING = cast(null(), Text)
_NEVER = cast(null(), MOMENT)
FIRSTS: Select[tuple[object, ...]] = select(
    *_SHARED,
    inbox.c.receipt,
    inbox.c.status,
    inbox.c.reason,
    inbox.c.detail,
    inbox.c.received_at,
    inbox.c.delivered_at,
    inbox.c.settled_at,
    inbox.c.journey_id,
    _NOTHING.label("original"),
    inbox.c.superseded_by,
)
"""The receipts of events that came for the first time."""

REPEATS: Select[tuple[object, ...]] = select(
    *_SHARED,
    inbox_repeats.c.receipt,
    literal(ReceiptStatus.DUPLICATE.value).label("status"),
    literal("").label("reason"),
    literal("").label("detail"),
    inbox_repeats.c.received_at,
    _NEVER.label("delivered_at"),
    inbox_repeats.c.received_at.label("settled_at"),
    inbox.c.journey_id,
    inbox_repeats.c.original,
    _NOTHING.label("superseded_by"),
).join_from(inbox_repeats, inbox, inbox.c.receipt == inbox_repeats.c.original)
"""The receipts of repeats; `receipt_of` gives them their reason."""

VARIANTS: Select[tuple[object, ...]] = select(
    *_SHARED,
    inbox_variants.c.receipt,
    literal(ReceiptStatus.REJECTED.value).label("status"),
    literal(SAME_ID_OTHER_BODY).label("reason"),
    literal("").label("detail"),
    inbox_variants.c.received_at,
    _NEVER.label("delivered_at"),
    inbox_variants.c.received_at.label("settled_at"),
    inbox.c.journey_id,
    inbox_variants.c.original,
    _NOTHING.label("superseded_by"),
).join_from(inbox_variants, inbox, inbox.c.receipt == inbox_variants.c.original)
"""The receipts of other bodies under an id that was used before."""

_SENDER = or_(
    bindparam("partner", type_=inbox.c.partner.type).is_(None),
    inbox.c.partner == bindparam("partner"),
)
_OF_REGION = or_(
    bindparam("region", type_=journeys.c.home_region.type).is_(None),
    exists().where(
        journeys.c.journey_id == inbox.c.journey_id,
        func.starts_with(journeys.c.home_region, bindparam("region")),
    ),
)
_BY_EITHER_ID = (
    FIRSTS.where(or_(inbox.c.receipt == bindparam("id"), inbox.c.event_id == bindparam("id")))
    .where(_SENDER, _OF_REGION)
    .order_by(inbox.c.arrival)
    .limit(1)
)
_AGAIN = tuple(
    kind.where(table.c.receipt == bindparam("id"), _SENDER, _OF_REGION)
    for kind, table in ((REPEATS, inbox_repeats), (VARIANTS, inbox_variants))
)


async def receipt(
    connection: AsyncConnection,
    receipt_id: str,
    partner: str | None,
    region: str | None = None,
) -> ReceiptView | None:
    """What became of an event, by our receipt or by the sender's event id.

    One that does not exist for the caller takes as many statements as one that nobody has.

    Args:
        partner: whose events exist for the caller; None for all partners'.
        region: where the event's journey has to lie for staff to see it; None for events of no
            journey too.
    """
    asked = {"id": receipt_id, "partner": partner, "region": region}
    for query in (_BY_EITHER_ID, *_AGAIN):
        found = (await connection.execute(query, asked)).first()
        if found is not None:
            return receipt_of(found._mapping)
    return None


def receipt_of(row: RowMapping) -> ReceiptView:
    """The receipt of a row of `FIRSTS`, `REPEATS` or `VARIANTS`."""
    fields = {name: row[name] for name in ReceiptView.model_fields}
    if fields["reason"] == SAME_ID_OTHER_BODY:
        fields["detail"] = (
            f"another body came under this id before, under receipt {row['original']}"
        )
    elif row["original"] is not None:
        fields["reason"] = repeat_of(row["original"])
    return ReceiptView(**fields)


_BY_STATUS = text(
    "SELECT status, count(*) FROM inbox GROUP BY status "
    "UNION ALL SELECT :repeats, count(*) FROM inbox_repeats "
    "UNION ALL SELECT :variants, count(*) FROM inbox_variants"
)


async def count_by_status(connection: AsyncConnection) -> dict[ReceiptStatus, int]:
    """How many receipts there are of each status, repeats and variants among them."""
    counted = dict.fromkeys(ReceiptStatus, 0)
    rows = await connection.execute(
        _BY_STATUS, {"repeats": ReceiptStatus.DUPLICATE, "variants": ReceiptStatus.REJECTED}
    )
    for status, count in rows:
        counted[ReceiptStatus(status)] += count
    return counted


def repeat_of(first: str) -> str:
    """What the receipt of a repeat says."""
    return f"the same event came before, under receipt {first}"
