"""Sorting: finds the journey of events whose subject was unknown when they came in.

Rule 4: a partner speaks only of what it was asked; an event about a reference that only another
partner shares with us is kept in quarantine. Rule 3: so is one about an unknown subject. Both are
released by whoever makes the subject known to be the sender's.
"""

from sqlalchemy import Text, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.commands import JOURNEYMAN
from store.audit import AuditAction
from store.intake_tables import UNSORTED, inbox
from store.pauses import GOES_ON
from store.quarantine import lock_subjects

_WAITING = (
    select(inbox.c.receipt, inbox.c.subject)
    .where(text(UNSORTED), text(GOES_ON))
    .order_by(inbox.c.arrival)
    .limit(bindparam("at_most"))
)
_SORT = text(
    """
    WITH waiting AS (
        SELECT receipt, partner, subject FROM inbox
        WHERE receipt = ANY(:receipts) AND status = 'received' AND journey_id IS NULL
        ORDER BY receipt
        FOR NO KEY UPDATE
    ),
    looked_up AS (
        SELECT waiting.receipt,
            COALESCE(shared.journey_id, journeys.journey_id) AS journey_id,
            EXISTS (
                SELECT 1 FROM shared_references AS other WHERE other.ref = waiting.subject
            ) AS is_anothers
        FROM waiting
        LEFT JOIN shared_references AS shared
            ON shared.partner = waiting.partner AND shared.ref = waiting.subject
        LEFT JOIN journeys ON journeys.journey_id = waiting.subject
    ),
    verdicts AS (
        SELECT receipt, journey_id,
            CASE WHEN journey_id IS NOT NULL THEN ''
                WHEN is_anothers THEN 'not_yours'
                ELSE 'unknown_subject' END AS reason,
            CASE WHEN journey_id IS NOT NULL THEN ''
                WHEN is_anothers THEN 'another partner shares this reference with us'
                ELSE 'no journey and no reference is known under this subject' END AS detail
        FROM looked_up
    ),
    sorted AS (
        UPDATE inbox SET journey_id = verdicts.journey_id,
            status = CASE WHEN verdicts.journey_id IS NULL THEN 'quarantined' ELSE 'received' END,
            reason = verdicts.reason, detail = verdicts.detail,
            settled_at = CASE WHEN verdicts.journey_id IS NULL THEN now() END
        FROM verdicts
        WHERE inbox.receipt = verdicts.receipt
        RETURNING inbox.receipt, inbox.status, inbox.reason
    )
    SELECT audit_append(
        :kept_back, :by_id, :by_role, receipt, jsonb_build_object('reason', reason)::text
    )
    FROM sorted WHERE status = 'quarantined'
    """
).bindparams(bindparam("receipts", type_=ARRAY(Text)))

_AUDITED = {
    "kept_back": AuditAction.EVENT_QUARANTINED.value,
    "by_id": JOURNEYMAN.id,
    "by_role": JOURNEYMAN.role,
}


async def sort(connection: AsyncConnection, at_most: int) -> int:
    """Settle the oldest unsorted events, within the caller's transaction; returns how many.

    Each gets its journey, or is `quarantined` as `not_yours` or `unknown_subject`.
    """
    waiting = (await connection.execute(_WAITING, {"at_most": at_most})).all()
    if not waiting:
        return 0
    await lock_subjects(connection, [row.subject for row in waiting])
    await connection.execute(_SORT, {"receipts": [row.receipt for row in waiting], **_AUDITED})
    return len(waiting)
