"""What the database role of the processes may do, and how to see that it may do no more."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

APP_ROLE = "journeyman_app"
"""The group that the migrations give every right to that the processes need, and no other. The
database's administrator makes the login of the processes a member of it."""

_TOO_MUCH = text(
    """
    SELECT rolsuper AS is_superuser,
           coalesce(has_table_privilege(
               to_regclass('audit_log'), 'INSERT, UPDATE, DELETE, TRUNCATE'
           ), false) AS writes_the_log
    FROM pg_roles WHERE rolname = current_user
    """
)


async def too_powerful(connection: AsyncConnection) -> str | None:
    """Why this connection's role is no role for a process; None for one that is.

    A process must not be able to alter the audit log that tells of what it did.
    """
    held = (await connection.execute(_TOO_MUCH)).one()
    if held.is_superuser:
        return "its role is a superuser"
    if held.writes_the_log:
        return "its role may write, change or delete lines of the audit log"
    return None
