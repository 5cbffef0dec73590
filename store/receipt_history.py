"""The history of receipts: each delivery, repeats and variants too, newest first, and counted.

A partner's page is put together from the newest lines of each status, so that its cost depends on
its length and neither on the partner's history nor on that of others (`ix_inbox_history`).

A region's starts from its journeys where they are few. Where they are many, the newest deliveries
of everybody are looked through, so many for a page.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    Text,
    func,
    literal,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.journal import SAME_ID_OTHER_BODY, ReceiptStatus
from domain.model import Word
from store.intake_tables import inbox, inbox_repeats, inbox_variants
from store.pages import Page, cursor_of, key_of, moment_of, page_of
from store.receipts import FIRSTS, REPEATS, VARIANTS, ReceiptView, receipt_of
from store.tables import journeys


class HistoryFilter(Word):
    """Whose receipts, and which of them; None leaves a field out of account.

    Either `partner`, for what it sent itself, or `region`, for events of journeys whose home lies
    there. `received_from` is included, `received_to` is not.
    """

    partner: str | None = None
    region: str | None = None
    type: str | None = None
    status: ReceiptStatus | None = None
    reason: str | None = None
    subject: str | None = None
    journey_id: str | None = None
    received_from: datetime | None = None
    received_to: datetime | None = None


@dataclass(frozen=True)
class Counted:
    """How many receipts fit, by status; `at_least` where only the newest were looked at."""

    by_status: dict[ReceiptStatus, int]
    at_least: bool


@dataclass(frozen=True)
class Bounds:
    """How much is looked at for a region's page or counts.

    `journeys`: up to how many of a region the search starts from them. `lines`: else, how many
    deliveries of each kind are looked at.
    """

    journeys: int = 1_000
    lines: int = 20_000


_BOUNDS = Bounds()


@dataclass(frozen=True)
class _Span:
    """Where a region's receipts are looked for: with these journeys, or down to this place."""

    journeys: list[str] | None = None
    down_to: tuple[datetime, str] | None = None


async def list_receipts(
    connection: AsyncConnection,
    wanted: HistoryFilter,
    limit: int,
    cursor: str | None,
    bounds: Bounds = _BOUNDS,
) -> Page[ReceiptView]:
    """The receipts that fit, newest first.

    A page of a region of many journeys may hold fewer than `limit`, or none, and yet have a next.

    Raises:
        BadCursor: the cursor is none of this list's.
    """
    before = None
    if cursor is not None:
        received_at, receipt = key_of(cursor, (str, str))
        before = (moment_of(received_at), str(receipt))
    span = await _span(connection, wanted, before, bounds)
    parts = []
    for query, table in _kinds(wanted):
        part = query.where(*_fitting(wanted, table, span))
        if before is not None:
            part = part.where(_key(table) < tuple_(*before))
        parts.append(_newest(part, table, wanted, limit + 1, fenced=span.journeys is not None))
    together = union_all(*parts).subquery()
    newest = (
        select(together)
        .order_by(together.c.received_at.desc(), together.c.receipt.desc())
        .limit(limit + 1)
    )
    rows = (await connection.execute(newest)).all()
    receipts = [receipt_of(row._mapping) for row in rows]
    page = page_of(receipts, limit, lambda last: (last.received_at.isoformat(), last.receipt))
    if page.next_cursor is None and span.down_to is not None:
        at, receipt = span.down_to
        return Page(items=page.items, next_cursor=cursor_of(at.isoformat(), receipt))
    return page


async def count_receipts(
    connection: AsyncConnection, wanted: HistoryFilter, bounds: Bounds = _BOUNDS
) -> Counted:
    """As many as the list has lines; of a region of many journeys, among the newest only."""
    counted = dict.fromkeys(ReceiptStatus, 0)
    span = await _span(connection, wanted, None, bounds)
    for query, table in _kinds(wanted):
        fitting = _fitting(wanted, table, span)
        if table is inbox:
            if wanted.status is not None:
                fitting.append(inbox.c.status == wanted.status)
            status = inbox.c.status
            rows = await connection.execute(
                query.with_only_columns(status, func.count()).where(*fitting).group_by(status)
            )
            for found, number in rows:
                counted[ReceiptStatus(found)] += number
        else:
            number = await connection.scalar(
                query.with_only_columns(func.count(), maintain_column_froms=True).where(*fitting)
            )
            counted[_ALWAYS[table.name]] += number or 0
    return Counted(by_status=counted, at_least=span.down_to is not None)


