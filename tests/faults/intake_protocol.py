"""The intake protocol as its participants see it, each of which can crash after each write.

Senders, the door, relays and a journey take single steps on a real database. A journey is the real
mailroom and journal on what Temporal keeps of it: the signals that it was sent, and the memory that
its run began with. A worker that crashes loses the rest and works it out anew.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncTransaction

from domain.events import EventType
from domain.journal import ReceiptStatus, SharedReference
from domain.lifecycle import EntryKind
from domain.policy import Policy
from domain.stages import State, StuckCause, Turn
from store.inbox import Arrival, Received, receive
from store.mailbox import Mail, delivered, lease_mail
from store.records import PostgresJournal
from store.sorting import sort
from tests.store.samples import CENTER, an_event
from tests.vault import VAULT
from tests.workflows.carrying import default_policy
from workflows.journal import Journal
from workflows.mail import Mailroom
from workflows.memory import JourneyMemory
from workflows.waits import Fact, Wait

BEGAN = datetime(2026, 3, 2, tzinfo=UTC)
HELD, LOST = timedelta(seconds=30), timedelta(seconds=-1)
SOURCE = f"/partners/{CENTER}"
WANTED = Wait(
    key="plan",
    events=(EventType.CREDIT_RECOGNIZED,),
    cause=StuckCause.STAFF_IDLE,
    turn=Turn.STAFF,
)


class Planted(Enum):
    """Bugs that somebody could make, for the search to find."""

    ACKNOWLEDGE_BEFORE_COMMIT = auto()
    FORGET_SEEN_AT_CONTINUE_AS_NEW = auto()
    CURSOR_BY_SERIAL = auto()


@dataclass
class Underway:
    """A request at the door: written, and not yet committed."""

    event: Arrival
    connection: AsyncConnection
    transaction: AsyncTransaction


@dataclass
class Run:
    """What Temporal keeps of a journey's run: its input and what it was sent since."""

    memory: str
    signals: list[Mail] = field(default_factory=list)


class Worked:
    """A journey in a worker's memory; worked out from its run, step by step."""

    def __init__(self, journey_id: str, run: Run, policy: Policy) -> None:
        self.run = run
        self.memory = JourneyMemory.model_validate_json(run.memory)
        self.journal = Journal(journey_id, self.memory, lambda: BEGAN)
        self.mailroom = Mailroom(self.memory, self.journal, policy, in_service=False)
        self.heard = 0

    def hear_next(self) -> bool:
        """Sort one signal and act on what it brought; False where none is left."""
        if self.heard == len(self.run.signals):
            return False
        for delivery in self.run.signals[self.heard].deliveries:
            self.mailroom.sort(delivery, BEGAN)
        self.heard += 1
        while (fact := self.mailroom.pick(WANTED)) is not None:
            self._apply(fact)
        return True

    def _apply(self, fact: Fact) -> None:
        self.journal.note(EntryKind.FACT_RECORDED, heard=fact, detail="a module is credited")


