"""The audit log: lines, which only the database's function `audit_append` writes, and seals."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)
from sqlalchemy import Text as SqlText

from store.tables import MOMENT, metadata

audit_log = Table(
    "audit_log",
    metadata,
    Column("strand", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("at", MOMENT, nullable=False),
    Column("action", SqlText, nullable=False),
    Column("actor_id", SqlText, nullable=False),
    Column("actor_role", SqlText, nullable=False),
    Column("about", SqlText, nullable=False),
    Column("detail", SqlText, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("strand", "sequence"),
)
Index("ix_audit_log_at", audit_log.c.at, audit_log.c.strand, audit_log.c.sequence)
Index("ix_audit_log_about", audit_log.c.about, audit_log.c.at)

audit_seals = Table(
    "audit_seals",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("strand", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("sealed_at", MOMENT, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    UniqueConstraint("strand", "sequence"),
)
"""Which hash a strand had at which line, vouched for by a key that is not in the database."""
