"""The schema's migrations (Alembic), run from Python: no ini file, no working folder assumed."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('journeyman.migrations', 0))")


def head() -> str:
    """The newest version of the schema that this code knows."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    assert newest is not None
    return newest


async def current(dsn: str) -> str | None:
    """The database's version, None for one that was never migrated."""
    engine = create_async_engine(dsn, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(
                lambda plain: MigrationContext.configure(plain).get_current_revision()
            )
    finally:
        await engine.dispose()


async def upgrade(dsn: str) -> None:
    """Bring the database to `head()`, in one transaction; two at once take turns."""
    engine = create_async_engine(dsn, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(_ONE_AT_A_TIME)
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
