"""Sorting: finds the journey of events whose subject was unknown when they came in.

Rule 4: a partner speaks only of what it was asked; a reference that another partner shares with us
is refused. Rule 3: an unknown subject waits in quarantine, and is released by whoever makes it
known.
"""

from sqlalchemy import Text, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from store.intake_tables import UNSORTED, inbox
from store.quarantine import lock_subjects

from store.pauses import GOES_ON
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
            CASE WHEN journey_id IS NOT NULL THEN 'received'
                WHEN is_anothers THEN 'rejected'
                ELSE 'quarantined' END AS status,
            CASE WHEN journey_id IS NOT NULL THEN ''
                WHEN is_anothers THEN 'not_yours'
                ELSE 'unknown_subject' END AS reason
        FROM looked_up
    )
    UPDATE inbox SET journey_id = verdicts.journey_id, status = verdicts.status,
        reason = verdicts.reason,
        settled_at = CASE WHEN verdicts.status = 'received' THEN NULL ELSE now() END
    FROM verdicts
    WHERE inbox.receipt = verdicts.receipt
    """
).bindparams(bindparam("receipts", type_=ARRAY(Text)))


async def sort(connection: AsyncConnection, at_most: int) -> int:
    """Settle the oldest unsorted events, within the caller's transaction; returns how many.

    Each gets its journey, is `rejected` as `not_yours`, or is `quarantined` as `unknown_subject`.
    """
    waiting = (await connection.execute(_WAITING, {"at_most": at_most})).all()
    if not waiting:
        return 0
    await lock_subjects(connection, [row.subject for row in waiting])
    await connection.execute(_SORT, {"receipts": [row.receipt for row in waiting]})
    return len(waiting)
