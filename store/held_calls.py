"""Calls to a paused partner wait in line, and after it is resumed go a few at a time.

Whoever wants to call asks first. While the partner is paused, and afterwards until the line is
gone, it gets a place in the line, in the order in which calls were first asked; a place among the
first few of a partner that is not paused lets it through. The further back, the later it is to ask
again, so that all that wait together ask no more than some times a second, and leave the service's
rate to other partners. A call that does not ask when it should is passed over after a minute: its
journey may have ended.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import timedelta

import asyncpg
from sqlalchemy import Interval, bindparam, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

LOOK_EVERY = 1.0
"""Seconds for which a partner is believed to be paused or not."""
AT_ONCE = 5
"""Calls let through together while a line lasts."""
SOONEST = timedelta(seconds=2)
PER_PLACE = timedelta(seconds=0.5)
LATEST = timedelta(minutes=15)
"""When a call in line is to ask again: half a second for each that is before it."""
OVERDUE = timedelta(minutes=1)
"""How late a call may be before others pass it."""
GIVEN_UP = timedelta(hours=1)
"""How late it may be before it loses its place, once the partner is not paused."""
CALL_WITHIN = timedelta(minutes=1)
"""How long a call takes at most that was let through."""

_WATCHED = text(
    """
    SELECT partner_id FROM partners WHERE paused_at IS NOT NULL
    UNION
    SELECT partner_id FROM held_calls
    """
)
_TAKE_PLACE = text(
    """
    WITH place AS (
        INSERT INTO held_calls (partner_id, call, first_asked_at, last_asked_at, asks_again_at)
        VALUES (
            :partner, :call, clock_timestamp(), clock_timestamp(), clock_timestamp() + :within
        )
        ON CONFLICT (partner_id, call) DO UPDATE SET last_asked_at = excluded.last_asked_at
        RETURNING first_asked_at
    )
    SELECT partners.paused_at IS NOT NULL AS is_paused, (
        SELECT count(*) FROM held_calls AS other
        WHERE other.partner_id = :partner
            AND (other.first_asked_at, other.call) < (place.first_asked_at, :call)
            AND other.asks_again_at > clock_timestamp() - :overdue
    ) AS ahead
    FROM place, partners WHERE partners.partner_id = :partner
    """
).bindparams(bindparam("within", type_=Interval), bindparam("overdue", type_=Interval))
_ASKS_AGAIN = text(
    """
    UPDATE held_calls SET asks_again_at = clock_timestamp() + :wait
    WHERE partner_id = :partner AND call = :call
    """
).bindparams(bindparam("wait", type_=Interval))
_GIVE_UP = text(
    """
    DELETE FROM held_calls
    WHERE partner_id = :partner AND asks_again_at < clock_timestamp() - :given_up
    """
).bindparams(bindparam("given_up", type_=Interval))
_LEAVE = text("DELETE FROM held_calls WHERE partner_id = :partner AND call = :call")


class HeldCalls:
    """The gate before every call to a partner; implements `activities.calls.CallGate`.

    Args:
        engine: PostgreSQL.
        at_once: calls let through together while a line lasts.
        soonest: when the first in line ask again.
        monotonic: a clock in seconds.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        at_once: int = AT_ONCE,
        soonest: timedelta = SOONEST,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._at_once = at_once
        self._soonest = soonest
        self._monotonic = monotonic
        self._watched: frozenset[str] = frozenset()
        self._looked_at = float("-inf")
        self._looking = asyncio.Lock()
        self._in_line: set[tuple[str, str]] = set()

    async def ask(self, partner: str, call: str) -> timedelta | None:
        """None where the call may go now, else how long it is to wait before it asks again.

        Raises:
            SQLAlchemyError, OSError: PostgreSQL is away: nobody knows whether the partner is
                paused, so the call is not made.
        """
        if partner not in await self._watched_now():
            return None
        async with self._engine.begin() as connection:
            asked = {"partner": partner, "call": call}
            times = {"within": CALL_WITHIN, "overdue": OVERDUE}
            place = (await connection.execute(_TAKE_PLACE, asked | times)).one()
            goes = not place.is_paused and place.ahead < self._at_once
            wait = CALL_WITHIN if goes else self._wait(place.ahead)
            await connection.execute(_ASKS_AGAIN, asked | {"wait": wait})
            if not place.is_paused:
                await connection.execute(_GIVE_UP, {"partner": partner, "given_up": GIVEN_UP})
        if not goes:
            return wait
        self._in_line.add((partner, call))
        return None

    async def leave(self, partner: str, call: str) -> None:
        """The call is over, however it ended; its place is free for the next.

        Where PostgreSQL is away the place is given up later, because it is not asked for again.
        """
        if (partner, call) not in self._in_line:
            return
        self._in_line.discard((partner, call))
        with contextlib.suppress(SQLAlchemyError, OSError, asyncpg.PostgresError):
            async with self._engine.begin() as connection:
                await connection.execute(_LEAVE, {"partner": partner, "call": call})

    def _wait(self, ahead: int) -> timedelta:
        return min(max(self._soonest, ahead * PER_PLACE), LATEST)

    async def _watched_now(self) -> frozenset[str]:
        async with self._looking:
            if self._monotonic() - self._looked_at >= LOOK_EVERY:
                async with self._engine.connect() as connection:
                    self._watched = frozenset(await connection.scalars(_WATCHED))
                self._looked_at = self._monotonic()
        return self._watched
