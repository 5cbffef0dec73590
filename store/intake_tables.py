"""The tables that events pass through on their way to a journey: inbox, repeats, mailboxes.

What an event says lies sealed: its data as a journey reads it, and its body as it was sent
(`store.sealed_events`).

An event is `unsorted` until its journey is found, then it is either to be delivered or, for
attendance, to be folded. Each of these three queues has a partial index, so that its cost depends
on what waits and not on what has ever arrived.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    text,
)

from domain.events import EventType
from domain.journal import KeptBack
from store.tables import MOMENT, metadata

UNKNOWN_SUBJECT = KeptBack.UNKNOWN_SUBJECT.value
"""Reason of events in quarantine that are released when their subject becomes known."""
UNSORTED = "status = 'received' AND journey_id IS NULL"
TO_DELIVER = (
    "status = 'received' AND journey_id IS NOT NULL "
    f"AND type <> '{EventType.ATTENDANCE_SUMMARY.cloud_type}'"
)
TO_FOLD = (
    "status = 'received' AND journey_id IS NOT NULL "
    f"AND type = '{EventType.ATTENDANCE_SUMMARY.cloud_type}'"
)
UNDERWAY = "status IN ('delivered', 'buffered')"
QUARANTINED = "status = 'quarantined'"

inbox = Table(
    "inbox",
    metadata,
    Column("receipt", Text, primary_key=True),
    Column("arrival", BigInteger, Identity(always=True), nullable=False),
    Column("source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("partner", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("time", MOMENT),
    Column("sequence", Text),
    Column("body_hash", Text, nullable=False),
    Column("received_at", MOMENT, nullable=False),
    Column("journey_id", Text),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("settled_at", MOMENT),
    Column("sealed", LargeBinary),
    Column("detail", Text, nullable=False, server_default=text("''")),
    Column("delivered_at", MOMENT),
    Column("superseded_by", Text),
)
"""`sealed` is NULL once what the event said is erased; `body_hash` is keyed and stays, so that the
same event is still known as a repeat. `superseded_by` is the receipt of what took its place."""
Index("uq_inbox_event_id_source", inbox.c.event_id, inbox.c.source, unique=True)
Index("ix_inbox_unsorted", inbox.c.arrival, postgresql_where=text(UNSORTED))
Index("ix_inbox_to_deliver", inbox.c.arrival, postgresql_where=text(TO_DELIVER))
Index(
    "ix_inbox_of_journey",
    inbox.c.journey_id,
    inbox.c.arrival,
    postgresql_where=text(TO_DELIVER),
)
Index("ix_inbox_to_fold", inbox.c.arrival, postgresql_where=text(TO_FOLD))
Index("ix_inbox_underway", inbox.c.journey_id, postgresql_where=text(UNDERWAY))
Index("ix_inbox_journey", inbox.c.journey_id)
Index("ix_inbox_quarantined", inbox.c.subject, postgresql_where=text(QUARANTINED))
# What a partner, or staff, look up in the history of events (`store.receipt_history`).
Index("ix_inbox_history", inbox.c.partner, inbox.c.status, inbox.c.received_at, inbox.c.receipt)
Index("ix_inbox_subject", inbox.c.partner, inbox.c.subject)
Index("ix_inbox_received_at", inbox.c.received_at, inbox.c.receipt)
Index(
    "ix_inbox_kept_back",
    inbox.c.settled_at,
    inbox.c.receipt,
    postgresql_where=text(QUARANTINED),
)

inbox_repeats = Table(
    "inbox_repeats",
    metadata,
    Column("receipt", Text, primary_key=True),
    Column("original", Text, ForeignKey("inbox.receipt"), nullable=False),
    Column("partner", Text, nullable=False),
    Column("received_at", MOMENT, nullable=False),
)

inbox_variants = Table(
    "inbox_variants",
    metadata,
    Column("receipt", Text, primary_key=True),
    Column("original", Text, ForeignKey("inbox.receipt"), nullable=False),
    Column("partner", Text, nullable=False),
    Column("received_at", MOMENT, nullable=False),
    Column("body_hash", Text, nullable=False),
    Column("sealed", LargeBinary),
)
"""Other bodies that came under an event's source and id: refused, and kept to be looked into."""
Index(
    "uq_inbox_variants_original_body_hash",
    inbox_variants.c.original,
    inbox_variants.c.body_hash,
    unique=True,
)
for _again in (inbox_repeats, inbox_variants):
    Index(f"ix_{_again.name}_partner", _again.c.partner, _again.c.received_at, _again.c.receipt)
    Index(f"ix_{_again.name}_received_at", _again.c.received_at, _again.c.receipt)
Index("ix_inbox_repeats_original", inbox_repeats.c.original)

mailboxes = Table(
    "mailboxes",
    metadata,
    Column("journey_id", Text, ForeignKey("journeys.journey_id"), primary_key=True),
    Column("token", BigInteger, nullable=False, server_default=text("0")),
    Column("leased_until", MOMENT, nullable=False, server_default=text("'-infinity'")),
    postgresql_with={"fillfactor": "70"},
)
"""One line for each journey: which relay delivers to it, until when, under which fencing token."""
