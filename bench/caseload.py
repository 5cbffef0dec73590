"""Watches the caseload as PostgreSQL tells of it: who waits for what, and when it was seen."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

import asyncpg
from sqlalchemy.engine import make_url

from domain.events import EventType
from store.records import CASELOAD_CHANNEL

_CASES = "SELECT journey_id, state, awaited, outcome FROM journeys WHERE journey_id = ANY($1)"
_SETTLED = (
    "SELECT receipt FROM inbox WHERE journey_id = ANY($1) AND type <> $2 "
    "AND status NOT IN ('received', 'delivered', 'quarantined')"
)


@dataclass(frozen=True)
class Case:
    """A line of the caseload."""

    state: str
    awaited: tuple[str, ...]
    outcome: str | None


Wanted = Callable[[Case], bool]


async def connect(database_url: str) -> "asyncpg.Connection[asyncpg.Record]":
    """A connection of asyncpg's own to a SQLAlchemy address."""
    url = make_url(database_url)
    host = str(url.query.get("host", url.host))
    return await asyncpg.connect(user=url.username, database=url.database, host=host)


class Caseload:
    """Looks at a journey's line whenever PostgreSQL tells that it changed.

    A journey's record writes its line and settles its events' receipts in one transaction: an
    event is visible when its receipt is first read as settled. Attendance, which the relay folds,
    changes no line and is left out.

    Args:
        database_url: the SQLAlchemy address of the database.
        receipts: whether to look at receipts as well.
    """

    def __init__(self, database_url: str, *, receipts: bool = False) -> None:
        self._database_url = database_url
        self._receipts = receipts
        self._changed: set[str] = set()
        self._news = asyncio.Event()
        self._cases: dict[str, Case] = {}
        self._waiting: dict[str, tuple[Wanted, asyncio.Future[Case]]] = {}
        self.seen_at: dict[str, float] = {}
        """Receipt → when it was first seen as settled, in seconds since the epoch."""

    async def __aenter__(self) -> "Caseload":
        self._listening = await connect(self._database_url)
        self._reading = await connect(self._database_url)
        await self._listening.add_listener(CASELOAD_CHANNEL, self._told)
        self._looking = asyncio.create_task(self._look())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._looking.cancel()
        await asyncio.gather(self._looking, return_exceptions=True)
        self._listening.terminate()
        self._reading.terminate()

    async def until(self, journey_id: str, wanted: Wanted, within: float) -> Case:
        """The journey's line once it is as wanted.

        Raises:
            TimeoutError: it did not come to that within so many seconds; it says where it stands.
        """
        known = self._cases.get(journey_id)
        if known is not None and wanted(known):
            return known
        future: asyncio.Future[Case] = asyncio.get_running_loop().create_future()
        self._waiting[journey_id] = (wanted, future)
        self._told(None, 0, "", journey_id)
        try:
            async with asyncio.timeout(within):
                return await future
        except TimeoutError:
            stands = self._cases.get(journey_id)
            raise TimeoutError(
                f"{journey_id} still stands at {stands} after {within:g} s"
            ) from None
        finally:
            self._waiting.pop(journey_id, None)

    def _told(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self._changed.add(str(payload))
        self._news.set()

    async def _look(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            changed, self._changed = list(self._changed), set()
            if self._receipts:
                await self._look_at_receipts(changed)
            for row in await self._reading.fetch(_CASES, changed):
                case = Case(row["state"], tuple(row["awaited"]), row["outcome"])
                self._cases[row["journey_id"]] = case
                self._answer(row["journey_id"], case)

    async def _look_at_receipts(self, changed: list[str]) -> None:
        attendance = EventType.ATTENDANCE_SUMMARY.cloud_type
        rows = await self._reading.fetch(_SETTLED, changed, attendance)
        now = time.time()
        for row in rows:
            self.seen_at.setdefault(row["receipt"], now)

    def _answer(self, journey_id: str, case: Case) -> None:
        wanted, future = self._waiting.get(journey_id, (None, None))
        if wanted is not None and future is not None and not future.done() and wanted(case):
            future.set_result(case)
