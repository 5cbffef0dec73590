"""One request, one transaction, committed before the answer; PostgreSQL away is an honest 503."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api.problems import Unavailable

AWAY_STATES = ("08", "53", "57", "58", "XX", "25006", "40001", "40P01")
"""SQLSTATEs, by their beginning, of a PostgreSQL that can't serve now: connection exceptions, no
resources (a full disk too), shutdown, system errors, errors of its own (a file that may not grow),
a read-only standby, a lost race."""

_AWAY = "the database can't be reached; nothing was changed"


@asynccontextmanager
async def transaction(engine: AsyncEngine, within: timedelta) -> AsyncIterator[AsyncConnection]:
    """A connection in a transaction that is committed at the end.

    Raises:
        Unavailable: PostgreSQL is away or does not answer within the given time.
    """
    async with _answering(within), engine.begin() as connection:
        yield connection


@asynccontextmanager
async def statement(single: AsyncEngine, within: timedelta) -> AsyncIterator[AsyncConnection]:
    """A connection on which each statement is a transaction of its own, in one round trip.

    Args:
        single: an engine with the isolation level AUTOCOMMIT.

    Raises:
        Unavailable: as in `transaction`. What was asked may have been done all the same.
    """
    async with _answering(within), single.connect() as connection:
        yield connection


@asynccontextmanager
async def _answering(within: timedelta) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(within.total_seconds()):
            yield
    except (OSError, PoolTimeout):
        raise Unavailable(_AWAY) from None
    except DBAPIError as error:
        if error.connection_invalidated or _is_away(error):
            raise Unavailable(_AWAY) from None
        raise


def _is_away(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        return isinstance(error, InterfaceError)
    return str(state).startswith(AWAY_STATES)