class IntakeProtocol:
    """The participants' steps, and what must hold whatever they do and whoever crashes."""

    def __init__(
        self, engine: AsyncEngine, journey_id: str, planted: Planted | None, events: int
    ) -> None:
        self.engine = engine
        self.single = engine.execution_options(isolation_level="AUTOCOMMIT")
        self.record_to = PostgresJournal(engine)
        self.journey_id = journey_id
        self.planted = planted
        self.policy = default_policy()
        self.refs = [f"{journey_id}-{number}" for number in range(2)]
        subjects = [journey_id, *self.refs]
        self.events = [
            an_event(
                subjects[number % len(subjects)],
                source=SOURCE,
                partner=CENTER,
                event_id=f"{journey_id}-ev-{number}",
                type=EventType.CREDIT_RECOGNIZED.cloud_type,
                data={"modules": [f"module-{number}"]},
            )
            for number in range(events)
        ]
        self.acknowledged: set[str] = set()
        self.underway: list[Underway] = []
        self.hands: list[Mail] = []
        self.shared: set[str] = set()
        self.cursor = 0
        memory = JourneyMemory(state=State.PLANNING)
        self.run = Run(memory.model_dump_json())
        self.worked = Worked(journey_id, self.run, self.policy)
        self.applied_before: set[str] = set()

    # -- the door -------------------------------------------------------------------------------

    async def send(self, number: int) -> None:
        """A sender's request is written, and not yet committed."""
        event = self.events[number]
        if event.event_id in [each.event.event_id for each in self.underway]:
            return
        connection = await self.engine.connect()
        transaction = await connection.begin()
        answer = await receive(connection, VAULT, event, datetime.now(UTC))
        assert isinstance(answer, Received)
        if self.planted is Planted.ACKNOWLEDGE_BEFORE_COMMIT:
            self.acknowledged.add(event.event_id)
        self.underway.append(Underway(event, connection, transaction))

    async def commit(self, number: int, *, answered: bool) -> None:
        """It is committed, and answered, save where the door crashes in between."""
        if number >= len(self.underway):
            return
        request = self.underway.pop(number)
        await request.transaction.commit()
        await request.connection.close()
        if answered:
            self.acknowledged.add(request.event.event_id)

    async def crash_door(self) -> None:
        """Every request under way is gone, and nobody was answered."""
        for request in self.underway:
            await request.transaction.rollback()
            await request.connection.close()
        self.underway.clear()

    # -- the relay ------------------------------------------------------------------------------

    async def sort(self) -> None:
        async with self.engine.begin() as connection:
            await sort(connection, 100)

    async def lease(self, *, held: bool) -> None:
        """A relay leases what waits; `held` False where it is so slow that the lease runs out."""
        async with self.single.connect() as connection:
            mails = await lease_mail(connection, VAULT, 10, HELD if held else LOST)
            if self.planted is Planted.CURSOR_BY_SERIAL:
                mails = await self._only_past_the_cursor(connection, mails)
        self.hands += mails

    async def _only_past_the_cursor(
        self, connection: AsyncConnection, mails: tuple[Mail, ...]
    ) -> tuple[Mail, ...]:
        """What a relay sees that remembers the highest serial it has read."""
        rows = await connection.execute(
            text("SELECT receipt, arrival FROM inbox WHERE journey_id = :id"),
            {"id": self.journey_id},
        )
        arrival = {row.receipt: row.arrival for row in rows}
        seen = tuple(
            Mail(
                mail.journey_id,
                mail.token,
                tuple(each for each in mail.deliveries if arrival[each.receipt] > self.cursor),
            )
            for mail in mails
        )
        read = [arrival[each.receipt] for mail in seen for each in mail.deliveries]
        self.cursor = max([self.cursor, *read])
        return seen

    async def signal(self, number: int) -> None:
        """A relay signals, and crashes or lives on; Temporal keeps the signal."""
        if number < len(self.hands):
            self.run.signals.append(self.hands[number])

    async def mark(self, number: int) -> None:
        """A relay signals, marks what it handed over, and gives its lease back."""
        if number < len(self.hands):
            mail = self.hands.pop(number)
            self.run.signals.append(mail)
            async with self.single.connect() as connection:
                await delivered(connection, [mail])

    def crash_relays(self) -> None:
        self.hands.clear()

    # -- the journey ----------------------------------------------------------------------------

    async def work(self, *, recorded: bool) -> None:
        """The journey acts on its next signal; its worker crashes before the record, or after."""
        if not self.worked.hear_next():
            return
        if recorded:
            await self._record()
        else:
            self.crash_worker()

    async def _record(self) -> None:
        self.worked.mailroom.tell_kept()
        await self.record_to.record(self.worked.journal.take_batch(None))

    async def share(self, number: int) -> None:
        """The journey shares a reference with its partner from now on, and records it."""
        await self._catch_up()
        ref = self.refs[number]
        if ref in self.shared:
            return
        self.shared.add(ref)
        batch = self.worked.journal.take_batch(None)
        shared = SharedReference(ref=ref, partner=CENTER)
        await self.record_to.record(batch.model_copy(update={"references": (shared,)}))

    def crash_worker(self) -> None:
        """The next worker works it out anew; what it records again is known by its sequence."""
        self.worked = Worked(self.journey_id, self.run, self.policy)

    async def continue_as_new(self) -> None:
        """A new run begins with the memory of the one before, and with nothing else."""
        await self._catch_up()
        memory = self.worked.memory
        if self.planted is Planted.FORGET_SEEN_AT_CONTINUE_AS_NEW:
            memory.seen.clear()
            memory.known_facts.clear()
        self.run = Run(memory.model_dump_json())
        self.crash_worker()

    async def _catch_up(self) -> None:
        while self.worked.hear_next():
            await self._record()

    # -- what must hold -------------------------------------------------------------------------

    async def check(self) -> None:
        """Nothing acknowledged is lost, nothing is applied twice, nothing applied is taken back."""
        status, effects = await self._inbox(), await self._effects()
        lost = self.acknowledged - status.keys()
        assert not lost, f"acknowledged, and not in the inbox: {sorted(lost)}"
        doubled = {event for event, times in effects.items() if times > 1}
        assert not doubled, f"applied more than once: {sorted(doubled)}"
        applied = {event for event, became in status.items() if became == ReceiptStatus.APPLIED}
        assert self.applied_before <= applied, "what was applied is no longer"
        self.applied_before = applied

    async def drain(self) -> None:
        """Everybody who crashed is back, and works until nothing is left to do."""
        await self.crash_door()
        self.crash_relays()
        self.crash_worker()
        async with self.engine.begin() as connection:
            await connection.execute(
                text("UPDATE mailboxes SET leased_until = '-infinity' WHERE journey_id = :id"),
                {"id": self.journey_id},
            )
        await self.sort()
        await self.lease(held=True)
        while self.hands:
            await self.mark(0)
        await self._catch_up()
        await self.check()
        status, effects = await self._inbox(), await self._effects()
        for event in self.events:
            if event.event_id not in self.acknowledged:
                continue
            known = event.subject == self.journey_id or event.subject in self.shared
            ends = ReceiptStatus.APPLIED if known else ReceiptStatus.QUARANTINED
            assert status[event.event_id] == ends, f"{event.event_id}: {status[event.event_id]}"
            assert effects[event.event_id] == int(known), f"{event.event_id} has no effect"

    async def leave(self) -> None:
        """Leave nothing for the relays of the next search."""
        async with self.engine.begin() as connection:
            await connection.execute(
                text(
                    "DELETE FROM inbox_repeats WHERE original IN "
                    "(SELECT receipt FROM inbox WHERE event_id = ANY(:ids))"
                ),
                {"ids": [event.event_id for event in self.events]},
            )
            await connection.execute(
                text("DELETE FROM inbox WHERE event_id = ANY(:ids)"),
                {"ids": [event.event_id for event in self.events]},
            )

    async def _inbox(self) -> dict[str, str]:
        async with self.engine.connect() as connection:
            rows = await connection.execute(
                text("SELECT event_id, status FROM inbox WHERE event_id = ANY(:ids)"),
                {"ids": [event.event_id for event in self.events]},
            )
            return {row.event_id: row.status for row in rows}

    async def _effects(self) -> Counter[str]:
        """How often each event was applied, by the journal."""
        async with self.engine.connect() as connection:
            rows = await connection.execute(
                text(
                    "SELECT inbox.event_id FROM journal JOIN inbox ON inbox.receipt = "
                    "journal.receipt WHERE journal.journey_id = :id AND kind = 'fact_recorded'"
                ),
                {"id": self.journey_id},
            )
            return Counter(row.event_id for row in rows)
