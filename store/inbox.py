"""The inbox: an event is acknowledged once it is committed here, and never leaves it again.

One event is one statement: it inserts, or finds the first of the same source and id and adds a
repeat or a variant to it, and writes the audit line in the same breath. So the door may run it on
a connection that commits by itself, in one round trip. Many at once: `store.inbox_batches`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from pydantic import JsonValue
from sqlalchemy import Text, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.commands import Role
from domain.journal import KeptBack, ReceiptStatus
from domain.model import Word, bounded
from store.audit import AuditAction
from store.ids import new_id
from store.receipts import repeat_of
from store.sealed_events import seal_event
from store.vault import Vault

INTAKE_CHANNEL = "intake"
"""LISTEN channel: something waits for the relay. A hint, lost without harm."""
_HINT = select(func.pg_notify(INTAKE_CHANNEL, ""))

_LOOKS = 5
"""How often to look for the first of an id whose insert and whose row were seen by nobody."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event that is known to come from `partner`.

    `data` is what a journey may read of it; `canonical` the whole event as `canonical()` writes it,
    by which a repeat is told from a variant; `raw` its body as it was sent. With `kept_back` it
    goes into quarantine, and `detail` says why in words.
    """

    source: str
    event_id: str
    partner: str
    type: str
    subject: str
    time: datetime | None
    sequence: str | None
    data: Mapping[str, JsonValue]
    canonical: bytes
    raw: bytes
    kept_back: KeptBack | None = None
    detail: str = ""


def canonical(event: Mapping[str, JsonValue]) -> bytes:
    """The event with its names sorted: the same for the same event, however it was written."""
    return orjson.dumps(event, option=orjson.OPT_SORT_KEYS)


class Received(Word):
    """The receipt of one delivery. A repeat has its own; `original` is the first one."""

    receipt: str
    status: ReceiptStatus
    reason: str = ""
    detail: str = ""
    repeat: bool = False
    original: str | None = None


class Variant(Word):
    """Another body under an id that its source had used before, for receipt `original`.

    It is kept beside the first, and changes nothing.
    """

    receipt: str
    original: str


_TAKE_IN = text(
    """
    WITH fresh AS (
        INSERT INTO inbox (
            receipt, source, event_id, partner, type, subject, time, sequence, body_hash, sealed,
            received_at, status, reason, detail, settled_at, journey_id
        ) VALUES (
            CAST(:receipt AS text), CAST(:source AS text), CAST(:event_id AS text),
            CAST(:partner AS text), CAST(:type AS text), CAST(:subject AS text),
            CAST(:time AS timestamptz), CAST(:sequence AS text), CAST(:body_hash AS text),
            CAST(:sealed AS bytea), CAST(:received_at AS timestamptz), CAST(:status AS text),
            CAST(:reason AS text), CAST(:detail AS text), CAST(:settled_at AS timestamptz),
            COALESCE(
                (
                    SELECT journey_id FROM shared_references
                    WHERE partner = CAST(:partner AS text) AND ref = CAST(:subject AS text)
                ),
                (SELECT journey_id FROM journeys WHERE journey_id = CAST(:subject AS text))
            )
        )
        ON CONFLICT (event_id, source) DO NOTHING
        RETURNING receipt
    ),
    before AS (
        SELECT receipt, body_hash = CAST(:body_hash AS text) AS same, sealed IS NULL AS erased
        FROM inbox
        WHERE event_id = CAST(:event_id AS text) AND source = CAST(:source AS text)
    ),
    repeat AS (
        INSERT INTO inbox_repeats (receipt, original, partner, received_at)
        SELECT CAST(:receipt AS text), receipt, CAST(:partner AS text),
            CAST(:received_at AS timestamptz)
        FROM before WHERE same
    ),
    variant AS (
        INSERT INTO inbox_variants (receipt, original, partner, received_at, body_hash, sealed)
        SELECT CAST(:receipt AS text), receipt, CAST(:partner AS text),
            CAST(:received_at AS timestamptz), CAST(:body_hash AS text),
            CASE WHEN NOT erased THEN CAST(:sealed AS bytea) END
        FROM before WHERE NOT same
        ON CONFLICT (original, body_hash) DO NOTHING
    )
    SELECT NULL AS original, FALSE AS same,
        audit_append(:action, :partner, :role, receipt, :audit_detail)
    FROM fresh
    UNION ALL
    SELECT receipt, same, audit_append(
        CASE WHEN same THEN 'event.repeated'
            ELSE 'event.variant_refused' END,
        :partner, :role, CAST(:receipt AS text),
        '{"body":"' || CAST(:body_hash AS text) || '","original":"' || receipt || '"}'
    )
    FROM before
    """
)


async def receive(
    connection: AsyncConnection, vault: Vault, arrival: Arrival, now: datetime
) -> Received | Variant:
    """Take an event in, with its line in the audit log, in one statement.

    Acknowledged once that is committed; the relay finds it by itself, or sooner by a `hint`. The
    same source, id and event again is a repeat: it gets a receipt of its own, final at once.
    Another event under the id becomes a variant.
    """
    line = line_of(vault, arrival, now)
    for _ in range(_LOOKS):
        row = (await connection.execute(_TAKE_IN, line)).first()
        if row is not None:
            return outcome_of(line, row.original, row.same)
    raise RuntimeError("an event is neither first nor second")


async def hint(connection: AsyncConnection) -> None:
    """Tell the relay that something waits: after the commit, and once for many.

    In the statement of each event it would cost as much as the rest: NOTIFY serializes commits.
    """
    await connection.execute(_HINT)


def line_of(vault: Vault, arrival: Arrival, now: datetime) -> dict[str, Any]:
    """The arrival under a new receipt, as the columns of the inbox and its audit line have it."""
    receipt = new_id("rc")
    kept_back = arrival.kept_back
    status = ReceiptStatus.QUARANTINED if kept_back else ReceiptStatus.RECEIVED
    action = AuditAction.EVENT_QUARANTINED if kept_back else AuditAction.EVENT_RECEIVED
    body_hash = vault.lookup("event", arrival.canonical.decode()).hex()
    told = {"body": body_hash}
    if kept_back:
        told["reason"] = kept_back.value
    return {
        "receipt": receipt,
        "source": arrival.source,
        "event_id": arrival.event_id,
        "partner": arrival.partner,
        "type": arrival.type,
        "subject": arrival.subject,
        "time": arrival.time,
        "sequence": arrival.sequence,
        "body_hash": body_hash,
        "sealed": seal_event(vault, receipt, orjson.dumps(arrival.data), arrival.raw),
        "received_at": now,
        "status": status.value,
        "reason": kept_back.value if kept_back else "",
        "detail": bounded(arrival.detail),
        "settled_at": now if status.final else None,
        "action": action.value,
        "role": Role.PARTNER.value,
        "audit_detail": orjson.dumps(told).decode(),
    }


def outcome_of(
    line: Mapping[str, Any], original: str | None, is_repeat: bool
) -> Received | Variant:
    """What a sender is told of a line; `original` is the first of its id, None for itself."""
    receipt = line["receipt"]
    if original is None:
        return Received(
            receipt=receipt,
            status=ReceiptStatus(line["status"]),
            reason=line["reason"],
            detail=line["detail"],
        )
    if not is_repeat:
        return Variant(receipt=receipt, original=original)
    return Received(
        receipt=receipt,
        status=ReceiptStatus.DUPLICATE,
        reason=repeat_of(original),
        repeat=True,
        original=original,
    )


_ERASE = text(
    """
    WITH erased AS (
        UPDATE inbox SET sealed = NULL
        WHERE receipt IN (
            SELECT receipt FROM inbox WHERE journey_id = ANY(:journeys)
            UNION ALL
            SELECT inbox.receipt
            FROM shared_references AS shared
            JOIN inbox ON inbox.partner = shared.partner AND inbox.subject = shared.ref
            WHERE shared.journey_id = ANY(:journeys) AND inbox.journey_id IS NULL
        )
        RETURNING receipt
    )
    UPDATE inbox_variants SET sealed = NULL FROM erased WHERE original = erased.receipt
    """
).bindparams(bindparam("journeys", type_=ARRAY(Text)))


async def erase_events(connection: AsyncConnection, journey_ids: Iterable[str]) -> None:
    """Forget what events of these journeys said, variants too, in the caller's transaction.

    Those as well that were never sorted, such as for their schema, under a reference of theirs.
    Receipts stay, and so does the keyed hash: a repeat is still known as one.
    """
    await connection.execute(_ERASE, {"journeys": list(journey_ids)})
