"""Reading the audit log, in the order of time: pages for a screen, and all of it for an export."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, false, func, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.model import Word
from store.audit import AuditAction
from store.audit_chain import BEGINNING, Line
from store.audit_tables import audit_log
from store.intake_tables import inbox
from store.pages import BadCursor, Page, cursor_of, key_of, moment_of
from store.tables import journeys

EXPORTED_AT_ONCE = 2_000
LOOKED_AT = 20_000
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
    connection: AsyncConnection,
    wanted: AuditFilter,
    limit: int,
    cursor: str | None,
    looked_at: int = LOOKED_AT,
) -> Page[Line]:
    """Lines that fit, oldest first; at most `looked_at` lines are looked at for one page.

    So where few lines fit, a page may hold fewer than `limit`, or none, and yet have a next one. A
    line is timed when it is written and seen when its transaction is committed: one that is younger
    than a transaction can last may still come before those read already.

    Raises:
        BadCursor: the cursor is none of this list's.
    """
    place = None if cursor is None else _place_of(cursor)
    reach = await _reach(connection, wanted, place, looked_at)
    query = select(audit_log).where(*_fitting(wanted), *_after(place), *_up_to(reach))
    rows = (await connection.execute(query.order_by(*_KEY).limit(limit + 1))).all()
    items = tuple(Line(*row) for row in rows[:limit])
    if len(rows) > limit:
        reach = (items[-1].at, items[-1].strand, items[-1].sequence)
    return Page(
        items=items,
        next_cursor=cursor_of(reach[0].isoformat(), reach[1], str(reach[2])) if reach else None,
    )


async def every_line(
    engine: AsyncEngine, wanted: AuditFilter, within: timedelta, looked_at: int = LOOKED_AT
) -> AsyncIterator[ChainedLine]:
    """Every line that fits, oldest first; no connection is held between two pages.

    Args:
        within: how long one page may take.
        looked_at: how many lines are looked at for one page.

    Raises:
        TimeoutError: PostgreSQL did not answer within that time.
    """
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
        async with asyncio.timeout(within.total_seconds()), engine.connect() as connection:
            reach = await _reach(connection, wanted, place, looked_at)
            page = query.where(*_after(place), *_up_to(reach))
            rows = (await connection.execute(page)).all()
        for row in rows:
            yield ChainedLine(line=Line(*row[:-1]), before=row[-1] or BEGINNING)
        if len(rows) == EXPORTED_AT_ONCE:
            place = (rows[-1].at, rows[-1].strand, rows[-1].sequence)
        elif reach is None:
            return
        else:
            place = reach


def _fitting(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    for column, value in (
        (audit_log.c.action, wanted.action),
        (audit_log.c.about, wanted.about),
        (audit_log.c.actor_id, wanted.actor),
    ):
        if value is not None:
            conditions.append(column == value)
    if wanted.region:
        conditions.append(_of_region(wanted.region))
    return [*conditions, *_in_time(wanted)]


def _in_time(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        conditions.append(audit_log.c.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(audit_log.c.at < wanted.until)
    return conditions


def _of_region(region: str) -> ColumnElement[bool]:
    """Looked up line by line; of EXISTS PostgreSQL may make a list of the whole region."""
    of_region = journeys.c.home_region.startswith(region, autoescape=True)
    about = audit_log.c.about
    found = select(true()).select_from(journeys).limit(1)
    return func.coalesce(
        found.where(journeys.c.journey_id == about, of_region).scalar_subquery(),
        found.where(journeys.c.person_ref == about, of_region).scalar_subquery(),
        found.join(inbox, inbox.c.journey_id == journeys.c.journey_id)
        .where(inbox.c.receipt == about, of_region)
        .scalar_subquery(),
        false(),
    )


async def _reach(
    connection: AsyncConnection, wanted: AuditFilter, place: _Place | None, looked_at: int
) -> _Place | None:
    """The last line that this page looks at; None where it looks to the end, or nothing is slow.

    Of lines about one thing only those are looked at: they have an index.
    """
    if not (wanted.region or wanted.action or wanted.actor):
        return None
    about = [] if wanted.about is None else [audit_log.c.about == wanted.about]
    last = (
        select(*_KEY)
        .where(*about, *_in_time(wanted), *_after(place))
        .order_by(*_KEY)
        .offset(looked_at - 1)
        .limit(1)
    )
    row = (await connection.execute(last)).one_or_none()
    return (row.at, row.strand, row.sequence) if row else None


def _after(place: _Place | None) -> list[ColumnElement[bool]]:
    return [] if place is None else [tuple_(*_KEY) > tuple_(*place)]


def _up_to(reach: _Place | None) -> list[ColumnElement[bool]]:
    return [] if reach is None else [tuple_(*_KEY) <= tuple_(*reach)]


def _place_of(cursor: str) -> _Place:
    at, strand, sequence = key_of(cursor, (str, int, str))
    if not (str(sequence).isdecimal() and len(str(sequence)) <= 18):
        raise BadCursor(cursor)
    return moment_of(at), int(strand), int(sequence)
