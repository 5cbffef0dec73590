"""Brings the database's schema to what this code needs."""

from sqlalchemy.exc import SQLAlchemyError

from processes.faults import CommandFailed
from processes.settings import Settings
from processes.stores import database_address
from store import migrations


async def migrate(settings: Settings) -> tuple[str | None, str]:
    """Upgrade the schema; returns its versions before (None for none) and now.

    Raises:
        CommandFailed: PostgreSQL does not answer or refuses.
    """
    address = database_address(settings)
    try:
        before = await migrations.current(address)
        await migrations.upgrade(address)
    except (OSError, SQLAlchemyError) as fault:
        raise CommandFailed(
            f"PostgreSQL could not be migrated ({type(fault).__name__}): see that it runs, that "
            "JOURNEYMAN_DATABASE_URL is right and that its account may create tables"
        ) from None
    return before, migrations.head()
