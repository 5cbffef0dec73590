"""Looking for what nobody may read, in whatever form it could have been kept."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from store.person_tables import person_keys
from store.vault import Unsealable, Vault, unseal


def forms_of(secret: str) -> set[bytes]:
    """The ways to write it down that need no key: UTF-8, UTF-16, JSON, hex, base64, a bare hash."""
    plain = secret.encode()
    hidden = {plain, secret.encode("utf-16-le"), json.dumps(secret)[1:-1].encode()}
    for alike in (plain, secret.upper().encode(), secret.lower().encode()):
        hidden |= {alike, alike.hex().encode(), alike.hex().upper().encode()}
        for name in ("md5", "sha1", "sha256"):
            digest = hashlib.new(name, alike, usedforsecurity=False)
            hidden |= {digest.digest(), digest.hexdigest().encode()}
        for before in range(3):  # base64 looks different at each of three places
            cut = (len(alike) + before) // 3 * 4
            hidden.add(base64.b64encode(b"\0" * before + alike)[4 if before else 0 : cut])
    return hidden


def secrets_in(content: bytes, secrets: Iterable[str]) -> set[str]:
    """Which of the secrets the content holds, in any of their forms."""
    return {secret for secret in secrets if any(form in content for form in forms_of(secret))}


async def dump(engine: AsyncEngine) -> Mapping[str, bytes]:
    """Every table: its rows as text, and each `bytea` of it raw."""
    content: dict[str, bytes] = {}
    async with engine.connect() as connection:
        columns = await connection.execute(
            text(
                "SELECT table_name, array_remove(array_agg("
                "CASE WHEN data_type = 'bytea' THEN column_name::text END), NULL) AS raw "
                "FROM information_schema.columns WHERE table_schema = 'public' GROUP BY 1"
            )
        )
        for table, raw in columns.all():
            rows = await connection.scalars(text(f'SELECT t::text FROM "{table}" AS t'))
            parts = [row.encode() for row in rows]
            for column in raw:
                kept = await connection.scalars(text(f'SELECT "{column}" FROM "{table}"'))
                parts += [value for value in kept if value is not None]
            content[table] = b"\n".join(parts)
    return content


async def tables_with(engine: AsyncEngine, secrets: Iterable[str]) -> set[tuple[str, str]]:
    """Table and secret, wherever one is found in the database in a form that needs no key."""
    wanted = tuple(secrets)
    content = await dump(engine)
    return {(table, found) for table in content for found in secrets_in(content[table], wanted)}


async def opens(engine: AsyncEngine, vault: Vault, sealed: bytes, about: str) -> bool:
    """Whether any key that the database still holds, with the master key at hand, opens it."""
    async with engine.connect() as connection:
        wrapped = (await connection.execute(person_keys.select())).all()
    keys = [await vault.person_key(row.wrapped) for row in wrapped]
    for key in keys:
        try:
            unseal(key, sealed, about)
        except Unsealable:
            continue
        return True
    try:
        vault.unseal(sealed, about)
    except Unsealable:
        return False
    return True
