"""How an event finds its journey, and how one that came too early finds it later.

Whoever makes a subject known, and whoever puts an event into quarantine because its subject is
unknown, first takes the subject's lock and holds it until the commit. So either the reference is
seen before the event is put away, or the event is seen where the reference is written: none is
left behind. Locks are taken in the order of their keys, and before any row is locked.
"""

from collections.abc import Iterable

from sqlalchemy import Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.commands import JOURNEYMAN
from store.audit import AuditAction
from store.inbox import INTAKE_CHANNEL

_LOCK = text(
    """
    SELECT pg_advisory_xact_lock(key)
    FROM (
        SELECT DISTINCT hashtextextended(subject, 0) AS key FROM unnest(:subjects) AS subject
        ORDER BY key
    ) AS keys
    """
).bindparams(bindparam("subjects", type_=ARRAY(Text)))

_RELEASED = text(
    """
    WITH released AS (
        UPDATE inbox SET status = 'received', reason = '', detail = '', settled_at = NULL
        WHERE status = 'quarantined' AND reason IN ('unknown_subject', 'not_yours')
            AND subject = ANY(:subjects)
            AND (CAST(:partner AS text) IS NULL OR partner = CAST(:partner AS text))
        RETURNING receipt
    ),
    done AS (
        UPDATE tasks SET done_at = now(), done_by = :by_id
        FROM released WHERE tasks.about = released.receipt AND tasks.done_at IS NULL
    )
    SELECT pg_notify(:channel, ''), audit_append(:action, :by_id, :by_role, receipt, '{}')
    FROM released
    """
).bindparams(bindparam("subjects", type_=ARRAY(Text)))


async def lock_subjects(connection: AsyncConnection, subjects: Iterable[str]) -> None:
    """Take the subjects' locks until the end of the transaction."""
    await connection.execute(_LOCK, {"subjects": list(subjects)})


async def release(
    connection: AsyncConnection, subjects: Iterable[str], partner: str | None = None
) -> None:
    """Give the relay what waited for these subjects; their locks are held by the caller.

    Args:
        partner: who shares the subjects with us from now on, so that only its events are released;
            None where they are journeys, of which everybody may speak.
    """
    await connection.execute(
        _RELEASED,
        {
            "subjects": list(subjects),
            "partner": partner,
            "channel": INTAKE_CHANNEL,
            "action": AuditAction.EVENT_RELEASED.value,
            "by_id": JOURNEYMAN.id,
            "by_role": JOURNEYMAN.role,
        },
    )
