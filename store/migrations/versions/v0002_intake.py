"""What events pass through: inbox, repeats, mailboxes."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the intake beside the journeys."""
    op.create_table(
        "inbox",
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("arrival", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sequence", sa.Text(), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("journey_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("receipt", name="pk_inbox"),
    )
    op.create_index(
        "ix_inbox_of_journey",
        "inbox",
        ["journey_id", "arrival"],
        unique=False,
        postgresql_where=sa.text(
            "status = 'received' AND journey_id IS NOT NULL "
            "AND type <> 'journeyman.attendance.summary.v1'"
        ),
    )
    op.create_index(
        "ix_inbox_quarantined",
        "inbox",
        ["subject"],
        unique=False,
        postgresql_where=sa.text("status = 'quarantined'"),
    )
    op.create_index(
        "ix_inbox_to_deliver",
        "inbox",
        ["arrival"],
        unique=False,
        postgresql_where=sa.text(
            "status = 'received' AND journey_id IS NOT NULL "
            "AND type <> 'journeyman.attendance.summary.v1'"
        ),
    )
    op.create_index(
        "ix_inbox_to_fold",
        "inbox",
        ["arrival"],
        unique=False,
        postgresql_where=sa.text(
            "status = 'received' AND journey_id IS NOT NULL "
            "AND type = 'journeyman.attendance.summary.v1'"
        ),
    )
    op.create_index(
        "ix_inbox_underway",
        "inbox",
        ["journey_id"],
        unique=False,
        postgresql_where=sa.text("status IN ('delivered', 'buffered')"),
    )
    op.create_index(
        "ix_inbox_unsorted",
        "inbox",
        ["arrival"],
        unique=False,
        postgresql_where=sa.text("status = 'received' AND journey_id IS NULL"),
    )
    op.create_index("uq_inbox_event_id_source", "inbox", ["event_id", "source"], unique=True)
    op.create_table(
        "inbox_repeats",
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("original", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["original"], ["inbox.receipt"], name="fk_inbox_repeats_original"),
        sa.PrimaryKeyConstraint("receipt", name="pk_inbox_repeats"),
    )
    op.create_table(
        "mailboxes",
        sa.Column("journey_id", sa.Text(), nullable=False),
        sa.Column("token", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "leased_until",
            sa.DateTime(timezone=True),
            server_default=sa.text("'-infinity'"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["journey_id"], ["journeys.journey_id"], name="fk_mailboxes_journey_id"
        ),
        sa.PrimaryKeyConstraint("journey_id", name="pk_mailboxes"),
        postgresql_with={"fillfactor": "70"},
    )
