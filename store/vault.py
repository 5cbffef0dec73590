"""Sealing what must not be read in the database: AES-256-GCM under keys that a key service wraps.

What seals events, what looks persons up and what seals the audit log are three *service keys*: made
once, kept wrapped in PostgreSQL, unwrapped when a process starts. Each person has a data key of her
own besides; destroying it erases her (`store.persons`).
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import service_keys

KEY_BYTES = 32
_NONCE_BYTES = 12
_KEY_ID_BYTES = 8
_FORM = b"\x01"
"""The first byte of everything sealed, so that another form can be told from this one."""


class Unsealable(Exception):
    """It was not sealed by this key, for this purpose, or it was altered."""


class KeyService(Protocol):
    """Holds the master key: in the settings, or in a key management service."""

    async def wrap(self, key: bytes) -> bytes:
        """The key, sealed so that only this service can open it."""
        ...

    async def unwrap(self, wrapped: bytes) -> bytes:
        """The key that was wrapped.

        Raises:
            Unsealable: it was wrapped by another master key, or altered.
        """
        ...


class BadMasterKey(Exception):
    """A text is no master key; the message says what one looks like, without repeating it."""


class MasterKeys:
    """A key service of this process: master keys from the settings.

    Args:
        texts: one or more master keys, each 32 bytes in base64. The first wraps, all unwrap, so
            that a new one can be put before the old one.

    Raises:
        BadMasterKey: one of them is none.
    """

    def __init__(self, *texts: str) -> None:
        keys = [_master_key(text) for text in texts]
        if not keys:
            raise BadMasterKey("no master key is given")
        self._current = _id_of(keys[0])
        self._keys: Mapping[bytes, bytes] = {_id_of(key): key for key in keys}

    async def wrap(self, key: bytes) -> bytes:
        """See `KeyService.wrap`."""
        return self._current + seal(self._keys[self._current], key, "key")

    async def unwrap(self, wrapped: bytes) -> bytes:
        """See `KeyService.unwrap`."""
        master = self._keys.get(wrapped[:_KEY_ID_BYTES])
        if master is None:
            raise Unsealable("wrapped by a master key that is not given")
        return unseal(master, wrapped[_KEY_ID_BYTES:], "key")


class ServiceKey(StrEnum):
    """What the keys that all processes share are for."""

    EVENTS = "events"
    LOOKUP = "lookup"
    AUDIT = "audit"


class Vault:
    """Seals and opens for a process; made by `open_vault`."""

    def __init__(self, service: KeyService, keys: Mapping[ServiceKey, bytes]) -> None:
        self._service = service
        self._keys = keys

    def seal(self, plain: bytes, about: str) -> bytes:
        """Seal under the shared key for events and files.

        Args:
            about: what it belongs to, such as its receipt; it opens nowhere else.
        """
        return seal(self._keys[ServiceKey.EVENTS], plain, about)

    def unseal(self, sealed: bytes, about: str) -> bytes:
        """Open what `seal` sealed.

        Raises:
            Unsealable: altered, moved to another place, or sealed under another key.
        """
        return unseal(self._keys[ServiceKey.EVENTS], sealed, about)

    def lookup(self, kind: str, value: str) -> bytes:
        """The keyed hash (HMAC-SHA256, 32 bytes) under which a value can be found, not read."""
        return hmac.digest(self._keys[ServiceKey.LOOKUP], f"{kind}\n{value}".encode(), "sha256")

    def audit_mac(self, content: bytes) -> bytes:
        """The keyed hash (HMAC-SHA256, 32 bytes) that vouches for a point of the audit log."""
        return hmac.digest(self._keys[ServiceKey.AUDIT], content, "sha256")

    async def new_person_key(self) -> tuple[bytes, bytes]:
        """A data key for one person, and the same wrapped, which is what may be stored."""
        key = secrets.token_bytes(KEY_BYTES)
        return key, await self._service.wrap(key)

    async def person_key(self, wrapped: bytes) -> bytes:
        """A person's data key.

        Raises:
            Unsealable: see `KeyService.unwrap`.
        """
        return await self._service.unwrap(wrapped)


_new_key = insert(service_keys)
_MAKE = _new_key.values(
    name=bindparam("name"), wrapped=bindparam("wrapped"), made_at=func.now()
).on_conflict_do_nothing()
_HELD = select(service_keys.c.name, service_keys.c.wrapped)


async def open_vault(connection: AsyncConnection, service: KeyService) -> Vault:
    """The vault of this database; the first to open it makes its keys.

    Raises:
        Unsealable: the database's keys were wrapped by another master key.
    """
    held = {row.name: row.wrapped for row in await connection.execute(_HELD)}
    for name in ServiceKey:
        if name not in held:
            wrapped = await service.wrap(secrets.token_bytes(KEY_BYTES))
            await connection.execute(_MAKE, {"name": name, "wrapped": wrapped})
    held = {row.name: row.wrapped for row in await connection.execute(_HELD)}
    return Vault(service, {name: await service.unwrap(held[name]) for name in ServiceKey})


def seal(key: bytes, plain: bytes, about: str) -> bytes:
    """Seal under a key: a byte for the form, a random nonce of 12 bytes, text and tag."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _FORM + nonce + AESGCM(key).encrypt(nonce, plain, about.encode())


def unseal(key: bytes, sealed: bytes, about: str) -> bytes:
    """Open what `seal` sealed.

    Raises:
        Unsealable: altered, about something else, or sealed under another key.
    """
    form, nonce = sealed[:1], sealed[1 : 1 + _NONCE_BYTES]
    if form != _FORM or len(nonce) != _NONCE_BYTES:
        raise Unsealable("not in a form that is known")
    try:
        return AESGCM(key).decrypt(nonce, sealed[1 + _NONCE_BYTES :], about.encode())
    except InvalidTag:
        raise Unsealable("altered, moved, or sealed under another key") from None


def _master_key(text: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise BadMasterKey(
            "a master key is 32 random bytes in base64, as of `openssl rand -base64 32`"
        )
    return key


def _id_of(key: bytes) -> bytes:
    return hmac.digest(key, b"master key id", "sha256")[:_KEY_ID_BYTES]
