"""The audit log's tables: written by the database's function `audit_append` only."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, PrimaryKeyConstraint, Sequence, Table
from sqlalchemy import Text as SqlText

from store.tables import MOMENT, metadata

audit_strand_numbers = Sequence("audit_strand_numbers", metadata=metadata)

audit_strands = Table(
    "audit_strands",
    metadata,
    Column("strand", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    postgresql_with={"fillfactor": "20"},
)
"""The head of each strand: how many lines it has, and the hash of the last one."""

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
