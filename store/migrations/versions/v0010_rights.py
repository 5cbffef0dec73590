"""What the application's role may do: everything with the data, nothing with the audit log.

The role is a group without a login. Whoever administers the database makes the processes' login a
member of it; the login that migrates owns the tables.
"""

from alembic import op

revision = "0010"
down_revision = "0009"

_ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'journeyman_app') THEN
        CREATE ROLE journeyman_app NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL;  -- another database of this server was migrated at the same time
    WHEN insufficient_privilege THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'the role journeyman_app is missing, and this account may not create it',
            HINT = 'let an administrator run: CREATE ROLE journeyman_app NOLOGIN';
END $$
"""
_RIGHTS = (
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    "GRANT USAGE ON SCHEMA public TO journeyman_app",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO journeyman_app",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO journeyman_app",
    # What is reserved: lines are added by the function only, seals are never changed.
    "REVOKE INSERT, UPDATE, DELETE ON audit_log FROM journeyman_app",
    "REVOKE UPDATE, DELETE ON audit_seals, service_keys FROM journeyman_app",
    "REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM journeyman_app",
    "REVOKE EXECUTE ON FUNCTION audit_append FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION audit_append TO journeyman_app",
)
_LATER = (
    "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO journeyman_app",
    "GRANT USAGE, SELECT ON SEQUENCES TO journeyman_app",
)


def upgrade() -> None:
    """Make the role, and give it its rights."""
    op.execute(_ROLE)
    for statement in _RIGHTS:
        op.execute(statement)
    for right in _LATER:  # on what later migrations of the same account make
        op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public {right}")
