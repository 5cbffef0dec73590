"""The relay: carries what PostgreSQL has accepted to the journeys in Temporal.

Events go before starts. Several relays work side by side: a journey's mail and a start line are
leased, and no transaction is open while Temporal is asked. Whatever fails is left in PostgreSQL
and tried again, so what was accepted is carried out as soon as both servers are there.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from datetime import timedelta
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from processes.relay_calls import Answer, ask_all, signal, start_run
from processes.relay_pace import Meter, Pace
from processes.relay_refusals import deliver_singly
from processes.steps import TemporalAway, now_and_then, until
from store.attendance import fold
from store.hints import Hints
from store.inbox import INTAKE_CHANNEL
from store.late import close_late, take_back_unread
from store.mailbox import Mail, delivered, lease_mail, put_back
from store.outbox import Start, give_back_starts, lease_starts, started
from store.sorting import sort
from store.vault import Vault
from store.waiting import what_waits

log = structlog.get_logger(__name__)

SIGNALS_AT_ONCE = 16
STARTS_AT_ONCE = 8
STARTS_GIVE_WAY = 2.0
"""Seconds that starts wait for the events to be carried first, before some go all the same."""
UNREAD_AFTER = timedelta(seconds=60)
"""How long after a journey's end what it never settled is offered again, to become late."""
LOOK_FOR_UNREAD_EVERY = 15.0


class Relay:
    """Carries events and starts until it is told to stop.

    Args:
        engine: PostgreSQL; needs a pool of at least four connections.
        client: Temporal, with the pydantic data converter; it may be away.
        vault: opens what the door sealed.
        pace: how fast.
    """

    def __init__(self, engine: AsyncEngine, client: Client, vault: Vault, pace: Pace) -> None:
        self._engine = engine
        self._single = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._client = client
        self._vault = vault
        self._pace = pace
        self._meter = Meter(pace.starts_per_second)
        self._caught_up = asyncio.Event()
        self._new_start = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Carry until `stop` is set; what is in hand then is finished first."""
        async with Hints(self._engine, INTAKE_CHANNEL) as hints:

            async def wait_for_hint() -> None:
                await hints.wait(self._pace.poll.total_seconds())
                self._new_start.set()

            async def wake_at_stop() -> None:
                await stop.wait()
                hints.give()
                self._new_start.set()
                self._caught_up.set()

            seldom = now_and_then(stop, LOOK_FOR_UNREAD_EVERY)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(wake_at_stop())
                tasks.create_task(until(stop, self.carry_events, wait_for_hint))
                tasks.create_task(until(stop, self.carry_starts, self._wait_for_start))
                tasks.create_task(until(stop, self.offer_unread_again, seldom))

    async def carry_events(self) -> bool:
        """Sort, fold and deliver a batch of what waits; returns whether there may be more.

        Raises:
            TemporalAway: nothing of the batch is lost; it is left for later.
        """
        batch = self._pace.batch
        async with self._single.connect() as connection:
            waiting = await what_waits(connection)
        settled = 0
        if waiting.unsorted:
            async with self._engine.begin() as connection:
                settled = await sort(connection, batch)
        if waiting.to_fold:
            async with self._engine.begin() as connection:
                settled = max(settled, await fold(connection, self._vault, batch))
        mails: tuple[Mail, ...] = ()
        if waiting.to_deliver or settled:
            async with self._single.connect() as connection:
                mails = await lease_mail(connection, self._vault, batch, self._pace.lease)
            await self._deliver(mails)
        if max(settled, len(mails)) < batch:
            self._caught_up.set()
        else:
            self._caught_up.clear()
        return bool(settled or mails)

    async def carry_starts(self) -> bool:
        """Start some journeys, as many as the meter lets through; returns whether any waited.

        Raises:
            TemporalAway: nothing is lost; the lines are left for later.
        """
        await self._give_way()
        allowed = self._meter.take(self._pace.batch)
        if allowed == 0:
            await asyncio.sleep(self._meter.next_in)
            return True
        async with self._single.connect() as connection:
            starts = await lease_starts(connection, allowed, self._pace.lease)
        self._meter.give_back(allowed - len(starts))
        if starts:
            await self._start(starts)
        return bool(starts)

    async def offer_unread_again(self) -> bool:
        """Take back what ended journeys were signaled and never settled; always returns False."""
        async with self._single.connect() as connection:
            await take_back_unread(connection, UNREAD_AFTER)
        return False

    async def _deliver(self, mails: Iterable[Mail]) -> None:
        answers = await ask_all(mails, partial(signal, self._client), SIGNALS_AT_ONCE)
        done = [mail for mail, answer in answers if answer is Answer.DONE]
        if done:
            async with self._single.connect() as connection:
                await delivered(connection, done)
        for mail, answer in answers:
            if answer is Answer.NO_SUCH_RUN:
                await self._settle_without_run(mail)
            elif answer is Answer.INVALID:
                await deliver_singly(self._engine, self._client, self._pace, mail)
        await self._put_back(answers, Answer.REFUSED, self._pace.odd_ones_wait)
        if await self._put_back(answers, Answer.AWAY, timedelta(0)):
            raise TemporalAway

    async def _put_back(
        self, answers: list[tuple[Mail, Answer]], which: Answer, pause: timedelta
    ) -> bool:
        mails = [mail for mail, answer in answers if answer is which]
        if mails:
            async with self._single.connect() as connection:
                await put_back(connection, mails, pause)
        return bool(mails)

    async def _settle_without_run(self, mail: Mail) -> None:
        """The journey has ended, or, which nobody but an operator can bring about, is gone."""
        async with self._engine.begin() as connection:
            late = await close_late(connection, mail)
            if not late:
                await put_back(connection, [mail], self._pace.odd_ones_wait)
        if not late:
            log.warning("open journey without a run; its mail waits", journey=mail.journey_id)

    async def _start(self, starts: Iterable[Start]) -> None:
        answers = await ask_all(starts, partial(start_run, self._client), STARTS_AT_ONCE)
        by_answer: dict[Answer, list[Start]] = {answer: [] for answer in Answer}
        for start, answer in answers:
            by_answer[answer].append(start)
        async with self._single.connect() as connection:
            if by_answer[Answer.DONE]:
                await started(connection, by_answer[Answer.DONE])
            odd = [
                start
                for answer in (Answer.INVALID, Answer.REFUSED, Answer.NO_SUCH_RUN)
                for start in by_answer[answer]
            ]
            if odd:
                await give_back_starts(connection, odd, self._pace.odd_ones_wait)
            if by_answer[Answer.AWAY]:
                await give_back_starts(connection, by_answer[Answer.AWAY], timedelta(0))
        if by_answer[Answer.AWAY]:
            raise TemporalAway

    async def _give_way(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._caught_up.wait(), STARTS_GIVE_WAY)

    async def _wait_for_start(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._new_start.wait(), self._pace.poll.total_seconds())
        self._new_start.clear()
