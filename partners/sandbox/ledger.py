"""The sandbox's own books: requests by key, references, components passed, outgoing events.

One SQLite file in WAL mode. `synchronous=NORMAL` keeps every commit through a killed process.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from domain.plan import Component
from partners.requests import Service

_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    key TEXT PRIMARY KEY, service TEXT NOT NULL, kind TEXT NOT NULL, fingerprint TEXT NOT NULL,
    ref TEXT NOT NULL, arrivals INTEGER NOT NULL, at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS effects (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, service TEXT NOT NULL, kind TEXT NOT NULL,
    ref TEXT NOT NULL, at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS refs (
    ref TEXT PRIMARY KEY, service TEXT NOT NULL, partner TEXT NOT NULL, journey_id TEXT NOT NULL,
    person_ref TEXT NOT NULL, ordinal INTEGER NOT NULL, status TEXT NOT NULL, at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS refs_journey ON refs (journey_id, service);
CREATE TABLE IF NOT EXISTS components (
    journey_id TEXT NOT NULL, component TEXT NOT NULL, passed_by TEXT,
    PRIMARY KEY (journey_id, component)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY, event_id TEXT NOT NULL UNIQUE, partner TEXT NOT NULL,
    journey_id TEXT NOT NULL, person_ref TEXT NOT NULL, ref TEXT NOT NULL, type TEXT NOT NULL,
    subject TEXT NOT NULL, body TEXT NOT NULL, due_at REAL NOT NULL, not_before REAL NOT NULL,
    copies INTEGER NOT NULL, sent INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'pending', status INTEGER, answer TEXT, answered_at REAL
);
CREATE INDEX IF NOT EXISTS events_pending ON events (journey_id, due_at, id)
    WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS events_ref ON events (ref);
CREATE TABLE IF NOT EXISTS controls (
    subject TEXT NOT NULL, name TEXT NOT NULL, content TEXT NOT NULL, PRIMARY KEY (subject, name)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Known:
    """A key that came before: what was asked under it, and the reference that was given."""

    fingerprint: str
    ref: str


@dataclass(frozen=True)
class Reference:
    """A request that was taken. `ordinal` counts the journey's requests to this service."""

    ref: str
    service: Service
    partner: str
    journey_id: str
    person_ref: str
    ordinal: int
    status: str = "requested"


@dataclass(frozen=True)
class Examined:
    """What a journey has sat for and passed so far, and whether its certificate is on its way."""

    booked: frozenset[Component]
    passed: frozenset[Component]
    certified: bool


class Ledger:
    """The books, for one thread at a time; whoever writes wraps it in `transaction()`."""

    def __init__(self, file: Path) -> None:
        self.db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def known(self, key: str) -> Known | None:
        """What came under this key before; counts the arrival."""
        row = self.db.execute(
            "UPDATE keys SET arrivals = arrivals + 1 WHERE key = ? RETURNING fingerprint, ref",
            (key,),
        ).fetchone()
        return None if row is None else Known(row["fingerprint"], row["ref"])

    def write_effect(
        self, key: str, kind: str, fingerprint: str, reference: Reference, at: float
    ) -> None:
        """Book the one effect of a key."""
        service, ref = reference.service, reference.ref
        self.db.execute(
            "INSERT INTO keys VALUES (?, ?, ?, ?, ?, 1, ?)",
            (key, service, kind, fingerprint, ref, at),
        )
        self.db.execute(
            "INSERT INTO effects (key, service, kind, ref, at) VALUES (?, ?, ?, ?, ?)",
            (key, service, kind, ref, at),
        )

    def ordinal(self, service: Service, journey_id: str) -> int:
        """The number, from 1, of the journey's next request to this service."""
        row = self.db.execute(
            "SELECT count(*) FROM refs WHERE journey_id = ? AND service = ?", (journey_id, service)
        ).fetchone()
        return int(row[0]) + 1

    def add_reference(self, reference: Reference, at: float) -> None:
        """Remember a request that was taken."""
        self.db.execute(
            "INSERT INTO refs VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                reference.ref,
                reference.service,
                reference.partner,
                reference.journey_id,
                reference.person_ref,
                reference.ordinal,
                reference.status,
                at,
            ),
        )

    def reference(self, service: Service, partner: str, ref: str) -> Reference | None:
        """A partner's own reference; another partner's does not exist for it."""
        row = self.db.execute(
            "SELECT * FROM refs WHERE ref = ? AND service = ? AND partner = ?",
            (ref, service, partner),
        ).fetchone()
        if row is None:
            return None
        return Reference(
            ref=row["ref"],
            service=row["service"],
            partner=row["partner"],
            journey_id=row["journey_id"],
            person_ref=row["person_ref"],
            ordinal=row["ordinal"],
            status=row["status"],
        )

    def cancel(self, ref: str) -> None:
        """End a request: what it would still have led to is not sent and passes nothing."""
        self.give_up(ref, "canceled")
        self.db.execute("UPDATE refs SET status = 'canceled' WHERE ref = ?", (ref,))

    def give_up(self, ref: str, state: str) -> None:
        """Let the pending events of a request end in `state`, and undo the passes among them."""
        self.db.execute(
            "UPDATE components SET passed_by = NULL WHERE passed_by = :ref AND component IN ("
            " SELECT json_extract(body, '$.data.component') FROM events"
            " WHERE ref = :ref AND type = 'assessment.result' AND state = 'pending')",
            {"ref": ref},
        )
        self.db.execute(
            "UPDATE events SET state = ? WHERE ref = ? AND state = 'pending'", (state, ref)
        )

    def examined(self, journey_id: str) -> Examined:
        """The journey's examinations so far."""
        rows = self.db.execute(
            "SELECT component, passed_by FROM components WHERE journey_id = ?", (journey_id,)
        ).fetchall()
        certificate = self.db.execute(
            "SELECT 1 FROM refs JOIN events ON events.ref = refs.ref WHERE refs.journey_id = ?"
            " AND refs.service = 'exam' AND events.type = 'certificate.issued'"
            " AND events.state IN ('pending', 'delivered')",
            (journey_id,),
        ).fetchone()
        return Examined(
            booked=frozenset(Component(row["component"]) for row in rows),
            passed=frozenset(Component(row["component"]) for row in rows if row["passed_by"]),
            certified=certificate is not None,
        )

    def write_sitting(
        self, journey_id: str, ref: str, booked: frozenset[Component], passed: frozenset[Component]
    ) -> None:
        """Remember what a sitting was for and what it passes."""
        self.db.executemany(
            "INSERT INTO components VALUES (?, ?, ?) ON CONFLICT DO UPDATE"
            " SET passed_by = coalesce(excluded.passed_by, passed_by)",
            [(journey_id, part, ref if part in passed else None) for part in sorted(booked)],
        )
