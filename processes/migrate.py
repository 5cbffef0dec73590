"""Brings the database's schema to what this code needs."""

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from processes.faults import CommandFailed
from processes.settings import Settings
from processes.stores import owner_address
from store import migrations
from store.rights import APP_ROLE


async def migrate(settings: Settings) -> tuple[str | None, str]:
    """Upgrade the schema; returns its versions before (None for none) and now.

    Raises:
        CommandFailed: PostgreSQL does not answer or refuses.
    """
    address = owner_address(settings)
    try:
        before = await migrations.current(address)
        await migrations.upgrade(address)
    except (OSError, SQLAlchemyError) as fault:
        raise CommandFailed(
            f"PostgreSQL could not be migrated ({_kind(fault)}): see that it runs, that "
            "JOURNEYMAN_MIGRATION_DATABASE_URL (else JOURNEYMAN_DATABASE_URL) is right, that its "
            f"account owns the tables, and that it may create the role {APP_ROLE} or finds it there"
        ) from None
    return before, migrations.head()


def _kind(fault: Exception) -> str:
    origin = fault.orig if isinstance(fault, DBAPIError) else fault
    return type(origin).__name__
