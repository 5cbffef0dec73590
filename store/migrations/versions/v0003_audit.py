"""Service keys, and the audit log: strands of lines chained by their hashes.

A line is written by the function `audit_append` only, which runs with its owner's rights: whoever
may call it can add lines, and neither change nor remove any.
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
DECLARE
    head record;
    written_at timestamptz := clock_timestamp();
    next_hash bytea;
BEGIN
    -- A strand that nobody else is writing to: writers never wait for each other.
    SELECT s.strand, s.sequence, s.hash INTO head
    FROM audit_strands AS s ORDER BY s.strand LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        INSERT INTO audit_strands (strand, sequence, hash)
        VALUES (nextval('audit_strand_numbers'), 0, sha256(''))
        RETURNING audit_strands.strand, audit_strands.sequence, audit_strands.hash INTO head;
    END IF;
    next_hash := sha256(head.hash || convert_to(
        concat_ws(
            chr(31), head.strand, head.sequence + 1,
            (extract(epoch FROM written_at) * 1000000)::bigint,
            action, actor_id, actor_role, about, detail
        ), 'UTF8'
    ));
    INSERT INTO audit_log (strand, sequence, at, action, actor_id, actor_role, about, detail, hash)
    VALUES (
        head.strand, head.sequence + 1, written_at,
        action, actor_id, actor_role, about, detail, next_hash
    );
    UPDATE audit_strands SET sequence = head.sequence + 1, hash = next_hash
    WHERE audit_strands.strand = head.strand;
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
    op.execute(sa.schema.CreateSequence(sa.Sequence("audit_strand_numbers")))
    op.create_table(
        "audit_strands",
        sa.Column("strand", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("strand", name="pk_audit_strands"),
        postgresql_with={"fillfactor": "20"},
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
    op.execute(_APPEND)
