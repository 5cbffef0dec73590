"""Events in quarantine as a supervisor sees them: those of her region, the oldest first."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.journal import KeptBack, ReceiptStatus
from domain.model import Word
from domain.second_person import WAITS_FOR
from store.intake_tables import QUARANTINED, inbox
from store.pages import Page, cursor_of, key_of, moment_of
from store.quarantine_tables import quarantine_decisions
from store.tables import journeys, partners


class Asked(Word):
    """A release that one person asked for, and nobody withdrew: who, when, why, what it corrects.

    `correction` is the keyed hash of what it corrects.
    """

    by: str
    at: datetime
    reason: str
    subject: str | None
    data_corrected: bool
    correction: str


class KeptView(Word):
    """An event that is or was in quarantine: who sent what about what, when, and why it is there.

    `since` is when it came into quarantine, None where it has left it. `asked` where a second
    person is awaited. `journey_id` where its subject is known; `region` is its journey's home, or
    that of the partner.
    """

    receipt: str
    source: str
    event_id: str
    partner: str
    type: str
    subject: str
    journey_id: str | None
    received_at: datetime
    status: ReceiptStatus
    since: datetime | None
    reason: str
    detail: str
    region: str
    asked: Asked | None


@dataclass(frozen=True)
class Kept:
    """Such an event with what it says, sealed; None once that is erased."""

    view: KeptView
    sealed: bytes | None


class KeptFilter(Word):
    """What the list is narrowed to; `older_than` leaves out what came into quarantine later."""

    reason: KeptBack | None = None
    partner: str | None = None
    type: str | None = None
    older_than: datetime | None = None


def in_region(region: str) -> ColumnElement[bool]:
    """Whether an event of `inbox` joined to `journeys` and `partners` is a region's.

    It is where its journey's home lies in the region, or, while no journey is known, where its
    partner's region lies in it or contains it.
    """
    return or_(
        and_(
            inbox.c.journey_id.is_not(None),
            journeys.c.home_region.startswith(region, autoescape=True),
        ),
        and_(
            inbox.c.journey_id.is_(None),
            or_(
                partners.c.region.startswith(region, autoescape=True),
                func.starts_with(literal(region), partners.c.region),
            ),
        ),
    )


_LAST_ASKED = (
    select(
        quarantine_decisions.c.step,
        quarantine_decisions.c.by_id,
        quarantine_decisions.c.at,
        quarantine_decisions.c.reason,
        quarantine_decisions.c.subject,
        quarantine_decisions.c.data_corrected,
        quarantine_decisions.c.correction,
    )
    .where(
        quarantine_decisions.c.receipt == inbox.c.receipt,
        quarantine_decisions.c.since == inbox.c.settled_at,
        quarantine_decisions.c.step.in_(("asked", "withdrawn")),
        quarantine_decisions.c.at > func.now() - WAITS_FOR,
    )
    .order_by(quarantine_decisions.c.at.desc())
    .limit(1)
    .lateral("asked")
)
_OF_INBOX = (
    "receipt",
    "source",
    "event_id",
    "partner",
    "type",
    "subject",
    "journey_id",
    "received_at",
    "status",
    "reason",
    "detail",
    "sealed",
)
_EVENT = (
    select(
        *(inbox.c[name] for name in _OF_INBOX),
        case((inbox.c.status == ReceiptStatus.QUARANTINED, inbox.c.settled_at)).label("since"),
        func.coalesce(journeys.c.home_region, partners.c.region).label("region"),
        *(column.label(f"asked_{column.name}") for column in _LAST_ASKED.c),
    )
    .select_from(inbox)
    .outerjoin(journeys, journeys.c.journey_id == inbox.c.journey_id)
    .outerjoin(partners, partners.c.partner_id == inbox.c.partner)
    .outerjoin(_LAST_ASKED, text("TRUE"))
)
_LOCK = (
    select(inbox.c.receipt)
    .where(inbox.c.receipt == bindparam("of"))
    .with_for_update(key_share=True)
)


async def list_kept(
    connection: AsyncConnection, region: str, wanted: KeptFilter, limit: int, cursor: str | None
) -> Page[KeptView]:
    """The events in quarantine of a region that fit a filter, those longest there first.

    Raises:
        BadCursor: the cursor is none of this list's.
    """
    query = _EVENT.where(text(f"inbox.{QUARANTINED}"), in_region(region), *_fitting(wanted))
    if cursor is not None:
        since, receipt = key_of(cursor, (str, str))
        query = query.where(
            tuple_(inbox.c.settled_at, inbox.c.receipt) > tuple_(moment_of(since), receipt)
        )
    query = query.order_by(inbox.c.settled_at, inbox.c.receipt).limit(limit + 1)
    rows = (await connection.execute(query)).all()
    items = tuple(_kept(row._mapping) for row in rows[:limit])
    if len(rows) <= limit:
        return Page(items=items, next_cursor=None)
    last = rows[limit - 1]
    return Page(items=items, next_cursor=cursor_of(last.since.isoformat(), last.receipt))


async def find_kept(
    connection: AsyncConnection, region: str, receipt: str, *, to_decide: bool = False
) -> Kept | None:
    """An event of a region, with what it says; None where it is none of the region's.

    Args:
        to_decide: hold it until the end of the transaction, so that one decides at a time.
    """
    if to_decide:
        await connection.execute(_LOCK, {"of": receipt})
    query = _EVENT.where(inbox.c.receipt == receipt, in_region(region))
    row = (await connection.execute(query)).first()
    return None if row is None else Kept(_kept(row._mapping), row.sealed)


def _fitting(wanted: KeptFilter) -> list[ColumnElement[bool]]:
    conditions = [
        inbox.c[name] == value
        for name in ("reason", "partner", "type")
        if (value := getattr(wanted, name)) is not None
    ]
    if wanted.older_than is not None:
        conditions.append(inbox.c.settled_at < wanted.older_than)
    return conditions


def _kept(row: RowMapping) -> KeptView:
    fields = {name: row[name] for name in KeptView.model_fields if name != "asked"}
    asked = None
    if row["asked_step"] == "asked":
        told = {name: row[f"asked_{name}"] for name in Asked.model_fields if name != "by"}
        asked = Asked(by=row["asked_by_id"], **told)
    return KeptView(**fields, asked=asked)
