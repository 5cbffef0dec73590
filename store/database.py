"""The way to PostgreSQL: one engine for each process."""

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine


def create_engine(dsn: str, *, pool_size: int = 10) -> AsyncEngine:
    """An engine with a pool of at most `pool_size` connections.

    Args:
        dsn: `postgresql+asyncpg://user@host/database`, or `…://user@/database?host=/socket/folder`.
        pool_size: connections held open; a caller waits up to 30 s for a free one.

    No ping before each use, which would cost every caller a round trip: after a restart of the
    server the first use fails, and the pool then drops every connection of before. Errors don't
    tell the values of a statement, which may be personal.
    """
    return create_async_engine(dsn, pool_size=pool_size, max_overflow=0, hide_parameters=True)
