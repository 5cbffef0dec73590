"""How a process finds its PostgreSQL, and refuses one that it can't work with."""

from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from processes.embedded.postgres import running_address
from processes.faults import CommandFailed
from processes.local_issuer import require_own_partner_secrets
from processes.settings import Settings
from store import migrations
from store.database import create_engine


def with_database(settings: Settings) -> Settings:
    """The settings with a database address: the one given, or that of the embedded run.

    Raises:
        CommandFailed: none is given and no embedded run owns the data folder.
    """
    if settings.database_url is not None:
        return settings
    address = running_address(settings.postgres_folder)
    if address is None:
        raise CommandFailed(
            f"no PostgreSQL: no run owns {settings.data_folder.resolve()}. Start one with "
            "`journeyman up`, or name a database with JOURNEYMAN_DATABASE_URL"
        )
    return settings.model_copy(update={"database_url": SecretStr(address), "embedded": True})


def database_address(settings: Settings) -> str:
    """The SQLAlchemy address of the database; see `with_database`."""
    url = with_database(settings).database_url
    assert url is not None
    return url.get_secret_value()


def engine_of(settings: Settings) -> AsyncEngine:
    """An engine with as many connections as the settings allow; the caller disposes of it."""
    return create_engine(database_address(settings), pool_size=settings.database_connections)


async def require_usable(settings: Settings, engine: AsyncEngine) -> None:
    """Make sure that the database answers, was migrated, and signs with no sample secret.

    Raises:
        CommandFailed: saying what to do.
        SampleSecrets: naming the partners whose keys to rotate.
    """
    where = engine.url.render_as_string(hide_password=True)
    try:
        if await migrations.current(database_address(settings)) is None:
            raise CommandFailed(f"{where} has no schema yet: run `journeyman migrate`")
        async with engine.connect() as connection:
            await require_own_partner_secrets(settings, connection)
    except (OSError, SQLAlchemyError) as fault:
        raise CommandFailed(
            f"{where} does not answer ({type(fault).__name__}): see that PostgreSQL runs and that "
            "JOURNEYMAN_DATABASE_URL is right; `journeyman doctor` looks at everything"
        ) from None
