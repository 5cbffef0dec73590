"""Persons, journeys, journal, credits, outbox, partners."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateSequence

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create them on an empty database."""
    op.execute(CreateSequence(sa.Sequence("lease_tokens")))
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", postgresql.JSONB(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("caller", "key", name="pk_idempotency_keys"),
    )
    op.create_table(
        "partners",
        sa.Column("partner_id", sa.Text(), nullable=False),
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("service_url", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "authorizations", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False
        ),
        sa.PrimaryKeyConstraint("partner_id", name="pk_partners"),
        sa.UniqueConstraint("source", name="uq_partners_source"),
    )
    op.create_index("ix_partners_kind", "partners", ["kind"], unique=False)
    op.create_table(
        "persons",
        sa.Column("person_ref", sa.Text(), nullable=False),
        sa.Column("id_number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column(
            "groups",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person_ref", name="pk_persons"),
        sa.UniqueConstraint("id_number", name="uq_persons_id_number"),
    )
    op.create_table(
        "component_credits",
        sa.Column("person_ref", sa.Text(), nullable=False),
        sa.Column("occupation", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("passed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_ref"], ["persons.person_ref"], name="fk_component_credits_person_ref"
        ),
        sa.PrimaryKeyConstraint(
            "person_ref", "occupation", "level", "component", name="pk_component_credits"
        ),
    )
    op.create_table(
        "journeys",
        sa.Column("journey_id", sa.Text(), nullable=False),
        sa.Column("person_ref", sa.Text(), nullable=False),
        sa.Column("program", sa.Text(), nullable=False),
        sa.Column("subsidized", sa.Boolean(), nullable=False),
        sa.Column("occupation_scheme", sa.Text(), nullable=False),
        sa.Column("occupation", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("pathway", sa.Text(), nullable=False),
        sa.Column("home_region", sa.Text(), nullable=False),
        sa.Column(
            "home_city",
            sa.Text(),
            sa.Computed("left(home_region, 4)", persisted=True),
            nullable=True,
        ),
        sa.Column(
            "home_province",
            sa.Text(),
            sa.Computed("left(home_region, 2)", persisted=True),
            nullable=True,
        ),
        sa.Column("delivery_region", sa.Text(), nullable=False),
        sa.Column("job_region", sa.Text(), nullable=False),
        sa.Column("employer", sa.Text(), nullable=True),
        sa.Column("vacancy_ref", sa.Text(), nullable=True),
        sa.Column("years_of_service", sa.Float(), nullable=True),
        sa.Column("previous_journey", sa.Text(), nullable=True),
        sa.Column("policy_name", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("opened_role", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sequence", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "overlays",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column(
            "awaited",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'::text[]"),
            nullable=False,
        ),
        sa.Column("partner", sa.Text(), nullable=True),
        sa.Column("turn", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stuck_cause", sa.Text(), nullable=True),
        sa.Column("stuck_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hours_planned", sa.Float(), nullable=True),
        sa.Column("hours_attended", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_ref"], ["persons.person_ref"], name="fk_journeys_person_ref"
        ),
        sa.ForeignKeyConstraint(
            ["previous_journey"], ["journeys.journey_id"], name="fk_journeys_previous_journey"
        ),
        sa.PrimaryKeyConstraint("journey_id", name="pk_journeys"),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index(
        "ix_journeys_home_city", "journeys", ["home_city", "opened_at", "journey_id"], unique=False
    )
    op.create_index(
        "ix_journeys_home_province",
        "journeys",
        ["home_province", "opened_at", "journey_id"],
        unique=False,
    )
    op.create_index(
        "ix_journeys_home_region",
        "journeys",
        ["home_region", "opened_at", "journey_id"],
        unique=False,
    )
    op.create_index("ix_journeys_nation", "journeys", ["opened_at", "journey_id"], unique=False)
    op.create_index(
        "ix_journeys_person", "journeys", ["person_ref", "occupation", "level"], unique=False
    )
    op.create_index(
        "ix_journeys_stuck",
        "journeys",
        ["home_province", "opened_at", "journey_id"],
        unique=False,
        postgresql_where=sa.text("stuck_cause IS NOT NULL"),
    )
    op.create_index(
        "uq_journeys_one_open",
        "journeys",
        ["person_ref", "occupation", "level"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "module_credits",
        sa.Column("person_ref", sa.Text(), nullable=False),
        sa.Column("module", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("expires", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_ref"], ["persons.person_ref"], name="fk_module_credits_person_ref"
        ),
        sa.PrimaryKeyConstraint("person_ref", "module", name="pk_module_credits"),
    )
    op.create_table(
        "partner_keys",
        sa.Column("partner_id", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.partner_id"], name="fk_partner_keys_partner_id"
        ),
        sa.PrimaryKeyConstraint("partner_id", "position", name="pk_partner_keys"),
        sa.UniqueConstraint("partner_id", "secret", name="uq_partner_keys_partner_id_secret"),
    )
    op.create_table(
        "attendance",
        sa.Column("enrollment_ref", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("module", sa.Text(), nullable=False),
        sa.Column("journey_id", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("hours_planned", sa.Float(), nullable=False),
        sa.Column("hours_attended", sa.Float(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("supersedes", sa.Text(), nullable=True),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["journey_id"], ["journeys.journey_id"], name="fk_attendance_journey_id"
        ),
        sa.PrimaryKeyConstraint(
            "partner", "enrollment_ref", "period", "module", name="pk_attendance"
        ),
    )
    op.create_index("ix_attendance_journey_id", "attendance", ["journey_id"], unique=False)
    op.create_table(
        "journal",
        sa.Column("journey_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_id", sa.Text(), nullable=False),
        sa.Column("by_role", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.Column("partner", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["journey_id"], ["journeys.journey_id"], name="fk_journal_journey_id"
        ),
        sa.PrimaryKeyConstraint("journey_id", "sequence", name="pk_journal"),
    )
    op.create_table(
        "outbox",
        sa.Column("journey_id", sa.Text(), nullable=False),
        sa.Column("brief", postgresql.JSONB(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "leased_until",
            sa.DateTime(timezone=True),
            server_default=sa.text("'-infinity'"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["journey_id"], ["journeys.journey_id"], name="fk_outbox_journey_id"
        ),
        sa.PrimaryKeyConstraint("journey_id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_written_at", "outbox", ["written_at"], unique=False)
    op.create_table(
        "shared_references",
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("journey_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["journey_id"], ["journeys.journey_id"], name="fk_shared_references_journey_id"
        ),
        sa.PrimaryKeyConstraint("partner", "ref", name="pk_shared_references"),
    )
    op.create_index("ix_shared_references_ref", "shared_references", ["ref"], unique=False)
