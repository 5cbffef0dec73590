"""How an event finds its journey, and how one that came too early finds it later.

Whoever makes a subject known, and whoever puts an event into quarantine because its subject is
unknown, first takes the subject's lock and holds it until the commit. So either the reference is
seen before the event is put away, or the event is seen where the reference is written: none is
left behind. Locks are taken in the order of their keys, and before any row is locked.
"""

from collections.abc import Iterable

from sqlalchemy import Text, any_, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.journal import ReceiptStatus
from store.inbox import INTAKE_CHANNEL
from store.intake_tables import QUARANTINED, UNKNOWN_SUBJECT, inbox

_LOCK = text(
    """
    SELECT pg_advisory_xact_lock(key)
    FROM (
        SELECT DISTINCT hashtextextended(subject, 0) AS key FROM unnest(:subjects) AS subject
        ORDER BY key
    ) AS keys
    """
).bindparams(bindparam("subjects", type_=ARRAY(Text)))

_RELEASED = (
    update(inbox)
    .where(
        text(QUARANTINED),
        inbox.c.reason == UNKNOWN_SUBJECT,
        inbox.c.subject == any_(bindparam("subjects", type_=ARRAY(Text))),
    )
    .values(status=ReceiptStatus.RECEIVED, reason="", settled_at=None)
    .returning(inbox.c.receipt)
    .cte("released")
)
_RELEASE = select(func.pg_notify(INTAKE_CHANNEL, "")).select_from(_RELEASED).limit(1)


async def lock_subjects(connection: AsyncConnection, subjects: Iterable[str]) -> None:
    """Take the subjects' locks until the end of the transaction."""
    await connection.execute(_LOCK, {"subjects": list(subjects)})


async def release(connection: AsyncConnection, subjects: Iterable[str]) -> None:
    """Give the relay what waited for these subjects; their locks are held by the caller."""
    await connection.execute(_RELEASE, {"subjects": list(subjects)})
