"""The role as which our processes use the embedded PostgreSQL: not its superuser."""

from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

from processes.embedded.postgres import NAME
from store.rights import APP_ROLE

LOGIN = "journeyman_processes"
"""The login of the embedded run's processes, a member of `APP_ROLE`."""

_LOGIN_FOR_PROCESSES = f"""
DO $$ BEGIN
    CREATE ROLE {LOGIN} LOGIN IN ROLE {APP_ROLE};
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- roles belong to the whole server: an earlier run or another database made it
END $$
"""


async def make_login(owner_dsn: str) -> None:
    """Make the processes' login where it is missing; after the migrations, which make its group."""
    engine = create_async_engine(owner_dsn, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text(_LOGIN_FOR_PROCESSES))
    finally:
        await engine.dispose()


def as_processes(owner_dsn: str) -> str:
    """The same database's address for the processes' login."""
    return owner_dsn.replace(f"//{NAME}@", f"//{LOGIN}@", 1)
