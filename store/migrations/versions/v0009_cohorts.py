"""Cohorts and their rows; journeys that begin; keys of callers by age, to purge old ones."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "cohorts",
        sa.Column("cohort_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("file_hash", sa.LargeBinary(), nullable=False),
        sa.Column("received_by", sa.Text(), nullable=False),
        sa.Column("received_role", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("opened", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("canceled", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True)),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("cohort_id", name="pk_cohorts"),
        sa.UniqueConstraint("region", "file_hash", name="uq_cohorts_region_file_hash"),
    )
    op.create_index("ix_cohorts_received_at", "cohorts", ["received_at", "cohort_id"])
    op.create_index(
        "ix_cohorts_open", "cohorts", ["cohort_id"], postgresql_where=sa.text("done_at IS NULL")
    )
    op.create_table(
        "cohort_rows",
        sa.Column("cohort_id", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary()),
        sa.Column("journey_id", sa.Text()),
        sa.Column("errors", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("token", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "leased_until",
            sa.DateTime(timezone=True),
            server_default=sa.text("'-infinity'"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("cohort_id", "line", name="pk_cohort_rows"),
        sa.ForeignKeyConstraint(
            ["cohort_id"], ["cohorts.cohort_id"], name="fk_cohort_rows_cohort_id"
        ),
        sa.ForeignKeyConstraint(
            ["journey_id"], ["journeys.journey_id"], name="fk_cohort_rows_journey_id"
        ),
    )
    op.create_index("ix_cohort_rows_outcome", "cohort_rows", ["cohort_id", "outcome", "line"])
    op.create_index(
        "ix_journeys_beginning",
        "journeys",
        ["opened_at"],
        postgresql_where=sa.text("sequence = 0"),
    )
    op.create_index("ix_idempotency_keys_begun_at", "idempotency_keys", ["begun_at"])
