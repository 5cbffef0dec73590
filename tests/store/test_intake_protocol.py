"""The intake protocol, searched: send, repeat, sort, lease, signal, mark, record, in any order.

A relay's crash is a hand that never signals or never marks; a slow relay is one that does so long
after its lease ran out. The journey keeps what it has seen, as the real one does.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.journal import ReceiptStatus, ReceiptUpdate, SharedReference
from store.inbox import Arrival, Received, receive
from store.mailbox import Mail, delivered, lease_mail
from store.records import PostgresJournal
from store.sorting import sort
from tests.store.samples import PROVIDER, a_batch, an_event, now, running
from tests.vault import VAULT

REFERENCES = 3
EVENTS = 6
HELD = timedelta(seconds=30)
LOST = timedelta(seconds=-1)

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(0, EVENTS - 1)),
        st.tuples(st.just("share"), st.integers(0, REFERENCES - 1)),
        st.tuples(st.just("sort"), st.integers(1, 3)),
        st.tuples(st.just("lease"), st.integers(0, 1)),
        st.tuples(st.just("signal"), st.integers(0, 5)),
        st.tuples(st.just("mark"), st.integers(0, 5)),
        st.tuples(st.just("record"), st.integers(0, 1)),
    ),
    max_size=50,
)


@dataclass
class Journey:
    """What the workflow remembers: receipts seen, what each did, what is not recorded yet."""

    id: str
    sequence: int = 0
    seen: list[str] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)

    def hear(self, mail: Mail) -> None:
        for delivery in mail.deliveries:
            if delivery.receipt not in self.seen:
                self.seen.append(delivery.receipt)
                self.unrecorded.append(delivery.receipt)


class Intake:
    """One run of the protocol, step by step, with everything that was told to senders."""

    def __init__(self, engine: AsyncEngine, journey: Journey) -> None:
        self.engine = engine
        self.single = engine.execution_options(isolation_level="AUTOCOMMIT")
        self.journal = PostgresJournal(engine)
        self.journey = journey
        subjects = [journey.id, *(f"EN-{journey.id}-{n}" for n in range(REFERENCES))]
        self.references = subjects[1:]
        self.shared: set[str] = set()
        self.events: list[Arrival] = [an_event(subjects[n % len(subjects)]) for n in range(EVENTS)]
        self.first_receipts: dict[str, str] = {}
        self.repeats = 0
        self.hands: list[Mail] = []

    async def take(self, step: str, number: int) -> None:
        await {
            "send": self.send,
            "share": self.share,
            "sort": self.sort,
            "lease": self.lease,
            "signal": self.signal,
            "mark": self.mark,
            "record": self.record,
        }[step](number)

    async def send(self, number: int) -> None:
        event = self.events[number]
        async with self.engine.begin() as connection:
            answer = await receive(connection, VAULT, event, now())
        assert isinstance(answer, Received)
        if event.event_id in self.first_receipts:
            assert answer.original == self.first_receipts[event.event_id]
            self.repeats += 1
        else:
            assert not answer.repeat
            self.first_receipts[event.event_id] = answer.receipt

    async def share(self, number: int) -> None:
        ref = self.references[number]
        self.shared.add(ref)
        self.journey.sequence += 1
        shared = SharedReference(ref=ref, partner=PROVIDER)
        await self.journal.record(
            a_batch(self.journey.id, self.journey.sequence, references=(shared,))
        )

    async def sort(self, number: int) -> None:
        async with self.engine.begin() as connection:
            await sort(connection, number)

    async def lease(self, number: int) -> None:
        async with self.single.connect() as connection:
            self.hands += await lease_mail(connection, VAULT, 10, HELD if number else LOST)

    async def signal(self, number: int) -> None:
        if number < len(self.hands):
            self.journey.hear(self.hands[number])

    async def mark(self, number: int) -> None:
        """Marking without having signaled would be a fault of the relay, not of its store."""
        if number < len(self.hands):
            self.journey.hear(self.hands[number])
            async with self.single.connect() as connection:
                await delivered(connection, [self.hands.pop(number)])

    async def record(self, number: int) -> None:
        """Record what is not recorded; with 0 the answer is lost, and it is said again later."""
        self.journey.sequence += 1
        said = tuple(
            ReceiptUpdate(receipt=receipt, status=ReceiptStatus.APPLIED, reason="applied")
            for receipt in self.journey.unrecorded
        )
        await self.journal.record(a_batch(self.journey.id, self.journey.sequence, receipts=said))
        if number:
            self.journey.unrecorded.clear()

    async def drain(self) -> None:
        """Every crashed relay's lease runs out, and one that works does the rest."""
        async with self.engine.begin() as connection:
            await connection.execute(
                text("UPDATE mailboxes SET leased_until = '-infinity' WHERE journey_id = :id"),
                {"id": self.journey.id},
            )
        await self.sort(1000)
        self.hands.clear()
        await self.lease(1)
        while self.hands:
            await self.mark(0)
        await self.record(1)

    async def statuses(self) -> dict[str, str]:
        async with self.engine.connect() as connection:
            rows = await connection.execute(
                text("SELECT receipt, status FROM inbox WHERE receipt = ANY(:receipts)"),
                {"receipts": list(self.first_receipts.values())},
            )
            return {row.receipt: row.status for row in rows}


@given(steps=STEPS)
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_an_acknowledged_event_is_never_lost_and_never_applied_twice(
    store: AsyncEngine, steps: list[tuple[str, int]]
) -> None:
    intake = Intake(store, Journey(await running(store)))
    applied: set[str] = set()
    for step, number in steps:
        await intake.take(step, number)
        statuses = await intake.statuses()
        assert {statuses[receipt] for receipt in applied} <= {"applied"}
        applied = {receipt for receipt, status in statuses.items() if status == "applied"}
        assert applied <= set(intake.journey.seen)
    await intake.drain()
    statuses = await intake.statuses()
    assert set(statuses) == set(intake.first_receipts.values())
    for event in intake.events:
        if event.event_id not in intake.first_receipts:
            continue
        receipt = intake.first_receipts[event.event_id]
        known = event.subject == intake.journey.id or event.subject in intake.shared
        assert statuses[receipt] == ("applied" if known else "quarantined")
        assert intake.journey.seen.count(receipt) == int(known)
