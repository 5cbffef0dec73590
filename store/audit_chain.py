"""How lines and seals of the audit log are chained: what is hashed, byte for byte.

What is hashed is a JSON array: strings are escaped in it, so that no two lines are written alike.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from store.vault import Vault

BEGINNING = hashlib.sha256(b"").digest()
"""What stands before the first line of a strand, and before the first seal."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it lies in the log; `detail` is JSON text."""

    strand: int
    sequence: int
    at: datetime
    action: str
    actor_id: str
    actor_role: str
    about: str
    detail: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class Seal:
    """Vouches that a strand had this hash at this line."""

    number: int
    strand: int
    sequence: int
    hash: bytes
    sealed_at: datetime
    mac: bytes


def line_hash(before: bytes, line: Line) -> bytes:
    """The hash that a line must have: SHA-256 of the hash before it and of its content.

    The database's function `audit_append` computes the same.
    """
    content = [
        line.strand,
        line.sequence,
        microseconds(line.at),
        line.action,
        line.actor_id,
        line.actor_role,
        line.about,
        line.detail,
    ]
    return hashlib.sha256(before + json.dumps(content, ensure_ascii=False).encode()).digest()


def seal_mac(vault: Vault, before: bytes, seal: Seal) -> bytes:
    """The keyed hash that a seal must have, given that of the seal before it."""
    content = [
        before.hex(),
        seal.number,
        seal.strand,
        seal.sequence,
        seal.hash.hex(),
        microseconds(seal.sealed_at),
    ]
    return vault.audit_mac(json.dumps(content).encode())


def microseconds(at: datetime) -> int:
    """Whole microseconds since 1970-01-01T00:00:00Z."""
    return (at - _EPOCH) // timedelta(microseconds=1)
