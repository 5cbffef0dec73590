"""Partners: keys with a life, rate limits, pauses, and the calls that a pause holds back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Widen partners, make their keys anew, and create the held calls."""
    _widen_partners()
    op.drop_table("partner_keys")
    op.create_table(
        "partner_keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("partner_id", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=True),
        sa.Column("revoked_at", _MOMENT, nullable=True),
        sa.Column("last_used_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.partner_id"], name="fk_partner_keys_partner_id"
        ),
        sa.PrimaryKeyConstraint("key_id", name="pk_partner_keys"),
        sa.UniqueConstraint(
            "partner_id", "fingerprint", name="uq_partner_keys_partner_id_fingerprint"
        ),
    )
    op.create_table(
        "held_calls",
        sa.Column("partner_id", sa.Text(), nullable=False),
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("first_asked_at", _MOMENT, nullable=False),
        sa.Column("last_asked_at", _MOMENT, nullable=False),
        sa.Column("asks_again_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.partner_id"], name="fk_held_calls_partner_id"
        ),
        sa.PrimaryKeyConstraint("partner_id", "call", name="pk_held_calls"),
    )
    op.create_index(
        "ix_held_calls_in_order", "held_calls", ["partner_id", "first_asked_at"], unique=False
    )


def _widen_partners() -> None:
    for column in (
        sa.Column("events_per_second", sa.Float(), nullable=True),
        sa.Column("file_mappings", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("paused_at", _MOMENT, nullable=True),
        sa.Column("paused_by", sa.Text(), nullable=True),
        sa.Column("pause_reason", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("updated_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
    ):
        op.add_column("partners", column)
    op.create_index(
        "ix_partners_paused",
        "partners",
        ["partner_id"],
        unique=False,
        postgresql_where=sa.text("paused_at IS NOT NULL"),
    )
