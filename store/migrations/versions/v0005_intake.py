"""The intake: bodies sealed, the words beside the reason, variants kept."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Seal what events say; keep the other bodies that came under an id."""
    op.drop_column("inbox", "data")
    op.drop_column("inbox", "raw")
    op.add_column("inbox", sa.Column("sealed", sa.LargeBinary(), nullable=True))
    op.add_column(
        "inbox", sa.Column("detail", sa.Text(), server_default=sa.text("''"), nullable=False)
    )
    op.create_index("ix_inbox_journey", "inbox", ["journey_id"])
    op.create_table(
        "inbox_variants",
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("original", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["original"], ["inbox.receipt"], name="fk_inbox_variants_original"),
        sa.PrimaryKeyConstraint("receipt", name="pk_inbox_variants"),
    )
    op.create_index(
        "uq_inbox_variants_original_body_hash",
        "inbox_variants",
        ["original", "body_hash"],
        unique=True,
    )
