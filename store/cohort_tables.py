"""Cohorts and their rows. A row is sealed until its journey is opened or refused, then wiped."""

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

cohorts = Table(
    "cohorts",
    metadata,
    Column("cohort_id", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("form", Text, nullable=False),
    # Keyed, so that a file of one row can't be found by guessing.
    Column("file_hash", LargeBinary, nullable=False),
    Column("received_by", Text, nullable=False),
    Column("received_role", Text, nullable=False),
    Column("received_at", MOMENT, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("opened", Integer, nullable=False, server_default=text("0")),
    Column("refused", Integer, nullable=False),
    Column("canceled", Integer, nullable=False, server_default=text("0")),
    Column("begun_at", MOMENT),
    Column("done_at", MOMENT),
    UniqueConstraint("region", "file_hash"),
)
Index("ix_cohorts_received_at", cohorts.c.received_at, cohorts.c.cohort_id)
Index("ix_cohorts_open", cohorts.c.cohort_id, postgresql_where=cohorts.c.done_at.is_(None))

cohort_rows = Table(
    "cohort_rows",
    metadata,
    Column("cohort_id", Text, ForeignKey("cohorts.cohort_id"), nullable=False),
    Column("line", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("sealed", LargeBinary),
    # Of the identity number that it says, for as long as it waits.
    Column("id_lookup", LargeBinary),
    Column("journey_id", Text, ForeignKey("journeys.journey_id")),
    Column("errors", JSONB, nullable=False, server_default=text("'[]'")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("token", BigInteger, nullable=False, server_default=text("0")),
    Column("leased_until", MOMENT, nullable=False, server_default=text("'-infinity'")),
    PrimaryKeyConstraint("cohort_id", "line"),
)
Index(
    "ix_cohort_rows_id_lookup",
    cohort_rows.c.id_lookup,
    postgresql_where=cohort_rows.c.id_lookup.is_not(None),
)
Index(
    "ix_cohort_rows_outcome",
    cohort_rows.c.cohort_id,
    cohort_rows.c.outcome,
    cohort_rows.c.line,
)
