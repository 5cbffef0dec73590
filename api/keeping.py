"""Keeping single events: those of one partner that come at the same time share one statement.

Each is still answered after the commit of what holds it, and none waits for a clock: an event that
comes alone is kept at once, and those that come while a partner's last are being kept go together.
Where PostgreSQL does not answer, all that wait by then are refused, so that nobody waits for long.
Partners don't share, so that nobody waits for another's locks.
"""

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine

from api.database import statement
from api.dependencies import ApiDependencies
from api.problems import Unavailable
from store.inbox import Arrival, Received, Variant, receive
from store.inbox_batches import take_all

MOST_TOGETHER = 64

_Waiting = list[tuple[Arrival, asyncio.Future[Received | Variant]]]


class Keeping:
    """The events of each partner that wait to be kept.

    Args:
        single: an engine with the isolation level AUTOCOMMIT.
    """

    def __init__(self, single: AsyncEngine, deps: ApiDependencies) -> None:
        self._single = single
        self._deps = deps
        self._waiting: dict[str, _Waiting] = {}
        self._at_work: set[asyncio.Task[None]] = set()

    async def keep(self, arrival: Arrival) -> Received | Variant:
        """Keep an event; returns once it is committed.

        Raises:
            Unavailable: PostgreSQL is away or slow. It may have been kept all the same.
        """
        future: asyncio.Future[Received | Variant] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.get(arrival.partner)
        if waiting is not None:
            waiting.append((arrival, future))
            return await future
        self._waiting[arrival.partner] = [(arrival, future)]
        task = asyncio.create_task(self._work_off(arrival.partner))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)
        return await future

    async def _work_off(self, partner: str) -> None:
        waiting = self._waiting[partner]
        try:
            while waiting:
                together, waiting[:] = waiting[:MOST_TOGETHER], waiting[MOST_TOGETHER:]
                fault = await self._keep(together)
                if isinstance(fault, Unavailable):
                    _refuse(waiting, fault)
                    waiting.clear()
        finally:
            del self._waiting[partner]

    async def _keep(self, together: _Waiting) -> Exception | None:
        """Answer those that wait; returns why they could not be kept."""
        try:
            kept = await self._commit([arrival for arrival, _ in together])
        except Exception as fault:
            _refuse(together, fault)
            return fault
        for (_, future), outcome in zip(together, kept, strict=True):
            if not future.done():
                future.set_result(outcome)
        return None

    async def _commit(self, arrivals: list[Arrival]) -> tuple[Received | Variant, ...]:
        vault, now = self._deps.vault, self._deps.clock()
        async with statement(self._single, self._deps.limits.database_answer) as connection:
            if len(arrivals) == 1:
                return (await receive(connection, vault, arrivals[0], now),)
            return await take_all(connection, vault, arrivals, now)


def _refuse(waiting: _Waiting, fault: Exception) -> None:
    for _, future in waiting:
        if not future.done():
            future.set_exception(_again(fault))


def _again(fault: Exception) -> Exception:
    """The fault for one of several who wait; each raises a problem of its own."""
    return Unavailable(fault.detail) if isinstance(fault, Unavailable) else fault
