"""How a process finds its PostgreSQL, and refuses one that it can't work with."""

from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from processes.embedded.app_role import as_processes
from processes.embedded.postgres import running_address
from processes.faults import CommandFailed
from processes.partner_secrets import require_own_partner_secrets
from processes.settings import Settings
from store import migrations
from store.database import create_engine
from store.rights import APP_ROLE, too_powerful

OWN_ROLE = (
    f"name a login of its own in JOURNEYMAN_DATABASE_URL, as of CREATE ROLE journeyman_processes "
    f"LOGIN PASSWORD '...' IN ROLE {APP_ROLE}; the account that migrates goes into "
    "JOURNEYMAN_MIGRATION_DATABASE_URL"
)
"""What to do where the processes' database role may do too much."""


def with_database(settings: Settings) -> Settings:
    """The settings with a database address: the one given, or that of the embedded run.

    Raises:
        CommandFailed: none is given and no embedded run owns the data folder.
    """
    if settings.database_url is not None:
        return settings
    address = running_address(settings.postgres_folder)
    if address is None:
        raise _no_database(settings)
    url = SecretStr(as_processes(address))
    return settings.model_copy(update={"database_url": url, "embedded": True})


def database_address(settings: Settings) -> str:
    """The SQLAlchemy address of the database; see `with_database`."""
    url = with_database(settings).database_url
    assert url is not None
    return url.get_secret_value()


def owner_address(settings: Settings) -> str:
    """The SQLAlchemy address under which to migrate: as the owner of the tables.

    Raises:
        CommandFailed: none is given and no embedded run owns the data folder.
    """
    url = settings.migration_database_url or settings.database_url
    if url is not None:
        return url.get_secret_value()
    address = running_address(settings.postgres_folder)
    if address is None:
        raise _no_database(settings)
    return address


def engine_of(settings: Settings) -> AsyncEngine:
    """An engine with as many connections as the settings allow; the caller disposes of it."""
    return create_engine(database_address(settings), pool_size=settings.database_connections)


async def require_usable(settings: Settings, engine: AsyncEngine) -> None:
    """Make sure that the database answers, was migrated, and signs with no sample secret.

    Outside an embedded run also that our role there may not alter the audit log.

    Raises:
        CommandFailed: saying what to do.
        SampleSecrets: naming the partners whose keys to rotate.
    """
    where = engine.url.render_as_string(hide_password=True)
    try:
        if await migrations.current(database_address(settings)) is None:
            raise CommandFailed(f"{where} has no schema yet: run `journeyman migrate`")
        async with engine.connect() as connection:
            too_much = None if settings.is_embedded else await too_powerful(connection)
            if too_much:
                raise CommandFailed(f"{where}: {too_much}; {OWN_ROLE}")
            await require_own_partner_secrets(settings, connection)
    except (OSError, SQLAlchemyError) as fault:
        raise CommandFailed(
            f"{where} does not answer ({type(fault).__name__}): see that PostgreSQL runs and that "
            "JOURNEYMAN_DATABASE_URL is right; `journeyman doctor` looks at everything"
        ) from None


def _no_database(settings: Settings) -> CommandFailed:
    return CommandFailed(
        f"no PostgreSQL: no run owns {settings.data_folder.resolve()}. Start one with "
        "`journeyman up`, or name a database with JOURNEYMAN_DATABASE_URL"
    )
