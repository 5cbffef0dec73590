"""The partners we know: who they are, where, for what they are authorized, with which keys."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import structlog
from pydantic import JsonValue, TypeAdapter
from sqlalchemy import Executable, RowMapping, and_, bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.commands import Actor
from domain.levels import SkillLevel
from domain.model import Ref, Word
from domain.senders import SenderKind
from store.audit import AuditAction, AuditLine, append
from store.partner_keys import enter_secrets, revoke_others, usable_at
from store.partner_tables import partner_keys
from store.tables import MOMENT, partners
from store.vault import Unsealable, Vault

_log = structlog.get_logger(__name__)

COMMAND_LINE = Actor(id="command-line", role="operator")
"""Whoever may write to the database by hand, as `journeyman partners` does."""


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
    `events_per_second` limits what it may send, None where the door's own limit holds. While
    `paused_at` is set it is not called and its events are kept; only `store.pauses` changes that.
    """

    id: Ref
    organization: Ref
    kind: SenderKind
    name: str
    region: str
    service_url: str = ""
    source: str
    authorizations: tuple[Authorization, ...] = ()
    events_per_second: float | None = None
    paused_at: datetime | None = None


@dataclass(frozen=True)
class PartnerKey:
    """A key that its partner may sign with now."""

    key_id: str
    key: bytes = field(repr=False)


AUTHORIZATIONS = TypeAdapter(tuple[Authorization, ...])
COLUMNS = (
    partners.c.partner_id.label("id"),
    *(partners.c[name] for name in PartnerRow.model_fields if name != "id"),
)
_NOW = bindparam("now", type_=MOMENT)
_BY_SOURCE = (
    select(*COLUMNS, partner_keys.c.key_id, partner_keys.c.sealed)
    .join_from(
        partners,
        partner_keys,
        and_(partner_keys.c.partner_id == partners.c.partner_id, usable_at(_NOW)),
        isouter=True,
    )
    .where(partners.c.source == bindparam("source"))
    .order_by(partner_keys.c.created_at.desc(), partner_keys.c.key_id.desc())
)
_new = insert(partners)
_GIVEN = (
    "organization",
    "kind",
    "name",
    "region",
    "service_url",
    "source",
    "authorizations",
)
_limit = func.coalesce(_new.excluded.events_per_second, partners.c.events_per_second)
_REPLACE = _new.on_conflict_do_update(
    index_elements=[partners.c.partner_id],
    set_={name: _new.excluded[name] for name in _GIVEN}
    | {
        "events_per_second": _limit,
        "revision": partners.c.revision + 1,
        "updated_at": _new.excluded.updated_at,
    },
    where=or_(
        *(partners.c[name] != _new.excluded[name] for name in _GIVEN),
        partners.c.events_per_second.is_distinct_from(_limit),
    ),
).returning(partners.c.partner_id)
_ADD = _new.on_conflict_do_nothing().returning(partners.c.partner_id)
_USED = (
    update(partner_keys)
    .where(
        partner_keys.c.key_id == bindparam("of"),
        or_(
            partner_keys.c.last_used_at.is_(None),
            partner_keys.c.last_used_at < bindparam("used", type_=MOMENT),
        ),
    )
    .values(last_used_at=bindparam("used", type_=MOMENT))
)


async def partner_by_source(
    connection: AsyncConnection, vault: Vault, source: str, now: datetime
) -> tuple[PartnerRow, tuple[PartnerKey, ...]] | None:
    """The partner that sends under this CloudEvents `source`, with the keys that are good now.

    The newest key comes first; None for an unknown source.
    """
    rows = (await connection.execute(_BY_SOURCE, {"source": source, "now": now})).all()
    if not rows:
        return None
    keys = (_opened(vault, row.key_id, row.sealed) for row in rows if row.key_id is not None)
    return partner_of(rows[0]._mapping), tuple(key for key in keys if key is not None)


def _opened(vault: Vault, key_id: str, sealed: bytes) -> PartnerKey | None:
    """The key; None, and a warning, where it can't be opened, so that the others still work."""
    try:
        return PartnerKey(key_id, vault.unseal(sealed, key_id))
    except Unsealable:
        _log.warning("a partner's key can't be unsealed; it is passed over", key_id=key_id)
        return None


async def keys_used(connection: AsyncConnection, used: Mapping[str, datetime]) -> None:
    """Note when keys, by their ids, were last seen in use; an older moment changes nothing."""
    if used:
        await connection.execute(
            _USED, [{"of": key_id, "used": used[key_id]} for key_id in sorted(used)]
        )


async def save_partners(
    connection: AsyncConnection,
    vault: Vault,
    rows: Iterable[PartnerRow],
    secrets: Mapping[str, Sequence[str]],
    *,
    by: Actor = COMMAND_LINE,
) -> None:
    """Write partners as given; those named in `secrets` can use these keys from now on, no others.

    Entering the same again changes nothing. Pauses stay, and limits where none is given.

    Raises:
        MalformedSecret: a secret is not `whsec_` and the base64 of 24 to 64 bytes.
        EndedKey: a secret was rotated out or revoked before.
    """
    await _write(connection, _REPLACE, rows, by)
    now = await _moment(connection)
    for partner, held in sorted(secrets.items()):
        for key_id in await revoke_others(connection, vault, partner, held, now):
            await _tell(connection, AuditAction.PARTNER_KEY_REVOKED, by, partner, key_id)
        await _enter(connection, vault, partner, held, by=by, now=now)


async def add_partners(
    connection: AsyncConnection,
    vault: Vault,
    rows: Iterable[PartnerRow],
    secrets: Mapping[str, Sequence[str]],
    *,
    by: Actor = COMMAND_LINE,
) -> None:
    """Write the partners that are not there yet, and the keys that they don't have yet.

    What was changed, rotated or revoked since stays as it is.

    Raises:
        MalformedSecret: a secret is not `whsec_` and the base64 of 24 to 64 bytes.
    """
    await _write(connection, _ADD, rows, by)
    now = await _moment(connection)
    for partner, held in sorted(secrets.items()):
        await _enter(connection, vault, partner, held, by=by, now=now)


def partner_of(row: RowMapping) -> PartnerRow:
    """The partner of a row of `COLUMNS`."""
    return PartnerRow.model_validate({name: row[name] for name in PartnerRow.model_fields})


async def _write(
    connection: AsyncConnection, statement: Executable, rows: Iterable[PartnerRow], by: Actor
) -> None:
    for row in rows:
        written = await connection.scalar(
            statement,
            {
                **row.model_dump(exclude={"id", "authorizations", "paused_at"}),
                "partner_id": row.id,
                "authorizations": AUTHORIZATIONS.dump_python(row.authorizations, mode="json"),
            },
        )
        if written is not None:
            await _tell(connection, AuditAction.PARTNER_WRITTEN, by, row.id)


async def _enter(
    connection: AsyncConnection,
    vault: Vault,
    partner: str,
    held: Sequence[str],
    *,
    by: Actor,
    now: datetime,
) -> None:
    for key_id in await enter_secrets(connection, vault, partner, held, by=by.id, now=now):
        await _tell(connection, AuditAction.PARTNER_KEY_CREATED, by, partner, key_id)


async def _tell(
    connection: AsyncConnection, action: AuditAction, by: Actor, partner: str, key_id: str = ""
) -> None:
    detail: dict[str, JsonValue] = {"key_id": key_id} if key_id else {}
    await append(connection, AuditLine(action=action, by=by, about=partner, detail=detail))


async def _moment(connection: AsyncConnection) -> datetime:
    moment: datetime = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    return moment
