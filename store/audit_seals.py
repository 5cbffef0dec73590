"""Seals of the audit log: a chain of its own, under a key that is not in the database.

Whoever owns the database can alter lines and compute their hashes anew; a seal, she can't make. The
newest seal is also told outside the database: it is an anchor, without which the end of the log and
its seals could be taken away together.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import bindparam, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from store.audit_chain import BEGINNING, Seal, seal_mac
from store.audit_tables import audit_seals
from store.vault import Vault

_ONE_AT_A_TIME = select(
    func.pg_try_advisory_xact_lock(func.hashtextextended("journeyman.audit_seals", 0))
)
_NEWEST = select(audit_seals).order_by(audit_seals.c.number.desc()).limit(1)
_MAC = select(audit_seals.c.mac).where(audit_seals.c.number == bindparam("number"))
_NOT_AS_SEALED = text(
    """
    WITH RECURSIVE strands AS (
        SELECT min(strand) AS strand FROM audit_log
        UNION ALL
        SELECT (SELECT min(strand) FROM audit_log WHERE strand > strands.strand)
        FROM strands WHERE strand IS NOT NULL
    )
    SELECT strands.strand, head.sequence, head.hash, coalesce(sealed.sequence, 0) AS sealed
    FROM strands
    CROSS JOIN LATERAL (
        SELECT sequence, hash FROM audit_log WHERE strand = strands.strand
        ORDER BY sequence DESC LIMIT 1
    ) AS head
    LEFT JOIN LATERAL (
        SELECT sequence FROM audit_seals WHERE strand = strands.strand
        ORDER BY sequence DESC LIMIT 1
    ) AS sealed ON true
    WHERE head.sequence <> coalesce(sealed.sequence, 0)
    ORDER BY strands.strand
    """
)


@dataclass(frozen=True)
class Sealed:
    """What a round of sealing wrote, and which strands it found shorter than a seal of theirs."""

    seals: tuple[Seal, ...]
    shorter: tuple[int, ...]


async def seal_what_grew(connection: AsyncConnection, vault: Vault, now: datetime) -> Sealed | None:
    """Seal each strand that has new lines; None where somebody else is sealing."""
    if not await connection.scalar(_ONE_AT_A_TIME):
        return None
    heads = (await connection.execute(_NOT_AS_SEALED)).all()
    newest = await newest_seal(connection)
    number, mac = (newest.number, newest.mac) if newest else (0, BEGINNING)
    seals: list[Seal] = []
    for head in heads:
        if head.sequence < head.sealed:
            continue
        number += 1
        seal = Seal(number, head.strand, head.sequence, head.hash, now, b"")
        mac = seal_mac(vault, mac, seal)
        seals.append(replace(seal, mac=mac))
    await _write(connection, seals)
    shorter = tuple(head.strand for head in heads if head.sequence < head.sealed)
    return Sealed(tuple(seals), shorter)


async def newest_seal(connection: AsyncConnection) -> Seal | None:
    """The last seal that was written."""
    row = (await connection.execute(_NEWEST)).one_or_none()
    return Seal(**row._mapping) if row else None


async def is_still_there(connection: AsyncConnection, seal: Seal) -> bool:
    """Whether a seal lies in the database as it was written."""
    mac: bytes | None = await connection.scalar(_MAC, {"number": seal.number})
    return mac == seal.mac


async def _write(connection: AsyncConnection, seals: Sequence[Seal]) -> None:
    if seals:
        await connection.execute(insert(audit_seals), [asdict(seal) for seal in seals])
