"""The way to PostgreSQL: one engine for each process."""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

BY_KEY_ONLY = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "jit": "off",
}
"""PostgreSQL parameters for a process that looks rows up by their keys and nothing else.

The planner takes every list within a JSON parameter for a hundred rows: for a single receipt it
would read a whole table that is small still. And it would plan a long statement again and again,
which takes longer than to carry it out.
"""


def create_engine(
    dsn: str, *, pool_size: int = 10, parameters: Mapping[str, str] | None = None
) -> AsyncEngine:
    """An engine with a pool of at most `pool_size` connections.

    Args:
        dsn: `postgresql+asyncpg://user@host/database`, or `…://user@/database?host=/socket/folder`.
        pool_size: connections held open; a caller waits up to 30 s for a free one.
        parameters: PostgreSQL parameters of each connection.

    No ping before each use, which would cost every caller a round trip: after a restart of the
    server the first use fails, and the pool then drops every connection of before. Errors don't
    tell the values of a statement, which may be personal.
    """
    return create_async_engine(
        dsn,
        pool_size=pool_size,
        max_overflow=0,
        hide_parameters=True,
        connect_args={"server_settings": dict(parameters or {})},
    )
