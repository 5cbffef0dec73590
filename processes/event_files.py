"""Reads partners' files of events, chunk by chunk, while what runs goes first.

A file is leased and opened; the next rows of it become events, get their outcomes and move the
file's progress, all in one transaction. A crash leaves the file as of its last chunk, and it is
taken up from there when its lease is over. After some chunks the next file has its turn. While many
events wait to be carried, reading pauses, so that nobody's events queue behind a whole file.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api.database import transaction
from api.event_file import FileReader, RowRefused
from api.partner_book import Sender
from api.problems import Unavailable
from processes.steps import now_and_then, until
from store.cohort_work import pressure
from store.event_file_work import (
    FileInHand,
    FileLease,
    SettledRow,
    give_back_file,
    hold_file,
    lease_file,
    put_back_file,
    settle_rows,
    take_file,
)
from store.event_files import FileRowOutcome
from store.inbox import Arrival, Received, Variant
from store.inbox_batches import receive_all
from store.row_errors import RowError
from store.vault import Vault

log = structlog.get_logger(__name__)

VARIANT_RULE = "event.one_body_an_id"
EVENTS_GO_FIRST = 500
"""So many waiting events, of one kind, and no row is read before they are fewer."""
LOOK_AGAIN = 0.1
ANSWER_WITHIN = timedelta(seconds=20)
"""How long PostgreSQL may take for one chunk; below a lease."""
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=10)
"""How long a file is left alone that fails by a fault of ours: at first, and at most."""

Read = tuple[int, Arrival | RowRefused]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class FilePace:
    """How files are read.

    `chunk` is the number of rows of one transaction, at most 1,000; after so many `chunks` the next
    file has its turn. `lease` is how long a file is held at most, `poll` how often to look where
    none waits. `gives_way` is how long a chunk gives way at most to waiting events.
    """

    chunk: int = 500
    chunks: int = 10
    lease: timedelta = timedelta(seconds=30)
    poll: timedelta = timedelta(seconds=0.5)
    gives_way: timedelta = timedelta(seconds=2)


class EventFileReader:
    """Reads files until it is told to stop.

    Args:
        engine: PostgreSQL; uses two connections.
        vault: opens what the door sealed.
        data_limit: bytes of an event's data that may enter a journey's history.
        pace: how fast.
        clock: gives the current time with an offset.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        vault: Vault,
        data_limit: int,
        pace: FilePace,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._engine = engine
        self._single = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._vault = vault
        self._data_limit = data_limit
        self._pace = pace
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Read files until `stop` is set; the chunk in hand is finished first."""

        async def step() -> bool:
            return await self.read_some(stop)

        await until(stop, step, now_and_then(stop, self._pace.poll.total_seconds()))

    async def read_some(self, stop: asyncio.Event | None = None) -> bool:
        """Read some chunks of the file whose turn it is; returns whether one waited.

        Raises:
            Unavailable: PostgreSQL is away; the file is taken up again after its lease.
        """
        async with self._single.connect() as connection:
            lease = await lease_file(connection, self._pace.lease)
        if lease is None:
            return False
        try:
            await self._read(lease, stop)
        except Unavailable:
            raise
        except Exception:
            log.exception("a file can't be read now", event_file=lease.file_id)
            async with self._single.connect() as connection:
                await put_back_file(connection, lease, FIRST_PAUSE, LONGEST_PAUSE)
        else:
            async with self._single.connect() as connection:
                await give_back_file(connection, lease)
        return True

    async def _read(self, lease: FileLease, stop: asyncio.Event | None) -> None:
        async with transaction(self._engine, ANSWER_WITHIN) as connection:
            file = await take_file(connection, lease)
        if file is None:
            return
        rows = await asyncio.to_thread(self._rows_of, file)
        read_to = file.read_to
        for _ in range(self._pace.chunks):
            if stop is not None and stop.is_set():
                return
            chunk = await asyncio.to_thread(_next, rows, self._pace.chunk)
            if not chunk:
                return
            await self._give_way()
            if not await self._settle(lease, read_to, chunk):
                return
            read_to = chunk[-1][0]

    def _rows_of(self, file: FileInHand) -> Iterator[Read]:
        content = self._vault.unseal(file.sealed, file.lease.file_id)
        sender = Sender(file.partner, file.partner_kind, ())
        reader = FileReader(
            content, file.mapping, file.source, sender, self._vault, self._data_limit
        )
        return reader.rows(after=file.read_to)

    async def _give_way(self) -> None:
        """Wait until few events wait to be carried, or this chunk has waited long enough."""
        loop = asyncio.get_running_loop()
        gives_way_until = loop.time() + self._pace.gives_way.total_seconds()
        while loop.time() < gives_way_until:
            async with self._single.connect() as connection:
                if (await pressure(connection, timedelta())).events < EVENTS_GO_FIRST:
                    return
            await asyncio.sleep(LOOK_AGAIN)

    async def _settle(self, lease: FileLease, read_to: int, chunk: Sequence[Read]) -> bool:
        """Settle the rows that follow a line; False where somebody else has the file by now."""
        async with transaction(self._engine, ANSWER_WITHIN) as connection:
            if await hold_file(connection, lease, self._pace.lease) != read_to:
                return False
            now = self._clock()
            rows = await self._take_in(connection, chunk, now)
            await settle_rows(connection, lease, rows, now)
        return True

    async def _take_in(
        self, connection: AsyncConnection, chunk: Sequence[Read], now: datetime
    ) -> list[SettledRow]:
        arrivals = [read for _, read in chunk if isinstance(read, Arrival)]
        received = iter(
            await receive_all(connection, self._vault, arrivals, now) if arrivals else ()
        )
        return [
            SettledRow(line, FileRowOutcome.REFUSED, errors=read.errors)
            if isinstance(read, RowRefused)
            else _settled(line, read, next(received))
            for line, read in chunk
        ]


def _next(rows: Iterator[Read], count: int) -> list[Read]:
    return list(itertools.islice(rows, count))


def _settled(line: int, arrival: Arrival, received: Received | Variant) -> SettledRow:
    if isinstance(received, Variant):
        log.warning(
            "event_variant",
            partner=arrival.partner,
            receipt=received.receipt,
            original=received.original,
        )
        told = "another event came under this id; a correction has a new id and supersedes the old"
        return SettledRow(
            line,
            FileRowOutcome.REFUSED,
            event_id=arrival.event_id,
            receipt=received.receipt,
            original=received.original,
            errors=(RowError(field="event_id", rule=VARIANT_RULE, message=told),),
        )
    return SettledRow(
        line,
        FileRowOutcome.REPEATED if received.repeat else FileRowOutcome.SENT,
        event_id=arrival.event_id,
        receipt=received.receipt,
        original=received.original,
    )
