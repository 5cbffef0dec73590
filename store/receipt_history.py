"""The history of receipts: each delivery, repeats and variants too, newest first, and counted.

A partner's page is put together from the newest lines of each status, so that its cost depends on
its length and neither on the partner's history nor on that of others (`ix_inbox_history`).
"""

from collections.abc import Iterator
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
from store.pages import Page, key_of, moment_of, page_of
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


async def list_receipts(
    connection: AsyncConnection, wanted: HistoryFilter, limit: int, cursor: str | None
) -> Page[ReceiptView]:
    """The receipts that fit, newest first.

    Raises:
        BadCursor: the cursor is none of this list's.
    """
    before = None
    if cursor is not None:
        received_at, receipt = key_of(cursor, (str, str))
        before = tuple_(moment_of(received_at), receipt)
    parts = []
    for query, table in _kinds(wanted):
        part = query.where(*_fitting(wanted, table))
        if before is not None:
            part = part.where(tuple_(table.c.received_at, table.c.receipt) < before)
        parts.append(_newest(part, table, wanted, limit + 1))
    together = union_all(*parts).subquery()
    page = (
        select(together)
        .order_by(together.c.received_at.desc(), together.c.receipt.desc())
        .limit(limit + 1)
    )
    rows = (await connection.execute(page)).all()
    receipts = [receipt_of(row._mapping) for row in rows]
    return page_of(receipts, limit, lambda last: (last.received_at.isoformat(), last.receipt))


async def count_receipts(
    connection: AsyncConnection, wanted: HistoryFilter
) -> dict[ReceiptStatus, int]:
    """How many receipts fit, by status: as many as the list has lines."""
    counted = dict.fromkeys(ReceiptStatus, 0)
    for query, table in _kinds(wanted):
        fitting = _fitting(wanted, table)
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
    return counted


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


def _newest(part: Select[Any], table: Table, wanted: HistoryFilter, at_most: int) -> Select[Any]:
    """The newest of a kind; of a partner's firsts, the newest of each status."""

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


def _fitting(wanted: HistoryFilter, table: Table) -> list[ColumnElement[bool]]:
    """The conditions on a kind's own columns, and on those of the first receipt."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.partner is not None:
        conditions.append(table.c.partner == wanted.partner)
    if wanted.region is not None:
        at_home = select(journeys.c.journey_id).where(
            journeys.c.journey_id == inbox.c.journey_id,
            journeys.c.home_region.startswith(wanted.region, autoescape=True),
        )
        conditions.append(at_home.exists())
    if wanted.received_from is not None:
        conditions.append(table.c.received_at >= wanted.received_from)
    if wanted.received_to is not None:
        conditions.append(table.c.received_at < wanted.received_to)
    conditions += [
        inbox.c[name] == value
        for name in ("type", "subject", "journey_id")
        if (value := getattr(wanted, name)) is not None
    ]
    if wanted.reason is not None and table is inbox:
        conditions.append(inbox.c.reason == wanted.reason)
    return conditions