async def _span(
    connection: AsyncConnection,
    wanted: HistoryFilter,
    before: tuple[datetime, str] | None,
    bounds: Bounds,
) -> _Span:
    if wanted.region is None or wanted.journey_id is not None:
        return _Span()
    if wanted.region:
        areas = {2: journeys.c.home_province, 4: journeys.c.home_city}
        area = areas.get(len(wanted.region), journeys.c.home_region)
        few = select(journeys.c.journey_id).where(area == wanted.region).limit(bounds.journeys + 1)
        found = list(await connection.scalars(few))
        if len(found) <= bounds.journeys:
            return _Span(journeys=found)
    ends = []
    for _, table in _kinds(wanted):
        last = select(table.c.received_at, table.c.receipt).where(*_in_time(wanted, table))
        if before is not None:
            last = last.where(_key(table) < tuple_(*before))
        order = (table.c.received_at.desc(), table.c.receipt.desc())
        row = await connection.execute(last.order_by(*order).offset(bounds.lines - 1).limit(1))
        ends += [(each.received_at, each.receipt) for each in row]
    return _Span(down_to=max(ends, default=None))


_ALWAYS = {
    inbox_repeats.name: ReceiptStatus.DUPLICATE,
    inbox_variants.name: ReceiptStatus.REJECTED,
}


def _kinds(wanted: HistoryFilter) -> Iterator[tuple[Select[Any], Table]]:
    """The three kinds of receipts, without those that can't fit."""
    yield FIRSTS, inbox
    if wanted.status in (None, ReceiptStatus.DUPLICATE) and wanted.reason is None:
        yield REPEATS, inbox_repeats
    if wanted.status in (None, ReceiptStatus.REJECTED) and wanted.reason in (
        None,
        SAME_ID_OTHER_BODY,
    ):
        yield VARIANTS, inbox_variants


def _newest(
    part: Select[Any], table: Table, wanted: HistoryFilter, at_most: int, *, fenced: bool
) -> Select[Any]:
    """The newest of a kind; of a partner's firsts, the newest of each status.

    Args:
        fenced: find all that fit before they are ordered: else PostgreSQL may walk everything that
            was ever received to find the newest of few.
    """
    if fenced:
        if table is inbox and wanted.status is not None:
            part = part.where(inbox.c.status == wanted.status)
        found = part.offset(0).subquery()
        order = (found.c.received_at.desc(), found.c.receipt.desc())
        return select(found).order_by(*order).limit(at_most).subquery().select()

    def of(query: Select[Any]) -> Select[Any]:
        order = (table.c.received_at.desc(), table.c.receipt.desc())
        return query.order_by(*order).limit(at_most)

    if table is not inbox:
        return of(part).subquery().select()
    if wanted.status is not None:
        return of(part.where(inbox.c.status == wanted.status)).subquery().select()
    if wanted.partner is None:
        return of(part).subquery().select()
    all_of_them = literal([status.value for status in ReceiptStatus], ARRAY(Text))
    kinds = func.unnest(all_of_them).table_valued("status", name="kinds").render_derived()
    lines = of(part.where(inbox.c.status == kinds.c.status)).lateral("lines")
    return select(lines).select_from(kinds.join(lines, true()))


def _key(table: Table) -> ColumnElement[Any]:
    return tuple_(table.c.received_at, table.c.receipt)


def _in_time(wanted: HistoryFilter, table: Table) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.received_from is not None:
        conditions.append(table.c.received_at >= wanted.received_from)
    if wanted.received_to is not None:
        conditions.append(table.c.received_at < wanted.received_to)
    return conditions


def _fitting(wanted: HistoryFilter, table: Table, span: _Span) -> list[ColumnElement[bool]]:
    """The conditions on a kind's own columns, and on those of the first receipt."""
    conditions = _in_time(wanted, table)
    if span.down_to is not None:
        conditions.append(_key(table) >= tuple_(*span.down_to))
    if wanted.partner is not None:
        conditions.append(table.c.partner == wanted.partner)
    if span.journeys is not None:
        conditions.append(inbox.c.journey_id == func.any(literal(span.journeys, ARRAY(Text))))
    elif wanted.region is not None:
        at_home = select(journeys.c.journey_id).where(
            journeys.c.journey_id == inbox.c.journey_id,
            journeys.c.home_region.startswith(wanted.region, autoescape=True),
        )
        conditions.append(at_home.exists())
    conditions += [
        inbox.c[name] == value
        for name in ("type", "subject", "journey_id")
        if (value := getattr(wanted, name)) is not None
    ]
    if wanted.reason is not None and table is inbox:
        conditions.append(inbox.c.reason == wanted.reason)
    return conditions
