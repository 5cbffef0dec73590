"""The tables of partners' keys, and of the calls that a pause holds back."""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from store.tables import MOMENT, metadata

partner_keys = Table(
    "partner_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("partner_id", Text, ForeignKey("partners.partner_id"), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("created_at", MOMENT, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", MOMENT),
    Column("revoked_at", MOMENT),
    Column("last_used_at", MOMENT),
    UniqueConstraint("partner_id", "fingerprint"),
)
"""Keys that partners sign with: sealed by the vault about their id. `fingerprint` is the keyed hash
of the secret, so that the same secret is never entered twice."""

held_calls = Table(
    "held_calls",
    metadata,
    Column("partner_id", Text, ForeignKey("partners.partner_id"), nullable=False),
    Column("call", Text, nullable=False),
    Column("first_asked_at", MOMENT, nullable=False),
    Column("last_asked_at", MOMENT, nullable=False),
    Column("asks_again_at", MOMENT, nullable=False),
    PrimaryKeyConstraint("partner_id", "call"),
)
"""Calls to a paused partner, in the order in which they were first asked."""
Index("ix_held_calls_in_order", held_calls.c.partner_id, held_calls.c.first_asked_at)
