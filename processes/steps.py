"""How the loops of a process go on: step after step, idle where there is nothing to do."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import asyncpg
import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from api.problems import Unavailable
from processes.relay_pace import Backoff

log = structlog.get_logger(__name__)

_POSTGRES_AWAY = (
    DBAPIError,
    PoolTimeout,
    Unavailable,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    OSError,
)


class TemporalAway(Exception):
    """Temporal does not answer; what was in hand is back in PostgreSQL."""


async def until(
    stop: asyncio.Event,
    step: Callable[[], Awaitable[bool]],
    idle: Callable[[], Awaitable[None]],
) -> None:
    """Take step after step until told to stop.

    Args:
        stop: looked at between two steps.
        step: returns whether there may be more to do.
        idle: waits, where there was nothing to do; where a step failed, ever longer pauses wait.
    """
    backoff = Backoff()
    while not stop.is_set():
        try:
            if not await step():
                backoff.reset()
                await idle()
        except TemporalAway:
            log.warning("Temporal is away; what waits stays in PostgreSQL", step=step.__name__)
        except _POSTGRES_AWAY as error:
            state = getattr(getattr(error, "orig", error), "sqlstate", None)
            log.warning("PostgreSQL does not serve", step=step.__name__, sqlstate=state)
        except Exception:
            log.exception("a step failed", step=step.__name__)
        else:
            backoff.reset()
            continue
        await pause(stop, backoff.pause())


def now_and_then(stop: asyncio.Event, seconds: float) -> Callable[[], Awaitable[None]]:
    """What a loop idles with that looks every so many seconds, and at once when told to stop."""
    return lambda: pause(stop, seconds)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until told to stop."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
