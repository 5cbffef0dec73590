"""Partners' files of events. A file is sealed until its last row is read, then wiped."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from store.tables import MOMENT, metadata

event_files = Table(
    "event_files",
    metadata,
    Column("file_id", Text, primary_key=True),
    Column("partner_id", Text, ForeignKey("partners.partner_id"), nullable=False),
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
    # As it was when the file came, so that all its rows are read alike.
    Column("mapping", JSONB, nullable=False),
    # The names that its columns have, by the fields that they stand for.
    Column("named", JSONB, nullable=False),
    # Keyed, so that a file of one row can't be found by guessing.
    Column("file_hash", LargeBinary, nullable=False),
    Column("sealed", LargeBinary),
    Column("received_at", MOMENT, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("sent", Integer, nullable=False, server_default=text("0")),
    Column("repeated", Integer, nullable=False, server_default=text("0")),
    Column("refused", Integer, nullable=False, server_default=text("0")),
    Column("read_to", Integer, nullable=False, server_default=text("0")),
    Column("begun_at", MOMENT),
    Column("done_at", MOMENT),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("token", BigInteger, nullable=False, server_default=text("0")),
    Column("leased_until", MOMENT, nullable=False, server_default=text("'-infinity'")),
    UniqueConstraint("partner_id", "file_hash"),
)
"""`read_to` is the line of the last row that is settled."""
Index(
    "ix_event_files_of_partner",
    event_files.c.partner_id,
    event_files.c.received_at,
    event_files.c.file_id,
)
Index(
    "ix_event_files_open",
    event_files.c.leased_until,
    postgresql_where=event_files.c.done_at.is_(None),
)

event_file_rows = Table(
    "event_file_rows",
    metadata,
    Column("file_id", Text, ForeignKey("event_files.file_id"), nullable=False),
    Column("line", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("event_id", Text),
    Column("receipt", Text),
    Column("original", Text),
    Column("errors", JSONB, nullable=False, server_default=text("'[]'")),
    PrimaryKeyConstraint("file_id", "line"),
)
"""Rows that are settled; `original` is the first receipt of what one repeats."""
Index(
    "ix_event_file_rows_outcome",
    event_file_rows.c.file_id,
    event_file_rows.c.outcome,
    event_file_rows.c.line,
)
