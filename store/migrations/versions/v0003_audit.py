"""Service keys; the audit log, strands of lines chained by their hashes; and its seals.

A line is written by the function `audit_append` only, which runs with its owner's rights: whoever
may call it can add lines, and neither change nor remove any. What is hashed: the line before's hash
and the line as a JSON array (`store.audit_chain`).
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_APPEND = """
CREATE FUNCTION audit_append(
    action text, actor_id text, actor_role text, about text, detail text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    taken integer := 1;
    written_at timestamptz := clock_timestamp();
    last_sequence bigint;
    last_hash bytea;
BEGIN
    -- A strand that nobody else is writing to, held until the end of this transaction: writers
    -- never wait for each other. A row to lock would leave a dead copy of itself with each line.
    WHILE NOT pg_try_advisory_xact_lock(1635083369, taken) LOOP
        taken := taken + 1;
    END LOOP;
    SELECT line.sequence, line.hash INTO last_sequence, last_hash
    FROM audit_log AS line WHERE line.strand = taken ORDER BY line.sequence DESC LIMIT 1;
    last_sequence := coalesce(last_sequence, 0);
    INSERT INTO audit_log (strand, sequence, at, action, actor_id, actor_role, about, detail, hash)
    VALUES (
        taken, last_sequence + 1, written_at, action, actor_id, actor_role, about, detail,
        sha256(coalesce(last_hash, sha256('')) || convert_to(
            json_build_array(
                taken, last_sequence + 1, (extract(epoch FROM written_at) * 1000000)::bigint,
                action, actor_id, actor_role, about, detail
            )::text, 'UTF8'
        ))
    );
END
$$
"""
_REFUSE = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    RAISE insufficient_privilege USING MESSAGE =
        format('%s only grows: %s is refused', TG_TABLE_NAME, TG_OP);
END
$$
"""


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "service_keys",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_service_keys"),
    )
    op.create_table(
        "audit_log",
        sa.Column("strand", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("actor_role", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("strand", "sequence", name="pk_audit_log"),
    )
    op.create_index("ix_audit_log_at", "audit_log", ["at", "strand", "sequence"])
    op.create_index("ix_audit_log_about", "audit_log", ["about", "at"])
    op.create_table(
        "audit_seals",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("strand", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_seals"),
        sa.UniqueConstraint("strand", "sequence", name="uq_audit_seals_strand_sequence"),
    )
    op.execute(_APPEND)
    op.execute(_REFUSE)
    for table in ("audit_log", "audit_seals"):
        op.execute(
            f"CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()"
        )
