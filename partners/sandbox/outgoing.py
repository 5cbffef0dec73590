"""Events on their way out: planned with the request that causes them, sent by the courier."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from domain.events import EventType
from partners.sandbox.ledger import Ledger

ANSWER_KEPT = 500
"""Characters of an answer that are kept."""


@dataclass(frozen=True)
class Outgoing:
    """An event to send; `due_at` in seconds since the epoch, `ref` the request that it follows."""

    event_id: str
    partner: str
    journey_id: str
    person_ref: str
    ref: str
    type: EventType
    subject: str
    body: str
    due_at: float
    copies: int


@dataclass(frozen=True)
class Letter:
    """A pending event as the courier takes it up; `sent` copies of `copies` were acknowledged."""

    id: int
    event_id: str
    partner: str
    person_ref: str
    ref: str
    type: EventType
    body: str
    ready_at: float
    copies: int
    sent: int
    attempts: int


class Outbox:
    """The events table of the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._db = ledger.db

    def add(self, events: Sequence[Outgoing]) -> None:
        """Plan events; they go out in the order of their time, then of this list."""
        self._db.executemany(
            "INSERT INTO events (event_id, partner, journey_id, person_ref, ref, type, subject,"
            " body, due_at, not_before, copies) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    event.event_id,
                    event.partner,
                    event.journey_id,
                    event.person_ref,
                    event.ref,
                    event.type,
                    event.subject,
                    event.body,
                    event.due_at,
                    event.due_at,
                    event.copies,
                )
                for event in events
            ],
        )

    def journeys(self) -> list[str]:
        """The journeys that events are pending for."""
        rows = self._db.execute("SELECT DISTINCT journey_id FROM events WHERE state = 'pending'")
        return [row[0] for row in rows]

    def next_of(self, journey_id: str) -> Letter | None:
        """The journey's next event."""
        row = self._db.execute(
            "SELECT * FROM events WHERE journey_id = ? AND state = 'pending'"
            " ORDER BY due_at, id LIMIT 1",
            (journey_id,),
        ).fetchone()
        return None if row is None else _letter(row)

    def acknowledged(self, letter: Letter, status: int, answer: str, at: float) -> None:
        """A copy was taken; after the last one the event is delivered and its request answered."""
        self._db.execute(
            "UPDATE events SET sent = sent + 1, attempts = attempts + 1, status = ?, answer = ?,"
            " answered_at = ?, state = CASE WHEN sent + 1 >= copies THEN 'delivered' ELSE state END"
            " WHERE id = ?",
            (status, answer[:ANSWER_KEPT], at, letter.id),
        )
        self._db.execute(
            "UPDATE refs SET status = 'answered' WHERE ref = ? AND status = 'requested'",
            (letter.ref,),
        )

    def refused(self, letter: Letter, status: int | None, answer: str, at: float) -> None:
        """The event was refused for good (or could not be signed: no status)."""
        self._db.execute(
            "UPDATE events SET state = 'refused', attempts = attempts + 1, status = ?, answer = ?,"
            " answered_at = ? WHERE id = ?",
            (status, answer[:ANSWER_KEPT], at, letter.id),
        )

    def put_off(self, letter: Letter, status: int | None, answer: str, until: float) -> None:
        """No usable answer: try again at `until`."""
        self._db.execute(
            "UPDATE events SET attempts = attempts + 1, status = ?, answer = ?, not_before = ?"
            " WHERE id = ?",
            (status, answer[:ANSWER_KEPT], until, letter.id),
        )

    def counts(self) -> dict[str, int]:
        """Events by state."""
        rows = self._db.execute("SELECT state, count(*) FROM events GROUP BY state ORDER BY state")
        return {row[0]: row[1] for row in rows}


def _letter(row: sqlite3.Row) -> Letter:
    return Letter(
        id=row["id"],
        event_id=row["event_id"],
        partner=row["partner"],
        person_ref=row["person_ref"],
        ref=row["ref"],
        type=EventType(row["type"]),
        body=row["body"],
        ready_at=max(row["due_at"], row["not_before"]),
        copies=row["copies"],
        sent=row["sent"],
        attempts=row["attempts"],
    )
