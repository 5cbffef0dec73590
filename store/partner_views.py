"""Partners as operators and staff read and write them."""

from datetime import datetime

from sqlalchemy import RowMapping, bindparam, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model import Word
from domain.senders import SenderKind
from store.pages import Page, key_of, page_of
from store.registry import AUTHORIZATIONS, COLUMNS, PartnerRow, partner_of
from store.tables import MOMENT, partners


class PartnerView(Word):
    """A partner, who paused it and why, and the number of its last change."""

    row: PartnerRow
    paused_by: str | None
    pause_reason: str | None
    revision: int
    updated_at: datetime


class PartnerFilter(Word):
    """Which partners to list: every condition that is given has to hold.

    `region` is a division code: that region and what lies in it.
    """

    kind: SenderKind | None = None
    region: str = ""
    paused: bool | None = None


class AlreadyThere(Exception):
    """Another partner has this id or this source; `field` says which."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


_VIEW = select(
    *COLUMNS,
    partners.c.paused_by,
    partners.c.pause_reason,
    partners.c.revision,
    partners.c.updated_at,
)
_FIND = _VIEW.where(
    partners.c.partner_id == bindparam("of"),
    partners.c.region.startswith(bindparam("region"), autoescape=False),
)
_LOCK = _VIEW.where(partners.c.partner_id == bindparam("of")).with_for_update()
_CREATE = insert(partners).on_conflict_do_nothing().returning(partners.c.partner_id)
_ID_TAKEN = select(partners.c.partner_id).where(partners.c.partner_id == bindparam("of"))
_SOURCE_TAKEN = select(partners.c.partner_id).where(
    partners.c.source == bindparam("source"), partners.c.partner_id != bindparam("of")
)
_CHANGE = (
    update(partners)
    .where(partners.c.partner_id == bindparam("of"))
    .values(revision=partners.c.revision + 1, updated_at=bindparam("now", type_=MOMENT))
)
_ONE_SOURCE_AT_A_TIME = select(
    func.pg_advisory_xact_lock(func.hashtextextended("partners.source", 3))
)


async def list_partners(
    connection: AsyncConnection, asked: PartnerFilter, limit: int, cursor: str | None
) -> Page[PartnerView]:
    """Partners by id.

    Raises:
        BadCursor: the cursor is none of this list.
    """
    statement = _VIEW.where(partners.c.region.startswith(asked.region, autoescape=True))
    if asked.kind is not None:
        statement = statement.where(partners.c.kind == asked.kind)
    if asked.paused is not None:
        is_paused = partners.c.paused_at.is_not(None)
        statement = statement.where(is_paused if asked.paused else ~is_paused)
    if cursor is not None:
        (after,) = key_of(cursor, (str,))
        statement = statement.where(tuple_(partners.c.partner_id) > tuple_(after))
    rows = await connection.execute(statement.order_by(partners.c.partner_id).limit(limit + 1))
    found = [_view(row._mapping) for row in rows]
    return page_of(found, limit, lambda last: (last.row.id,))


async def find_partner(
    connection: AsyncConnection, partner: str, region: str = ""
) -> PartnerView | None:
    """A partner of a region or of one within it; None where there is none."""
    row = (await connection.execute(_FIND, {"of": partner, "region": region})).first()
    return None if row is None else _view(row._mapping)


async def lock_partner(connection: AsyncConnection, partner: str) -> PartnerView | None:
    """A partner that nobody else changes before the caller's transaction ends."""
    row = (await connection.execute(_LOCK, {"of": partner})).first()
    return None if row is None else _view(row._mapping)


async def create_partner(connection: AsyncConnection, row: PartnerRow, now: datetime) -> None:
    """Enter a new partner.

    Raises:
        AlreadyThere: its id or its source is another's.
    """
    values = _values(row) | {"partner_id": row.id, "updated_at": now}
    if await connection.scalar(_CREATE, values) is None:
        taken = await connection.scalar(_ID_TAKEN, {"of": row.id})
        raise AlreadyThere("id" if taken is not None else "source")


async def change_partner(connection: AsyncConnection, row: PartnerRow, now: datetime) -> None:
    """Write a partner whose row the caller holds locked.

    Raises:
        AlreadyThere: its source is another's.
    """
    await connection.execute(_ONE_SOURCE_AT_A_TIME)
    taken = await connection.scalar(_SOURCE_TAKEN, {"of": row.id, "source": row.source})
    if taken is not None:
        raise AlreadyThere("source")
    await connection.execute(_CHANGE.values(_values(row)), {"of": row.id, "now": now})


def _values(row: PartnerRow) -> dict[str, object]:
    return {
        **row.model_dump(exclude={"id", "authorizations", "paused_at"}),
        "authorizations": AUTHORIZATIONS.dump_python(row.authorizations, mode="json"),
    }


def _view(row: RowMapping) -> PartnerView:
    return PartnerView(
        row=partner_of(row),
        paused_by=row["paused_by"],
        pause_reason=row["pause_reason"],
        revision=row["revision"],
        updated_at=row["updated_at"],
    )
