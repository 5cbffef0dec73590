"""Events for journeys that have ended: recorded as late, and nothing changes."""

from datetime import timedelta

from sqlalchemy import Interval, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from store.inbox import erase_events
from store.mailbox import Mail

_CLOSED = text(
    """
    SELECT journeys.closed_at IS NOT NULL AS is_closed
    FROM journeys JOIN mailboxes ON mailboxes.journey_id = journeys.journey_id
    WHERE journeys.journey_id = :journey_id AND mailboxes.token = :token
    FOR UPDATE
    """
)
_LATE = text(
    """
    WITH too_late AS (
        SELECT receipt, arrival, type, partner FROM inbox
        WHERE receipt = ANY(:receipts) AND status = 'received'
        ORDER BY receipt
        FOR NO KEY UPDATE
    ),
    marked AS (
        UPDATE inbox SET status = 'late', settled_at = now(),
            reason = 'the journey had ended; nothing changes'
        FROM too_late WHERE inbox.receipt = too_late.receipt
    ),
    last AS (
        SELECT COALESCE(max(sequence), 0) AS sequence FROM journal WHERE journey_id = :journey_id
    ),
    lines AS (
        INSERT INTO journal (
            journey_id, sequence, kind, at, by_id, by_role, before, state, detail, receipt, partner
        )
        SELECT :journey_id, last.sequence + row_number() OVER (ORDER BY arrival), 'event_late',
            now(), 'journeyman', 'system', 'closed', 'closed',
            type || ' came after the journey had ended', receipt, partner
        FROM too_late, last
        RETURNING sequence
    ),
    counted AS (
        UPDATE journeys SET sequence = GREATEST(sequence, (SELECT max(sequence) FROM lines))
        WHERE journey_id = :journey_id AND EXISTS (SELECT 1 FROM lines)
    )
    UPDATE mailboxes SET leased_until = '-infinity' WHERE journey_id = :journey_id
    """
).bindparams(bindparam("receipts", type_=ARRAY(Text)), bindparam("journey_id", type_=Text))
_ERASED = text(
    """
    SELECT EXISTS (
        SELECT FROM journeys JOIN persons ON persons.person_ref = journeys.person_ref
        WHERE journeys.journey_id = :journey_id AND persons.erased_at IS NOT NULL
    )
    """
)


async def close_late(connection: AsyncConnection, mail: Mail) -> bool:
    """Settle mail for a journey whose workflow has ended, within the caller's transaction.

    Each event becomes `late`, with a line in the journal; what it says is forgotten where the
    journey's person was erased. Returns False where the journey is still open on the caseload or
    the lease was lost: nothing is written then.
    """
    row = (
        await connection.execute(_CLOSED, {"journey_id": mail.journey_id, "token": mail.token})
    ).first()
    if row is None or not row.is_closed:
        return False
    await connection.execute(
        _LATE,
        {
            "journey_id": mail.journey_id,
            "receipts": [delivery.receipt for delivery in mail.deliveries],
        },
    )
    if await connection.scalar(_ERASED, {"journey_id": mail.journey_id}):
        await erase_events(connection, [mail.journey_id])
    return True


_TAKE_BACK = text(
    """
    UPDATE inbox SET status = 'received', reason = ''
    FROM journeys
    WHERE inbox.journey_id = journeys.journey_id
        AND inbox.status IN ('delivered', 'buffered')
        AND journeys.closed_at < clock_timestamp() - CAST(:after AS interval)
    """
).bindparams(bindparam("after", type_=Interval))


async def take_back_unread(connection: AsyncConnection, after: timedelta) -> None:
    """Offer again what a journey was signaled and ended without settling, so long after its end."""
    await connection.execute(_TAKE_BACK, {"after": after})
