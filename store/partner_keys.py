"""The keys that partners sign with: made, rotated with an overlap, revoked; sealed at rest.

A secret is `whsec_` and the base64 of 24 to 64 random bytes (Standard Webhooks, symmetric scheme).
It is told once, to whoever has it made, and never again.
"""

import base64
import binascii
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model import Word
from store.ids import new_id
from store.partner_tables import partner_keys
from store.tables import MOMENT
from store.vault import Vault

SECRET_PREFIX = "whsec_"  # noqa: S105
SHORTEST_KEY, LONGEST_KEY = 24, 64
"""Bytes of a key (Standard Webhooks)."""
NEW_KEY = 32
"""Bytes of a key that we make."""
MOST_USABLE = 5
"""Keys of one partner that are good at the same time."""


class MalformedSecret(ValueError):
    """A text is no webhook secret; the message does not repeat it."""


class EndedKey(Exception):
    """A secret was rotated out or revoked before; it can't be entered again."""

    def __init__(self, partner: str) -> None:
        super().__init__(f"a secret of {partner} was rotated out or revoked before")
        self.partner = partner


class TooManyKeys(Exception):
    """The partner has as many usable keys as it may have."""


class UnknownKey(Exception):
    """The partner has no such key."""


@dataclass(frozen=True)
class MadeKey:
    """A key that was just made, with the secret that is told this once."""

    key_id: str
    created_at: datetime
    secret: str = field(repr=False)


class KeyLine(Word):
    """What may be told of a key: everything but the secret. A time is None that never came."""

    key_id: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


def key_of_secret(secret: str) -> bytes:
    """The key's bytes of a secret.

    Raises:
        MalformedSecret: not `whsec_` and the base64, padded or not, of 24 to 64 bytes.
    """
    prefix, encoded = secret[: len(SECRET_PREFIX)], secret[len(SECRET_PREFIX) :]
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if prefix != SECRET_PREFIX or not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise MalformedSecret(
            f"a secret is `{SECRET_PREFIX}` and the base64 of {SHORTEST_KEY} to {LONGEST_KEY} bytes"
        )
    return key


