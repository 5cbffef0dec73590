"""Mailboxes: one relay at a time delivers to a journey, under a lease with a fencing token.

No transaction stays open while the journey is signaled: lease, read, signal, then mark. A relay
whose lease ran out meanwhile can't mark any more; the next one signals again, and the journey
drops what it has seen.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from pydantic import ValidationError
from sqlalchemy import BigInteger, Integer, Interval, RowMapping, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.events import Delivery, EventType
from store.pauses import GOES_ON
from store.sealed_events import Unreadable, put_away, read_data
from store.vault import Vault

MOST_IN_ONE_SIGNAL = 50
"""Deliveries to one journey at a time; with 8 KB each that stays far below what a signal holds."""


@dataclass(frozen=True)
class Mail:
    """What waits for one journey, in the order of receipt, under the lease's fencing token."""

    journey_id: str
    token: int
    deliveries: tuple[Delivery, ...]


_LEASE = text(
    f"""
    WITH waiting AS (
        SELECT journey_id, min(arrival) AS oldest
        FROM (
            SELECT inbox.journey_id, inbox.arrival
            FROM inbox JOIN mailboxes ON mailboxes.journey_id = inbox.journey_id
            WHERE inbox.status = 'received' AND inbox.journey_id IS NOT NULL
                AND inbox.type <> 'journeyman.attendance.summary.v1'
                AND {GOES_ON}
                AND mailboxes.leased_until < clock_timestamp()
                AND NOT EXISTS (
                    SELECT 1 FROM outbox WHERE outbox.journey_id = inbox.journey_id
                )
            ORDER BY inbox.arrival
            LIMIT :events
        ) AS oldest_events
        GROUP BY journey_id
        ORDER BY oldest
        LIMIT :journeys
    ),
    free AS (
        SELECT mailboxes.journey_id
        FROM mailboxes JOIN waiting ON waiting.journey_id = mailboxes.journey_id
        WHERE mailboxes.leased_until < clock_timestamp()
        FOR UPDATE OF mailboxes SKIP LOCKED
    )
    UPDATE mailboxes
    SET token = nextval('lease_tokens'), leased_until = clock_timestamp() + :lease
    FROM free
    WHERE mailboxes.journey_id = free.journey_id
    RETURNING mailboxes.journey_id, mailboxes.token
    """  # noqa: S608
).bindparams(bindparam("lease", type_=Interval))
_OF_EACH = bindparam("at_most", type_=Integer)
_JOURNEYS = bindparam("journeys", type_=ARRAY(Text))
_TOKENS = bindparam("tokens", type_=ARRAY(BigInteger))
_READ = text(
    f"""
    SELECT mail.*
    FROM unnest(:journeys) AS held(journey_id)
    CROSS JOIN LATERAL (
        SELECT inbox.journey_id, arrival, receipt, source, event_id, partner, type, subject,
            sealed
        FROM inbox
        WHERE inbox.journey_id = held.journey_id AND status = 'received'
            AND type <> 'journeyman.attendance.summary.v1' AND {GOES_ON}
        ORDER BY arrival
        LIMIT :at_most
    ) AS mail
    ORDER BY mail.arrival
    """  # noqa: S608
).bindparams(_JOURNEYS, _OF_EACH)
_DELIVERED = text(
    """
    WITH held AS (
        SELECT mailboxes.journey_id
        FROM mailboxes JOIN unnest(:journeys, :tokens) AS lease(journey_id, token)
            ON lease.journey_id = mailboxes.journey_id AND lease.token = mailboxes.token
        ORDER BY mailboxes.journey_id
        FOR UPDATE OF mailboxes
    ),
    handed_over AS (
        SELECT receipt FROM inbox
        WHERE receipt = ANY(:receipts) AND status = 'received'
            AND journey_id IN (SELECT journey_id FROM held)
        ORDER BY receipt
        FOR NO KEY UPDATE
    ),
    marked AS (
        UPDATE inbox SET status = 'delivered', delivered_at = now() FROM handed_over
        WHERE inbox.receipt = handed_over.receipt
    )
    UPDATE mailboxes SET leased_until = '-infinity' FROM held
    WHERE mailboxes.journey_id = held.journey_id
    RETURNING mailboxes.journey_id
    """
).bindparams(_JOURNEYS, _TOKENS, bindparam("receipts", type_=ARRAY(Text)))
_PUT_BACK = text(
    """
    UPDATE mailboxes SET leased_until = clock_timestamp() + :pause
    FROM unnest(:journeys, :tokens) AS lease(journey_id, token)
    WHERE mailboxes.journey_id = lease.journey_id AND mailboxes.token = lease.token
    """
).bindparams(_JOURNEYS, _TOKENS, bindparam("pause", type_=Interval))


