"""Persons: identity sealed, one data key each."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Take the plain columns away; whoever was registered in them has to be registered again."""
    op.drop_constraint("uq_persons_id_number", "persons", type_="unique")
    for plain in ("id_number", "name", "phone"):
        op.drop_column("persons", plain)
    op.add_column("persons", sa.Column("sealed", sa.LargeBinary(), nullable=True))
    op.add_column("persons", sa.Column("id_lookup", sa.LargeBinary(), nullable=True))
    op.add_column("persons", sa.Column("phone_lookup", sa.LargeBinary(), nullable=True))
    op.add_column("persons", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.create_unique_constraint("uq_persons_id_lookup", "persons", ["id_lookup"])
    op.create_index(
        "ix_persons_phone_lookup",
        "persons",
        ["phone_lookup"],
        unique=False,
        postgresql_where=sa.text("phone_lookup IS NOT NULL"),
    )
    op.create_table(
        "person_keys",
        sa.Column("person_ref", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_ref"], ["persons.person_ref"], name="fk_person_keys_person_ref"
        ),
        sa.PrimaryKeyConstraint("person_ref", name="pk_person_keys"),
    )
    op.create_table(
        "erasures_asked",
        sa.Column("person_ref", sa.Text(), nullable=False),
        sa.Column("by_id", sa.Text(), nullable=False),
        sa.Column("by_role", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_ref"], ["persons.person_ref"], name="fk_erasures_asked_person_ref"
        ),
        sa.PrimaryKeyConstraint("person_ref", name="pk_erasures_asked"),
    )
    op.create_index("ix_shared_references_journey_id", "shared_references", ["journey_id"])
