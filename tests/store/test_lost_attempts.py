"""A step that was recorded and then taken again, since its worker died before the engine knew."""

from datetime import datetime

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.commands import Actor
from domain.journal import ReceiptStatus, ReceiptUpdate, RecordBatch
from domain.lifecycle import EntryKind
from domain.plan import Component, ComponentCredit
from domain.stages import Outcome, Stage, State
from store.caseload import CaseView, Scope, find_case, timeline
from store.quarantine_decisions import Decision, release
from store.quarantine_views import find_kept
from store.records import PostgresJournal
from tests.store.samples import a_batch, a_case_line, an_entry, fate, later, now, opened, received
from tests.vault import VAULT


async def kinds_of(engine: AsyncEngine, journey_id: str) -> list[str]:
    async with engine.connect() as connection:
        lines = (await timeline(connection, journey_id, 100, None)).items
    return [line.kind for line in lines]


async def case_of(engine: AsyncEngine, journey_id: str) -> CaseView:
    async with engine.connect() as connection:
        case = await find_case(connection, Scope(region=""), journey_id)
    assert case is not None
    return case


def a_step(journey_id: str, at: datetime, first: int, *kinds: EntryKind) -> RecordBatch:
    """What one attempt at a step says, from this sequence on; withdrawn is the end."""
    closed = kinds[-1] is EntryKind.WITHDRAWN
    end = {"stage": Stage.CLOSED, "state": State.CLOSED, "outcome": Outcome.WITHDRAWN}
    last = first + len(kinds) - 1
    return a_batch(
        journey_id,
        first,
        entries=tuple(
            an_entry(number, kind=kind, at=at) for number, kind in enumerate(kinds, start=first)
        ),
        case=a_case_line(last, updated_at=at, **(end | {"closed_at": at} if closed else {})),
    )


def a_step_about(receipt: str, journey_id: str, at: datetime, status: ReceiptStatus) -> RecordBatch:
    """One attempt at the first step, and what it says of an event."""
    update = ReceiptUpdate(receipt=receipt, status=status, reason="said")
    step = a_step(journey_id, at, 1, EntryKind.FACT_RECORDED)
    return step.model_copy(update={"receipts": (update,)})


async def released(engine: AsyncEngine, receipt: str) -> None:
    """A supervisor puts the event back on its way."""
    supervisor = Actor(id="staff-9", role="supervisor")
    async with engine.begin() as connection:
        kept = await find_kept(connection, "", receipt, to_decide=True)
        assert kept is not None
        decision = Decision(by=supervisor, reason="its turn has come", at=now())
        assert await release(connection, VAULT, kept, decision, "") is not None


async def test_a_line_that_moved_on_in_the_attempt_that_counts_does_not_stand_twice(
    store: AsyncEngine,
) -> None:
    journey_id = await opened(store)
    journal = PostgresJournal(store)
    await journal.record(a_step(journey_id, now(), 1, EntryKind.WITHDRAWN))

    again = a_step(journey_id, later(seconds=10), 1, EntryKind.EVENT_LATE, EntryKind.WITHDRAWN)
    await journal.record(again)

    assert await kinds_of(store, journey_id) == ["event_late", "withdrawn"]
    assert (await case_of(store, journey_id)).sequence == 2


async def test_what_only_the_lost_attempt_said_is_taken_back(store: AsyncEngine) -> None:
    journey_id = await opened(store)
    journal = PostgresJournal(store)
    lost = a_step(journey_id, now(), 1, EntryKind.RELEASED, EntryKind.WITHDRAWN)
    await journal.record(lost)

    await journal.record(a_step(journey_id, later(seconds=10), 1, EntryKind.HELD))

    assert await kinds_of(store, journey_id) == ["held"]
    case = await case_of(store, journey_id)
    assert (case.sequence, case.state, case.outcome) == (1, State.PLANNING, None)


async def test_a_lost_attempt_that_writes_late_changes_nothing(store: AsyncEngine) -> None:
    journey_id = await opened(store)
    journal = PostgresJournal(store)
    lost = a_step(journey_id, now(), 1, EntryKind.RELEASED, EntryKind.WITHDRAWN)
    await journal.record(a_step(journey_id, later(seconds=10), 1, EntryKind.HELD))
    held = await case_of(store, journey_id)

    await journal.record(lost)

    assert await kinds_of(store, journey_id) == ["held"]
    assert await case_of(store, journey_id) == held


