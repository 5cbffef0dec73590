"""Opens the journeys of cohorts, row by row, while running journeys go first.

A row is leased, then opened and settled in one transaction: a crash leaves it as it was, and it is
taken up again when its lease is over. Two relays share the rows out.

Running journeys go first. While many events wait to be carried, or many starts, no row is opened
for a while, so that a single opening never queues behind thousands. And one journey begins at a
time, after which the others have the house to themselves for as long as that took, or a multiple of
it. A first line goes the way of every event, through relay, Temporal, worker and PostgreSQL: where
any of them is busy it comes late, and the next row waits the longer.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api.cohort_rows import FORM_RULE, RowRefused, opening_of_row
from api.database import transaction
from api.opening import open_asked
from api.problems import Problem, Unavailable
from api.row_errors import row_errors
from api.tokens import Caller
from domain.catalog import Catalog
from domain.commands import Role
from policies.loader import Policies
from processes.relay_pace import Meter
from processes.steps import now_and_then, until
from store.cohort_work import (
    RowInHand,
    RowLease,
    any_open,
    lease_rows,
    not_begun,
    pressure,
    put_back_rows,
    row_opened,
    row_refused,
    take_row,
)
from store.cohorts import about
from store.vault import Vault

log = structlog.get_logger(__name__)

EVENTS_GO_FIRST = 100
"""So many waiting events, of one kind, and no row is opened before they are fewer."""
STARTS_GO_FIRST = 40
"""So many journeys that wait to be started: two seconds of a relay at its usual pace."""
BEGINS_WITHIN = timedelta(seconds=60)
"""A journey that has written nothing for so long no longer counts as a beginner: it is stuck."""
LOOK_AGAIN = 0.05
LONGEST_REST = 2.0
"""Seconds after a beginner's first line; where that took longer, rows are far apart already."""
ANSWER_WITHIN = timedelta(seconds=10)
"""How long PostgreSQL may take for one row; below a lease."""
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=10)
"""How long a row is left alone that fails by a fault of ours: at first, and at most."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class OpeningRules:
    """What rows are checked against when they are opened; see `api.opening.Rules`."""

    catalog: Catalog
    policies: Policies
    clock: Callable[[], datetime] = _now


@dataclass(frozen=True)
class CohortPace:
    """How fast rows are opened, by this relay; several add up.

    `batch` is the number of rows leased at a time, `lease` how long they are held at most, `poll`
    how often to look where none waits. `gives_way` is how long rows give way at most to events and
    to the beginners of others; then one is opened all the same. To starts they give way for as long
    as it takes: what is opened can't run before those. `beginners` is how many journeys begin at a
    time, that is, may be without their first line for a further row to be opened; when it has come,
    none is opened for `rests` times as long as it took.
    """

    rows_per_second: float = 20.0
    batch: int = 20
    lease: timedelta = timedelta(seconds=30)
    poll: timedelta = timedelta(seconds=0.5)
    gives_way: timedelta = timedelta(seconds=2)
    beginners: int = 1
    rests: float = 2.0


class CohortOpener:
    """Opens rows until it is told to stop.

    Args:
        engine: PostgreSQL; uses two connections.
        vault: opens what the door sealed.
        rules: as of now; a change of the files needs a new process.
        pace: how fast.
    """

    def __init__(
        self, engine: AsyncEngine, vault: Vault, rules: OpeningRules, pace: CohortPace
    ) -> None:
        self._engine = engine
        self._single = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._vault = vault
        self._rules = rules
        self._pace = pace
        self._meter = Meter(pace.rows_per_second)
        self._beginning: list[str] = []
        self._opened_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Open rows until `stop` is set; the row in hand is finished first."""
        await until(stop, self.open_rows, now_and_then(stop, self._pace.poll.total_seconds()))

    async def open_rows(self) -> bool:
        """Open some rows, as many as the meter lets through; returns whether any waited.

        Raises:
            Unavailable: PostgreSQL is away; leased rows are taken up again after their lease.
        """
        if self._beginning:
            await self._rest()
            return True
        async with self._single.connect() as connection:
            if not await any_open(connection):
                return False
        allowed = self._meter.take(self._pace.batch)
        if allowed == 0:
            await asyncio.sleep(self._meter.next_in)
            return True
        may_go = await self._give_way(allowed)
        async with self._single.connect() as connection:
            leases = await lease_rows(connection, may_go, self._pace.lease) if may_go else ()
        self._meter.give_back(allowed - len(leases))
        for lease in leases:
            await self._open_or_put_back(lease)
        self._opened_at = asyncio.get_running_loop().time()
        return bool(leases)

    async def _rest(self) -> None:
        """Let the last rows' journeys begin; then wait in proportion to how long they took."""
        async with self._single.connect() as connection:
            beginners = await not_begun(connection, self._beginning, BEGINS_WITHIN)
        wait = LOOK_AGAIN
        if beginners < self._pace.beginners:
            took = asyncio.get_running_loop().time() - self._opened_at
            wait = min(LONGEST_REST, took * self._pace.rests)
            self._beginning = []
        await asyncio.sleep(wait)

    async def _give_way(self, allowed: int) -> int:
        """How many rows may go, once those who go first have had their time."""
        loop = asyncio.get_running_loop()
        gives_way_until = loop.time() + self._pace.gives_way.total_seconds()
        while True:
            async with self._single.connect() as connection:
                waiting = await pressure(connection, BEGINS_WITHIN)
            is_free = waiting.starts < STARTS_GO_FIRST
            room = self._pace.beginners - waiting.beginners
            if is_free and room > 0 and waiting.events < EVENTS_GO_FIRST:
                return min(allowed, room)
            if loop.time() >= gives_way_until:
                return int(is_free)
            await asyncio.sleep(LOOK_AGAIN)

    async def _open_or_put_back(self, lease: RowLease) -> None:
        try:
            async with transaction(self._engine, ANSWER_WITHIN) as connection:
                row = await take_row(connection, self._vault, lease)
                opened = await self._settle(connection, row) if row is not None else None
        except Unavailable:
            raise
        except Exception:
            log.exception("a row can't be opened now", cohort=lease.cohort_id, line=lease.line)
            async with self._single.connect() as connection:
                await put_back_rows(connection, [lease], FIRST_PAUSE, LONGEST_PAUSE)
        else:
            if opened is not None:
                self._beginning.append(opened)

    async def _settle(self, connection: AsyncConnection, row: RowInHand) -> str | None:
        """The journey that the row has opened; None where it is refused."""
        caller = Caller(row.by.id, Role(row.by.role), region=row.region)
        now = self._rules.clock()
        try:
            opening = opening_of_row(row.body, caller, self._rules)
            async with connection.begin_nested():
                journey_id = await open_asked(
                    connection,
                    self._vault,
                    opening,
                    caller,
                    now,
                    of=about(row.lease.cohort_id, row.lease.line),
                )
        except RowRefused as refused:
            await row_refused(connection, row.lease, refused.errors, now)
            return None
        except Problem as problem:
            if problem.retryable:
                raise
            await row_refused(connection, row.lease, row_errors(problem.errors, FORM_RULE), now)
            return None
        await row_opened(connection, row.lease, journey_id, now)
        return journey_id
