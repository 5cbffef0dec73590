"""The tables. Who a trainee is lies sealed in those of `store.person_tables`, and nowhere in plain.

Statuses, stages and the like are text: their words are the domain's, and a new one is no migration.
The inbox and the mailboxes are in `store.intake_tables`, partners' keys in `store.partner_tables`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

MOMENT = DateTime(timezone=True)
NO_WORDS = text("'{}'::text[]")

journeys = Table(
    "journeys",
    metadata,
    Column("journey_id", Text, primary_key=True),
    Column("person_ref", Text, ForeignKey("persons.person_ref"), nullable=False),
    Column("program", Text, nullable=False),
    Column("subsidized", Boolean, nullable=False),
    Column("occupation_scheme", Text, nullable=False),
    Column("occupation", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("pathway", Text, nullable=False),
    Column("home_region", Text, nullable=False),
    Column("home_city", Text, Computed("left(home_region, 4)", persisted=True)),
    Column("home_province", Text, Computed("left(home_region, 2)", persisted=True)),
    Column("delivery_region", Text, nullable=False),
    Column("job_region", Text, nullable=False),
    Column("employer", Text),
    Column("vacancy_ref", Text),
    Column("years_of_service", Float),
    Column("previous_journey", Text, ForeignKey("journeys.journey_id")),
    Column("policy_name", Text, nullable=False),
    Column("policy_version", Text, nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("opened_role", Text, nullable=False),
    Column("opened_at", MOMENT, nullable=False),
    # The line on the caseload, as of journal line `sequence`; 0 until the workflow wrote its first.
    Column("sequence", Integer, nullable=False, server_default=text("0")),
    Column("stage", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("overlays", ARRAY(Text), nullable=False, server_default=NO_WORDS),
    Column("outcome", Text),
    Column("awaited", ARRAY(Text), nullable=False, server_default=NO_WORDS),
    Column("partner", Text),
    Column("turn", Text, nullable=False),
    Column("due_at", MOMENT),
    Column("stuck_cause", Text),
    Column("stuck_since", MOMENT),
    Column("updated_at", MOMENT, nullable=False),
    Column("closed_at", MOMENT),
    # Attendance folded by the relay, in hours.
    Column("hours_planned", Float),
    Column("hours_attended", Float),
    # Room on the page for updates that touch no indexed column.
    postgresql_with={"fillfactor": "70"},
)
Index("ix_journeys_beginning", journeys.c.opened_at, postgresql_where=journeys.c.sequence == 0)
Index(
    "uq_journeys_one_open",
    journeys.c.person_ref,
    journeys.c.occupation,
    journeys.c.level,
    unique=True,
    postgresql_where=text("closed_at IS NULL"),
)
Index("ix_journeys_person", journeys.c.person_ref, journeys.c.occupation, journeys.c.level)
Index("ix_journeys_nation", journeys.c.opened_at, journeys.c.journey_id)
for _area in ("home_province", "home_city", "home_region"):
    Index(f"ix_journeys_{_area}", journeys.c[_area], journeys.c.opened_at, journeys.c.journey_id)
Index(
    "ix_journeys_stuck",
    journeys.c.home_province,
    journeys.c.opened_at,
    journeys.c.journey_id,
    postgresql_where=text("stuck_cause IS NOT NULL"),
)

journal = Table(
    "journal",
    metadata,
    Column("journey_id", Text, ForeignKey("journeys.journey_id"), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", MOMENT, nullable=False),
    Column("by_id", Text, nullable=False),
    Column("by_role", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=text("''")),
    Column("rule", Text),
    Column("receipt", Text),
    Column("partner", Text),
    PrimaryKeyConstraint("journey_id", "sequence"),
)

shared_references = Table(
    "shared_references",
    metadata,
    Column("partner", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("journey_id", Text, ForeignKey("journeys.journey_id"), nullable=False),
    PrimaryKeyConstraint("partner", "ref"),
)
Index("ix_shared_references_ref", shared_references.c.ref)
Index("ix_shared_references_journey_id", shared_references.c.journey_id)

module_credits = Table(
    "module_credits",
    metadata,
    Column("person_ref", Text, ForeignKey("persons.person_ref"), nullable=False),
    Column("module", Text, nullable=False),
    Column("source", Text, nullable=False, server_default=text("''")),
    Column("expires", Date),
    PrimaryKeyConstraint("person_ref", "module"),
)

component_credits = Table(
    "component_credits",
    metadata,
    Column("person_ref", Text, ForeignKey("persons.person_ref"), nullable=False),
    Column("occupation", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("component", Text, nullable=False),
    Column("passed_at", MOMENT, nullable=False),
    PrimaryKeyConstraint("person_ref", "occupation", "level", "component"),
)

lease_tokens = Sequence("lease_tokens", metadata=metadata)
"""Fencing tokens: a later lease has a higher one."""

outbox = Table(
    "outbox",
    metadata,
    Column("journey_id", Text, ForeignKey("journeys.journey_id"), primary_key=True),
    Column("brief", JSONB, nullable=False),
    Column("written_at", MOMENT, nullable=False),
    Column("token", BigInteger, nullable=False, server_default=text("0")),
    Column("leased_until", MOMENT, nullable=False, server_default=text("'-infinity'")),
)
Index("ix_outbox_written_at", outbox.c.written_at)

service_keys = Table(
    "service_keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("made_at", MOMENT, nullable=False),
)
"""Keys that all processes share, wrapped by the master key (`store.vault`)."""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("caller", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("begun_at", MOMENT, nullable=False),
    Column("status", Integer),
    Column("headers", JSONB),
    Column("body", Text),
    PrimaryKeyConstraint("caller", "key"),
)
Index("ix_idempotency_keys_begun_at", idempotency_keys.c.begun_at)

partners = Table(
    "partners",
    metadata,
    Column("partner_id", Text, primary_key=True),
    Column("organization", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("service_url", Text, nullable=False),
    Column("source", Text, nullable=False, unique=True),
    Column("authorizations", JSONB, nullable=False, server_default=text("'[]'")),
    Column("events_per_second", Float),
    Column("file_mappings", JSONB, nullable=False, server_default=text("'{}'")),
    Column("paused_at", MOMENT),
    Column("paused_by", Text),
    Column("pause_reason", Text),
    Column("revision", Integer, nullable=False, server_default=text("1")),
    Column("updated_at", MOMENT, nullable=False, server_default=text("now()")),
)
"""`revision` counts the changes, so that two who change a partner at once don't overwrite."""
Index("ix_partners_kind", partners.c.kind)
Index(
    "ix_partners_paused",
    partners.c.partner_id,
    postgresql_where=partners.c.paused_at.is_not(None),
)

attendance = Table(
    "attendance",
    metadata,
    Column("enrollment_ref", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("module", Text, nullable=False),
    Column("journey_id", Text, ForeignKey("journeys.journey_id"), nullable=False),
    Column("partner", Text, nullable=False),
    Column("hours_planned", Float, nullable=False),
    Column("hours_attended", Float, nullable=False),
    Column("source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("supersedes", Text),
    Column("receipt", Text, nullable=False),
    PrimaryKeyConstraint("partner", "enrollment_ref", "period", "module"),
)
Index("ix_attendance_journey_id", attendance.c.journey_id)