def usable_at(moment: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Whether a row of `partner_keys` is good at that moment: neither revoked nor expired."""
    return and_(
        partner_keys.c.revoked_at.is_(None),
        or_(partner_keys.c.expires_at.is_(None), partner_keys.c.expires_at > moment),
    )


_NOW = bindparam("now", type_=MOMENT)
_UNTIL = bindparam("until", type_=MOMENT)
_OF = partner_keys.c.partner_id == bindparam("partner")
_GIVEN: BindParameter[list[bytes]] = bindparam("given", expanding=True)
_ENTER = (
    insert(partner_keys)
    .on_conflict_do_nothing(index_elements=["partner_id", "fingerprint"])
    .returning(partner_keys.c.key_id)
)
_USABLE_COUNT = select(func.count()).select_from(partner_keys).where(_OF, usable_at(_NOW))
_LINES = (
    select(*(partner_keys.c[name] for name in KeyLine.model_fields))
    .where(_OF)
    .order_by(partner_keys.c.created_at.desc(), partner_keys.c.key_id.desc())
)
_END = (
    update(partner_keys)
    .where(_OF, usable_at(_NOW))
    .values(expires_at=func.least(partner_keys.c.expires_at, _UNTIL))
    .returning(partner_keys.c.key_id)
)
_REVOKE = (
    update(partner_keys)
    .where(_OF, partner_keys.c.key_id == bindparam("key"), partner_keys.c.revoked_at.is_(None))
    .values(revoked_at=_NOW)
    .returning(partner_keys.c.key_id)
)
_REVOKE_OTHERS = (
    update(partner_keys)
    .where(_OF, usable_at(_NOW), partner_keys.c.fingerprint.not_in(_GIVEN))
    .values(revoked_at=_NOW)
    .returning(partner_keys.c.key_id)
)
_EXISTS = select(partner_keys.c.key_id).where(_OF, partner_keys.c.key_id == bindparam("key"))
_ENDED = select(partner_keys.c.key_id).where(
    _OF,
    partner_keys.c.fingerprint.in_(_GIVEN),
    or_(partner_keys.c.revoked_at.is_not(None), partner_keys.c.expires_at.is_not(None)),
)
_ANY = select(exists(select(partner_keys.c.key_id)))
_USABLE = (
    select(partner_keys.c.partner_id, partner_keys.c.key_id, partner_keys.c.sealed)
    .where(usable_at(_NOW))
    .order_by(partner_keys.c.partner_id)
)


async def make_key(
    connection: AsyncConnection, vault: Vault, partner: str, *, by: str, now: datetime
) -> MadeKey:
    """Make a key beside those that the partner has; whoever calls holds the partner's row locked.

    Raises:
        TooManyKeys: `MOST_USABLE` are good already.
    """
    usable = await connection.scalar(_USABLE_COUNT, {"partner": partner, "now": now})
    if usable is not None and usable >= MOST_USABLE:
        raise TooManyKeys(partner)
    key = secrets.token_bytes(NEW_KEY)
    key_id = await _enter(connection, vault, partner, key, by=by, now=now)
    assert key_id is not None, "32 random bytes were never made before"
    return MadeKey(key_id, now, SECRET_PREFIX + base64.b64encode(key).decode())


async def rotate_keys(
    connection: AsyncConnection,
    vault: Vault,
    partner: str,
    overlap: timedelta,
    *,
    by: str,
    now: datetime,
) -> tuple[MadeKey, tuple[str, ...]]:
    """Make a key, and let those of before end after the overlap, or as early as they would anyway.

    Returns:
        The new key, and the ids of those that now have an end.

    Raises:
        TooManyKeys: with an overlap, where `MOST_USABLE` are good already.
    """
    ending = await connection.scalars(
        _END, {"partner": partner, "now": now, "until": now + overlap}
    )
    ended = tuple(sorted(ending))
    return await make_key(connection, vault, partner, by=by, now=now), ended


async def revoke_key(connection: AsyncConnection, partner: str, key_id: str, now: datetime) -> bool:
    """End a key at once; returns False where that was done before.

    Raises:
        UnknownKey: the partner has no such key.
    """
    asked = {"partner": partner, "key": key_id}
    if await connection.scalar(_REVOKE, asked | {"now": now}) is not None:
        return True
    if await connection.scalar(_EXISTS, asked) is None:
        raise UnknownKey(key_id)
    return False


async def key_lines(connection: AsyncConnection, partner: str) -> tuple[KeyLine, ...]:
    """What may be told of every key of a partner, newest first."""
    rows = await connection.execute(_LINES, {"partner": partner})
    return tuple(KeyLine.model_validate(dict(row._mapping)) for row in rows)


async def usable_keys(
    connection: AsyncConnection, vault: Vault, now: datetime
) -> tuple[tuple[str, bytes], ...]:
    """Every partner's usable keys: pairs of partner id and key, in the order of the ids."""
    rows = await connection.execute(_USABLE, {"now": now})
    return tuple((row.partner_id, vault.unseal(row.sealed, row.key_id)) for row in rows)


async def any_key(connection: AsyncConnection) -> bool:
    """Whether any partner has a key, be it good or not."""
    return bool(await connection.scalar(_ANY))


async def enter_secrets(
    connection: AsyncConnection,
    vault: Vault,
    partner: str,
    held: Sequence[str],
    *,
    by: str,
    now: datetime,
) -> tuple[str, ...]:
    """Enter secrets that a partner holds, newest first; those that are known stay as they are.

    Returns:
        The ids of the keys that are new.

    Raises:
        MalformedSecret: one of them is none.
    """
    entered = []
    for age, secret in enumerate(held):
        made_at = now - timedelta(microseconds=age)
        key = key_of_secret(secret)
        key_id = await _enter(connection, vault, partner, key, by=by, now=made_at)
        if key_id is not None:
            entered.append(key_id)
    return tuple(entered)


async def revoke_others(
    connection: AsyncConnection, vault: Vault, partner: str, held: Sequence[str], now: datetime
) -> tuple[str, ...]:
    """Revoke every usable key of a partner but these secrets; returns the ids of those revoked.

    Raises:
        EndedKey: one of the secrets was rotated out or revoked before.
        MalformedSecret: one of them is none.
    """
    asked = {
        "partner": partner,
        "given": [_fingerprint(vault, key_of_secret(secret)) for secret in held],
    }
    if await connection.scalar(_ENDED, asked) is not None:
        raise EndedKey(partner)
    return tuple(sorted(await connection.scalars(_REVOKE_OTHERS, asked | {"now": now})))


async def _enter(
    connection: AsyncConnection, vault: Vault, partner: str, key: bytes, *, by: str, now: datetime
) -> str | None:
    """The new key's id; None where the partner has it already."""
    key_id = new_id("pk")
    found: str | None = await connection.scalar(
        _ENTER,
        {
            "key_id": key_id,
            "partner_id": partner,
            "sealed": vault.seal(key, key_id),
            "fingerprint": _fingerprint(vault, key),
            "created_at": now,
            "created_by": by,
        },
    )
    return found


def _fingerprint(vault: Vault, key: bytes) -> bytes:
    return vault.lookup("partner key", base64.b64encode(key).decode())
