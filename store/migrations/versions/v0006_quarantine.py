"""Quarantine: decisions of people, tasks, refused deliveries; and what a receipt tells."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_QUARANTINED = sa.text("status = 'quarantined'")
_OPEN = sa.text("done_at IS NULL")


def upgrade() -> None:
    """Create them, and the indexes by which partners and staff read what became of events."""
    _decisions()
    _tasks()
    _receipts()


def _decisions() -> None:
    op.create_table(
        "quarantine_decisions",
        sa.Column("decision_id", sa.Text(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("by_id", sa.Text(), nullable=False),
        sa.Column("by_role", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("data_corrected", sa.Boolean(), nullable=False),
        sa.Column("correction", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["receipt"], ["inbox.receipt"], name="fk_quarantine_decisions_receipt"
        ),
        sa.PrimaryKeyConstraint("decision_id", name="pk_quarantine_decisions"),
    )
    op.create_index("ix_quarantine_decisions_receipt", "quarantine_decisions", ["receipt", "at"])
    op.create_table(
        "refused_deliveries",
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["receipt"], ["inbox.receipt"], name="fk_refused_deliveries_receipt"
        ),
        sa.PrimaryKeyConstraint("receipt", name="pk_refused_deliveries"),
    )


def _tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("journey_id", sa.Text(), nullable=True),
        sa.Column("partner", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("task_id", name="pk_tasks"),
    )
    op.create_index(
        "uq_tasks_open", "tasks", ["kind", "about"], unique=True, postgresql_where=_OPEN
    )
    op.create_index("ix_tasks_open", "tasks", ["raised_at", "task_id"], postgresql_where=_OPEN)
    op.create_index("ix_tasks_about", "tasks", ["about"], postgresql_where=_OPEN)


def _receipts() -> None:
    op.add_column("inbox", sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("inbox", sa.Column("superseded_by", sa.Text(), nullable=True))
    for table in ("inbox_repeats", "inbox_variants"):
        op.add_column(table, sa.Column("partner", sa.Text(), nullable=False))
        op.create_index(f"ix_{table}_partner", table, ["partner", "received_at", "receipt"])
        op.create_index(f"ix_{table}_received_at", table, ["received_at", "receipt"])
    op.create_index("ix_inbox_repeats_original", "inbox_repeats", ["original"])
    op.create_index("ix_inbox_history", "inbox", ["partner", "status", "received_at", "receipt"])
    op.create_index("ix_inbox_subject", "inbox", ["partner", "subject"])
    op.create_index("ix_inbox_received_at", "inbox", ["received_at", "receipt"])
    op.create_index(
        "ix_inbox_kept_back",
        "inbox",
        ["settled_at", "receipt"],
        postgresql_where=_QUARANTINED,
    )
