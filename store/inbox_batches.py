"""Many events into the inbox at once: a partner's batch, a chunk of a file."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from domain.commands import Role
from store.inbox import Arrival, Received, Variant, hint, line_of, outcome_of
from store.tables import MOMENT
from store.vault import Vault

_GIVEN: dict[str, TypeEngine[Any]] = {
    "receipt": Text(),
    "source": Text(),
    "event_id": Text(),
    "partner": Text(),
    "type": Text(),
    "subject": Text(),
    "time": MOMENT,
    "sequence": Text(),
    "body_hash": Text(),
    "sealed": BYTEA(),
    "status": Text(),
    "reason": Text(),
    "detail": Text(),
    "settled_at": MOMENT,
    "action": Text(),
    "audit_detail": Text(),
}
# Inserted in the order of their keys, so that two batches never wait for each other, and numbered
# in the order in which they were sent.
_TAKE_ALL = text(
    """
    WITH given AS (
        SELECT *, nextval('inbox_arrival_seq') AS arrival
        FROM unnest(
            :receipt, :source, :event_id, :partner, :type, :subject, :time, :sequence,
            :body_hash, :sealed, :status, :reason, :detail, :settled_at, :action,
            :audit_detail
        ) AS given(
            receipt, source, event_id, partner, type, subject, time, sequence,
            body_hash, sealed, status, reason, detail, settled_at, action,
            audit_detail
        )
    ),
    fresh AS (
        INSERT INTO inbox (
            arrival, receipt, source, event_id, partner, type, subject, time, sequence, body_hash,
            sealed, received_at, status, reason, detail, settled_at, journey_id
        ) OVERRIDING SYSTEM VALUE
        SELECT arrival, receipt, source, event_id, partner, type, subject, time, sequence,
            body_hash, sealed, CAST(:received_at AS timestamptz), status, reason, detail,
            settled_at, COALESCE(
                (
                    SELECT journey_id FROM shared_references
                    WHERE partner = given.partner AND ref = given.subject
                ),
                (SELECT journey_id FROM journeys WHERE journey_id = given.subject)
            )
        FROM given
        ORDER BY event_id, source
        ON CONFLICT (event_id, source) DO NOTHING
        RETURNING receipt
    )
    SELECT given.receipt, audit_append(action, partner, :role, given.receipt, audit_detail)
    FROM given JOIN fresh ON fresh.receipt = given.receipt
    ORDER BY given.arrival
    """
).bindparams(*(bindparam(name, type_=ARRAY(type_)) for name, type_ in _GIVEN.items()))
_FIRSTS = text(
    """
    SELECT asked.receipt AS asked, inbox.receipt, inbox.body_hash, inbox.sealed IS NULL AS erased
    FROM unnest(:receipts, :event_ids, :sources) AS asked(receipt, event_id, source)
    JOIN inbox ON inbox.event_id = asked.event_id AND inbox.source = asked.source
    """
).bindparams(*(bindparam(name, type_=ARRAY(Text)) for name in ("receipts", "event_ids", "sources")))
_AGAIN: dict[str, TypeEngine[Any]] = {
    "receipt": Text(),
    "original": Text(),
    "same": Boolean(),
    "partner": Text(),
    "body_hash": Text(),
    "sealed": BYTEA(),
}
_KEEP_AGAIN = text(
    """
    WITH given AS (
        SELECT * FROM unnest(:receipt, :original, :same, :partner, :body_hash, :sealed)
            AS given(receipt, original, same, partner, body_hash, sealed)
    ),
    repeat AS (
        INSERT INTO inbox_repeats (receipt, original, partner, received_at)
        SELECT receipt, original, partner, CAST(:received_at AS timestamptz)
        FROM given WHERE same
    ),
    variant AS (
        INSERT INTO inbox_variants (receipt, original, partner, received_at, body_hash, sealed)
        SELECT receipt, original, partner, CAST(:received_at AS timestamptz), body_hash, sealed
        FROM given WHERE NOT same
        ORDER BY original, body_hash
        ON CONFLICT (original, body_hash) DO NOTHING
    )
    SELECT audit_append(
        CASE WHEN same THEN 'event.repeated'
            ELSE 'event.variant_refused' END,
        partner, :role, receipt, '{"body":"' || body_hash || '","original":"' || original || '"}'
    )
    FROM given
    """
).bindparams(*(bindparam(name, type_=ARRAY(type_)) for name, type_ in _AGAIN.items()))


async def receive_all(
    connection: AsyncConnection, vault: Vault, arrivals: Sequence[Arrival], now: datetime
) -> tuple[Received | Variant, ...]:
    """Take up to 1,000 events in, in the caller's transaction, with a hint to the relay.

    Each outcome is what `receive` would have answered, one event after the other: the same event
    again within the batch is a repeat of the first, another one under its id a variant. Each has a
    line in the audit log.
    """
    taken = await take_all(connection, vault, arrivals, now)
    await hint(connection)
    return taken


async def take_all(
    connection: AsyncConnection, vault: Vault, arrivals: Sequence[Arrival], now: datetime
) -> tuple[Received | Variant, ...]:
    """The same without a hint; the connection may also commit each statement by itself.

    Each event is then kept with its audit line in one statement, those that are new in the first.
    """
    lines = [line_of(vault, arrival, now) for arrival in arrivals]
    heads: dict[tuple[str, str], Mapping[str, Any]] = {}
    for line in lines:
        heads.setdefault((line["event_id"], line["source"]), line)
    inserted = await connection.execute(
        _TAKE_ALL,
        {name: [line[name] for line in heads.values()] for name in _GIVEN}
        | {"received_at": now, "role": Role.PARTNER.value},
    )
    fresh = {row.receipt for row in inserted}
    later = [line for line in lines if line["receipt"] not in fresh]
    firsts = await _keep_again(connection, later, now) if later else {}
    return tuple(outcome_of(line, *firsts.get(line["receipt"], (None, False))) for line in lines)


async def _keep_again(
    connection: AsyncConnection, lines: Sequence[Mapping[str, Any]], now: datetime
) -> dict[str, tuple[str | None, bool]]:
    """Keep repeats and variants; returns each one's first receipt, and whether it is a repeat."""
    rows = await connection.execute(
        _FIRSTS,
        {
            "receipts": [line["receipt"] for line in lines],
            "event_ids": [line["event_id"] for line in lines],
            "sources": [line["source"] for line in lines],
        },
    )
    first_of = {row.asked: row for row in rows}
    again = [
        {
            **line,
            "original": (first := first_of[line["receipt"]]).receipt,
            "same": first.body_hash == line["body_hash"],
            "sealed": None if first.erased else line["sealed"],
        }
        for line in lines
    ]
    await connection.execute(
        _KEEP_AGAIN,
        {name: [line[name] for line in again] for name in _AGAIN}
        | {"received_at": now, "role": Role.PARTNER.value},
    )
    return {str(line["receipt"]): (str(line["original"]), bool(line["same"])) for line in again}