async def lease_mail(
    connection: AsyncConnection, vault: Vault, journeys: int, lease: timedelta
) -> tuple[Mail, ...]:
    """What waits for at most so many journeys, those that wait longest first.

    Left out: journeys that another relay holds, those whose start line still waits, and what comes
    from a paused partner. The connection commits by itself: the lease stands before the mail is
    read. What can't be unsealed or read goes into quarantine as `undeliverable`.
    """
    leased = await connection.execute(
        _LEASE,
        {"journeys": journeys, "events": journeys * MOST_IN_ONE_SIGNAL, "lease": lease},
    )
    tokens = {row.journey_id: row.token for row in leased}
    if not tokens:
        return ()
    rows = await connection.execute(
        _READ, {"journeys": list(tokens), "at_most": MOST_IN_ONE_SIGNAL}
    )
    waiting: dict[str, list[Delivery]] = {journey_id: [] for journey_id in tokens}
    for row in rows:
        try:
            waiting[row.journey_id].append(_delivery(vault, row._mapping))
        except Unreadable as unreadable:
            await put_away(connection, row.receipt, str(unreadable))
    return tuple(
        Mail(journey_id, tokens[journey_id], tuple(deliveries))
        for journey_id, deliveries in waiting.items()
    )


async def delivered(connection: AsyncConnection, mails: Iterable[Mail]) -> frozenset[str]:
    """Mark what the journeys were signaled, and give their leases back.

    Returns the journeys whose lease still held; the others' events are left to the next relay. What
    the journey has recorded meanwhile stays as it recorded it.
    """
    signaled = list(mails)
    rows = await connection.execute(
        _DELIVERED,
        _held(signaled)
        | {"receipts": [each.receipt for mail in signaled for each in mail.deliveries]},
    )
    return frozenset(row.journey_id for row in rows)


async def put_back(connection: AsyncConnection, mails: Iterable[Mail], pause: timedelta) -> None:
    """Leave mail for later: nobody leases these journeys before the pause is over."""
    await connection.execute(_PUT_BACK, _held(mails) | {"pause": pause})


def _held(mails: Iterable[Mail]) -> dict[str, object]:
    in_order = sorted(mails, key=lambda mail: mail.journey_id)
    return {
        "journeys": [mail.journey_id for mail in in_order],
        "tokens": [mail.token for mail in in_order],
    }


def _delivery(vault: Vault, row: RowMapping) -> Delivery:
    try:
        return Delivery(
            receipt=row["receipt"],
            source=row["source"],
            event_id=row["event_id"],
            partner=row["partner"],
            type=_short_name(row["type"]),
            about=None if row["subject"] == row["journey_id"] else row["subject"],
            data=read_data(vault, row["receipt"], row["sealed"]),
        )
    except ValidationError as error:
        why = "; ".join(found["msg"] for found in error.errors(include_input=False))
        raise Unreadable(why) from None


def _short_name(cloud_type: str) -> str:
    known = EventType.of_cloud_type(cloud_type)
    return known.value if known is not None else cloud_type