async def test_a_lost_attempt_that_writes_late_settles_no_receipt(store: AsyncEngine) -> None:
    journey_id = await opened(store)
    receipt = (await received(store, journey_id)).receipt
    journal = PostgresJournal(store)

    buffered = a_step_about(receipt, journey_id, later(seconds=10), ReceiptStatus.BUFFERED)
    await journal.record(buffered)
    await journal.record(a_step_about(receipt, journey_id, now(), ReceiptStatus.LATE))
    assert await fate(store, receipt) == ("buffered", "said")

    await journal.record(
        a_step_about(receipt, journey_id, later(seconds=20), ReceiptStatus.APPLIED)
    )
    assert await fate(store, receipt) == ("applied", "said")


async def test_what_the_lost_attempt_gave_up_is_applied_by_the_attempt_that_counts(
    store: AsyncEngine,
) -> None:
    journey_id = await opened(store)
    receipt = (await received(store, journey_id)).receipt
    journal = PostgresJournal(store)
    lost = a_step_about(receipt, journey_id, now(), ReceiptStatus.QUARANTINED)
    counts = a_step_about(receipt, journey_id, later(seconds=10), ReceiptStatus.APPLIED)

    await journal.record(lost)
    assert await fate(store, receipt) == ("quarantined", "too_early")
    await journal.record(counts)
    await journal.record(lost)

    assert await fate(store, receipt) == ("applied", "said")


@pytest.mark.parametrize(
    ("lost", "counts"),
    [
        (ReceiptStatus.APPLIED, ReceiptStatus.LATE),
        (ReceiptStatus.LATE, ReceiptStatus.APPLIED),
        (ReceiptStatus.APPLIED, ReceiptStatus.BUFFERED),
        (ReceiptStatus.SUPERSEDED, ReceiptStatus.DUPLICATE),
        (ReceiptStatus.REJECTED, ReceiptStatus.APPLIED),
    ],
)
async def test_the_attempt_that_counts_has_the_last_word_on_an_event(
    store: AsyncEngine, lost: ReceiptStatus, counts: ReceiptStatus
) -> None:
    journey_id = await opened(store)
    receipt = (await received(store, journey_id)).receipt
    journal = PostgresJournal(store)
    before = a_step_about(receipt, journey_id, now(), lost)

    await journal.record(before)
    await journal.record(a_step_about(receipt, journey_id, later(seconds=10), counts))
    await journal.record(before)

    assert await fate(store, receipt) == (counts, "said")


async def test_a_later_step_does_not_unsay_what_an_earlier_one_said(store: AsyncEngine) -> None:
    journey_id = await opened(store)
    receipt = (await received(store, journey_id)).receipt
    journal = PostgresJournal(store)
    await journal.record(a_step_about(receipt, journey_id, now(), ReceiptStatus.APPLIED))

    update = ReceiptUpdate(receipt=receipt, status=ReceiptStatus.LATE, reason="said")
    second = a_step(journey_id, later(seconds=10), 2, EntryKind.FACT_RECORDED)
    await journal.record(second.model_copy(update={"receipts": (update,)}))

    assert await fate(store, receipt) == ("applied", "said")


async def test_a_lost_attempt_that_writes_late_brings_no_credit_back(store: AsyncEngine) -> None:
    journey_id = await opened(store)
    journal = PostgresJournal(store)
    passed = ComponentCredit(component=Component.THEORY, passed_at=now())
    lost = a_step(journey_id, now(), 1, EntryKind.FACT_RECORDED)
    lost = lost.model_copy(update={"component_credits": (passed,)})
    counts = a_step(journey_id, later(seconds=10), 1, EntryKind.FACT_RECORDED)
    await journal.record(lost)
    await journal.record(counts.model_copy(update={"lost_credits": (passed,)}))

    await journal.record(lost)

    async with store.connect() as connection:
        held = await connection.scalar(text("SELECT count(*) FROM component_credits"))
    assert held == 0


async def test_a_batch_from_before_the_release_does_not_put_the_event_back(
    store: AsyncEngine,
) -> None:
    journey_id = await opened(store)
    receipt = (await received(store, journey_id)).receipt
    journal = PostgresJournal(store)
    given_up = a_step_about(receipt, journey_id, now(), ReceiptStatus.QUARANTINED)
    await journal.record(given_up)
    await released(store, receipt)

    await journal.record(given_up)
    assert await fate(store, receipt) == ("received", "")

    await journal.record(
        a_step_about(receipt, journey_id, later(seconds=10), ReceiptStatus.QUARANTINED)
    )
    assert await fate(store, receipt) == ("quarantined", "too_early")
