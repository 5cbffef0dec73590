"""Whom a waiting row of a cohort is about: nobody is erased while one of hers waits."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add it; rows that wait already are not known by it."""
    op.add_column("cohort_rows", sa.Column("id_lookup", sa.LargeBinary()))
    op.create_index(
        "ix_cohort_rows_id_lookup",
        "cohort_rows",
        ["id_lookup"],
        postgresql_where=sa.text("id_lookup IS NOT NULL"),
    )
