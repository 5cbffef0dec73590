"""The mappings of partners' files, as operators write them; see `domain.file_mappings`."""

from collections.abc import Mapping

from sqlalchemy import bindparam, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.file_mappings import DEFAULTS, FileMapping
from store.tables import partners

_OWN = select(partners.c.file_mappings).where(partners.c.partner_id == bindparam("of"))
_PUT = (
    update(partners)
    .where(partners.c.partner_id == bindparam("of"))
    .values(file_mappings=partners.c.file_mappings.op("||")(bindparam("added", type_=JSONB)))
)
_DELETE = text(
    "UPDATE partners SET file_mappings = file_mappings - CAST(:name AS text) "
    "WHERE partner_id = :of AND jsonb_exists(file_mappings, :name) RETURNING partner_id"
)


async def own_mappings(connection: AsyncConnection, partner: str) -> dict[str, FileMapping]:
    """A partner's own mappings by their names."""
    kept = await connection.scalar(_OWN, {"of": partner}) or {}
    return {name: FileMapping.model_validate(mapping) for name, mapping in sorted(kept.items())}


async def mappings_of(connection: AsyncConnection, partner: str) -> Mapping[str, FileMapping]:
    """What a partner's files are read by: its own mappings, and everybody's for the rest."""
    return {**DEFAULTS, **await own_mappings(connection, partner)}


async def put_mapping(
    connection: AsyncConnection, partner: str, name: str, mapping: FileMapping
) -> None:
    """Write a mapping, new or in the place of another; files that came before keep theirs."""
    added = {name: mapping.model_dump(mode="json")}
    await connection.execute(_PUT, {"of": partner, "added": added})


async def delete_mapping(connection: AsyncConnection, partner: str, name: str) -> bool:
    """Take a mapping away; returns whether there was one."""
    gone = await connection.scalar(_DELETE, {"of": partner, "name": name})
    return gone is not None
