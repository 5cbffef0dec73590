"""Event files and their rows."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "event_files",
        sa.Column("file_id", sa.Text(), nullable=False),
        sa.Column("partner_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("mapping", postgresql.JSONB(), nullable=False),
        sa.Column("named", postgresql.JSONB(), nullable=False),
        sa.Column("file_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary()),
        sa.Column("received_at", _MOMENT, nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("repeated", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("refused", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("read_to", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("begun_at", _MOMENT),
        sa.Column("done_at", _MOMENT),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("token", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("leased_until", _MOMENT, server_default=sa.text("'-infinity'"), nullable=False),
        sa.PrimaryKeyConstraint("file_id", name="pk_event_files"),
        sa.UniqueConstraint("partner_id", "file_hash", name="uq_event_files_partner_id_file_hash"),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.partner_id"], name="fk_event_files_partner_id"
        ),
    )
    op.create_index(
        "ix_event_files_of_partner", "event_files", ["partner_id", "received_at", "file_id"]
    )
    op.create_index(
        "ix_event_files_open",
        "event_files",
        ["leased_until"],
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "event_file_rows",
        sa.Column("file_id", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text()),
        sa.Column("receipt", sa.Text()),
        sa.Column("original", sa.Text()),
        sa.Column("errors", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.PrimaryKeyConstraint("file_id", "line", name="pk_event_file_rows"),
        sa.ForeignKeyConstraint(
            ["file_id"], ["event_files.file_id"], name="fk_event_file_rows_file_id"
        ),
    )
    op.create_index("ix_event_file_rows_outcome", "event_file_rows", ["file_id", "outcome", "line"])
