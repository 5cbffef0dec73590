"""The partners we know: who they are, where, for what they are authorized, with which keys."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.levels import SkillLevel
from domain.model import Ref, Word
from domain.senders import SenderKind
from store.tables import partner_keys, partners


class Authorization(Word):
    """Leave to assess an occupation at these levels, both days included; open ends cover all."""

    occupation: str
    levels: tuple[SkillLevel, ...]
    valid_from: date | None = None
    valid_to: date | None = None

    def covers(self, occupation: str, level: SkillLevel, day: date) -> bool:
        """Whether it allows an assessment of that occupation and level on that day."""
        return (
            self.occupation == occupation
            and level in self.levels
            and (self.valid_from is None or self.valid_from <= day)
            and (self.valid_to is None or day <= self.valid_to)
        )


class PartnerRow(Word):
    """A partner. `region` is a division code, empty for the whole nation.

    An employer with authorizations is an enterprise that may assess its own staff.
    """

    id: Ref
    organization: Ref
    kind: SenderKind
    name: str
    region: str
    service_url: str = ""
    source: str
    authorizations: tuple[Authorization, ...] = ()


_AUTHORIZATIONS = TypeAdapter(tuple[Authorization, ...])
COLUMNS = (
    partners.c.partner_id.label("id"),
    partners.c.organization,
    partners.c.kind,
    partners.c.name,
    partners.c.region,
    partners.c.service_url,
    partners.c.source,
    partners.c.authorizations,
)
_BY_SOURCE = (
    select(*COLUMNS, partner_keys.c.secret)
    .join_from(partners, partner_keys, isouter=True)
    .where(partners.c.source == bindparam("source"))
    .order_by(partner_keys.c.position)
)
_new = insert(partners)
_SAVE = _new.on_conflict_do_update(
    index_elements=[partners.c.partner_id],
    set_={column.name: _new.excluded[column.name] for column in partners.c},
)
_FORGET_KEYS = delete(partner_keys).where(partner_keys.c.partner_id == bindparam("of"))
_SERVICE_URLS = select(partners.c.partner_id, partners.c.service_url).where(
    partners.c.service_url != ""
)


async def partner_by_source(
    connection: AsyncConnection, source: str
) -> tuple[PartnerRow, tuple[str, ...]] | None:
    """The partner that sends under this CloudEvents `source`, with its secrets, newest first."""
    rows = (await connection.execute(_BY_SOURCE, {"source": source})).all()
    if not rows:
        return None
    secrets = tuple(row.secret for row in rows if row.secret is not None)
    return partner_of(rows[0]._mapping), secrets


async def save_partners(
    connection: AsyncConnection,
    rows: Iterable[PartnerRow],
    secrets: Mapping[str, Sequence[str]],
) -> None:
    """Write partners as given; the keys of those named in `secrets` are replaced, newest first."""
    written = [
        {
            **row.model_dump(exclude={"id", "authorizations"}),
            "partner_id": row.id,
            "authorizations": _AUTHORIZATIONS.dump_python(row.authorizations, mode="json"),
        }
        for row in rows
    ]
    if written:
        await connection.execute(_SAVE, written)
    if not secrets:
        return
    await connection.execute(_FORGET_KEYS, [{"of": partner} for partner in secrets])
    keys = [
        {"partner_id": partner, "position": position, "secret": secret}
        for partner, held in secrets.items()
        for position, secret in enumerate(held)
    ]
    if keys:
        await connection.execute(insert(partner_keys), keys)


async def service_urls(connection: AsyncConnection) -> dict[str, str]:
    """The service address of each partner that has one, by partner id."""
    rows = await connection.execute(_SERVICE_URLS)
    return {row.partner_id: row.service_url for row in rows}


def partner_of(row: RowMapping) -> PartnerRow:
    """The partner of a row of `COLUMNS`."""
    return PartnerRow.model_validate({name: row[name] for name in PartnerRow.model_fields})
