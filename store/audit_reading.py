"""Reading the audit log, in the order of time: pages for a screen, and all of it for an export."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.model import Word
from store.audit import AuditAction
from store.audit_chain import BEGINNING, Line
from store.audit_tables import audit_log
from store.intake_tables import inbox
from store.pages import BadCursor, Page, cursor_of, key_of, moment_of
from store.tables import journeys

EXPORTED_AT_ONCE = 2_000
_KEY = (audit_log.c.at, audit_log.c.strand, audit_log.c.sequence)
_Place = tuple[datetime, int, int]


class AuditFilter(Word):
    """What is read; None leaves a field out of account.

    `region` is a division code, empty for all: of a region are lines about journeys whose home lies
    in it, about their trainees, and about events that were sorted to them. `since` is included,
    `until` is not.
    """

    region: str = ""
    action: AuditAction | None = None
    about: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChainedLine:
    """A line with the hash before it, so that each can be verified by itself."""

    line: Line
    before: bytes


async def list_lines(
    connection: AsyncConnection, wanted: AuditFilter, limit: int, cursor: str | None
) -> Page[Line]:
    """Lines that fit, oldest first.

    A line is timed when it is written and seen when its transaction is committed: one that is
    younger than a transaction can last may still come before those read already.

    Raises:
        BadCursor: the cursor is none of this list's.
    """
    query = select(audit_log).where(*_fitting(wanted))
    if cursor is not None:
        query = query.where(_after(_place_of(cursor)))
    rows = (await connection.execute(query.order_by(*_KEY).limit(limit + 1))).all()
    items = tuple(Line(*row) for row in rows[:limit])
    last = items[-1] if len(rows) > limit else None
    return Page(
        items=items,
        next_cursor=cursor_of(last.at.isoformat(), last.strand, str(last.sequence))
        if last
        else None,
    )


async def every_line(engine: AsyncEngine, wanted: AuditFilter) -> AsyncIterator[ChainedLine]:
    """Every line that fits, oldest first; no connection is held between two pages."""
    before = audit_log.alias("before")
    query = (
        select(audit_log, before.c.hash)
        .join_from(
            audit_log,
            before,
            and_(
                before.c.strand == audit_log.c.strand,
                before.c.sequence == audit_log.c.sequence - 1,
            ),
            isouter=True,
        )
        .where(*_fitting(wanted))
        .order_by(*_KEY)
        .limit(EXPORTED_AT_ONCE)
    )
    place: _Place | None = None
    while True:
        page = query if place is None else query.where(_after(place))
        async with engine.connect() as connection:
            rows = (await connection.execute(page)).all()
        for row in rows:
            yield ChainedLine(line=Line(*row[:-1]), before=row[-1] or BEGINNING)
        if len(rows) < EXPORTED_AT_ONCE:
            return
        place = (rows[-1].at, rows[-1].strand, rows[-1].sequence)


def _fitting(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    for column, value in (
        (audit_log.c.action, wanted.action),
        (audit_log.c.about, wanted.about),
        (audit_log.c.actor_id, wanted.actor),
    ):
        if value is not None:
            conditions.append(column == value)
    if wanted.since is not None:
        conditions.append(audit_log.c.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(audit_log.c.at < wanted.until)
    if wanted.region:
        conditions.append(_of_region(wanted.region))
    return conditions


def _of_region(region: str) -> ColumnElement[bool]:
    of_region = journeys.c.home_region.startswith(region, autoescape=True)
    about = audit_log.c.about
    return or_(
        select(journeys.c.journey_id).where(journeys.c.journey_id == about, of_region).exists(),
        select(journeys.c.journey_id).where(journeys.c.person_ref == about, of_region).exists(),
        select(inbox.c.receipt)
        .join_from(inbox, journeys, inbox.c.journey_id == journeys.c.journey_id)
        .where(inbox.c.receipt == about, of_region)
        .exists(),
    )


def _after(place: _Place) -> ColumnElement[bool]:
    return tuple_(*_KEY) > tuple_(*place)


def _place_of(cursor: str) -> _Place:
    at, strand, sequence = key_of(cursor, (str, int, str))
    if not (str(sequence).isdecimal() and len(str(sequence)) <= 18):
        raise BadCursor(cursor)
    return moment_of(at), int(strand), int(sequence)
