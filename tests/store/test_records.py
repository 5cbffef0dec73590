"""Recording is idempotent, moves forward only, and leaves final receipts alone."""

import asyncio
from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.commands import Actor
from domain.journal import Entry, ReceiptStatus, ReceiptUpdate, SharedReference
from domain.lifecycle import EntryKind
from domain.plan import Component, ComponentCredit, ModuleCredit
from domain.stages import Outcome, Overlay, Stage, State, StuckCause, Turn
from store.caseload import CaseView, Scope, find_case, timeline
from store.hints import Hints
from store.receipts import receipt as receipt_of
from store.records import CASELOAD_CHANNEL, PostgresJournal
from tests.store.samples import (
    PROVIDER,
    a_batch,
    a_case_line,
    a_closing,
    a_person,
    an_entry,
    fate,
    later,
    now,
    opened,
    received,
)


async def case_of(engine: AsyncEngine, journey_id: str) -> CaseView:
    async with engine.connect() as connection:
        case = await find_case(connection, Scope(region=""), journey_id)
    assert case is not None
    return case


async def lines_of(engine: AsyncEngine, journey_id: str) -> tuple[Entry, ...]:
    async with engine.connect() as connection:
        return (await timeline(connection, journey_id, 100, None)).items


async def test_a_batch_is_read_back_as_it_was_written(store: AsyncEngine) -> None:
    journey_id = await opened(store)
    entry = an_entry(
        1,
        kind=EntryKind.HELD,
        by=Actor(id="staff-7", role="caseworker"),
        detail="住院, until spring",
        rule="withdrawal.before_certificate",
        receipt="rc_1",
        partner=PROVIDER,
    )
    line = a_case_line(
        1,
        stage=Stage.TRAINING,
        state=State.ENROLLING,
        overlays=(Overlay.ON_HOLD,),
        awaited=("enrollment.confirmed", "enrollment.rejected"),
        partner=PROVIDER,
        turn=Turn.PARTNER,
        due_at=later(days=5),
        stuck_cause=StuckCause.PARTNER_SILENT,
        stuck_since=now(),
    )
    await PostgresJournal(store).record(a_batch(journey_id, 1, entries=(entry,), case=line))
    assert await lines_of(store, journey_id) == (entry,)
    case = await case_of(store, journey_id)
    assert case.model_dump(include=set(type(line).model_fields)) == line.model_dump()


async def test_the_same_batch_again_changes_nothing(store: AsyncEngine) -> None:
    journey_id = await opened(store)
    batch = a_batch(journey_id, 1)
    journal = PostgresJournal(store)
    await journal.record(batch)
    before = await case_of(store, journey_id), await lines_of(store, journey_id)
    await journal.record(batch)
    assert (await case_of(store, journey_id), await lines_of(store, journey_id)) == before


async def test_the_same_batch_many_times_at_once_is_written_once(store: AsyncEngine) -> None:
    journey_id = await opened(store)
    receipt = (await received(store, journey_id)).receipt
    batch = a_batch(
        journey_id,
        2,
        entries=(an_entry(1), an_entry(2)),
        receipts=(ReceiptUpdate(receipt=receipt, status=ReceiptStatus.APPLIED, reason="ok"),),
        references=(SharedReference(ref="EN-1", partner=PROVIDER),),
        module_credits=(ModuleCredit(module="safety"),),
    )
    journal = PostgresJournal(store)
    await asyncio.gather(*(journal.record(batch) for _ in range(10)))
    assert [line.sequence for line in await lines_of(store, journey_id)] == [1, 2]
    assert await fate(store, receipt) == ("applied", "ok")


async def test_a_late_repeat_of_an_older_batch_does_not_move_the_case_back(
    store: AsyncEngine,
) -> None:
    journey_id = await opened(store)
    journal = PostgresJournal(store)
    first = a_batch(journey_id, 1)
    await journal.record(first)
    await journal.record(a_batch(journey_id, 2, case=a_case_line(2, state=State.AGREED)))
    await journal.record(first)
    assert (await case_of(store, journey_id)).state is State.AGREED


async def test_the_case_can_change_without_a_journal_line(store: AsyncEngine) -> None:
    journey_id = await opened(store)
    journal = PostgresJournal(store)
    first = a_batch(journey_id, 1)
    await journal.record(first)
    due = later(days=1)
    await journal.record(a_batch(journey_id, 1, entries=(), case=a_case_line(1, due_at=due)))
    await journal.record(first)
    assert (await case_of(store, journey_id)).due_at == due


@pytest.mark.parametrize(
    "final",
    [
        status
        for status in ReceiptStatus
        if status.final and status is not ReceiptStatus.QUARANTINED
    ],
)
async def test_a_final_receipt_stays_final(store: AsyncEngine, final: ReceiptStatus) -> None:
    journey_id = await opened(store)
    receipt = (await received(store, journey_id)).receipt
    journal = PostgresJournal(store)
    first = ReceiptUpdate(receipt=receipt, status=final, reason="first")
    second = ReceiptUpdate(receipt=receipt, status=ReceiptStatus.DUPLICATE, reason="second")
    await journal.record(a_batch(journey_id, 1, receipts=(first,)))
    await journal.record(a_batch(journey_id, 2, receipts=(second,)))
    assert await fate(store, receipt) == (final, "first")


async def test_what_a_journey_gives_up_waiting_for_came_too_early(store: AsyncEngine) -> None:
    journey_id = await opened(store)
    receipt = (await received(store, journey_id)).receipt
    given_up = ReceiptUpdate(receipt=receipt, status=ReceiptStatus.QUARANTINED, reason="no turn")
    applied = ReceiptUpdate(receipt=receipt, status=ReceiptStatus.APPLIED, reason="late")
    await PostgresJournal(store).record(a_batch(journey_id, 1, receipts=(given_up,)))
    await PostgresJournal(store).record(a_batch(journey_id, 2, receipts=(applied,)))
    async with store.connect() as connection:
        row = (await connection.execute(text("SELECT status, reason, detail FROM inbox"))).one()
        told = await connection.scalar(
            text("SELECT detail FROM audit_log WHERE action = 'event.quarantined'")
        )
    assert tuple(row) == ("quarantined", "too_early", "no turn")
    assert told == '{"reason": "too_early"}'


async def test_a_receipt_tells_what_took_its_place(store: AsyncEngine) -> None:
    journey_id = await opened(store)
    first = (await received(store, journey_id)).receipt
    second = (await received(store, journey_id)).receipt
    update = ReceiptUpdate(
        receipt=first, status=ReceiptStatus.SUPERSEDED, reason="corrected", superseded_by=second
    )
    await PostgresJournal(store).record(a_batch(journey_id, 1, receipts=(update,)))
    async with store.connect() as connection:
        found = await receipt_of(connection, first, None)
    assert found is not None
    assert found.superseded_by == second


async def test_a_correction_supersedes_what_was_applied(store: AsyncEngine) -> None:
    journey_id = await opened(store)
    receipt = (await received(store, journey_id)).receipt
    journal = PostgresJournal(store)
    for sequence, status in enumerate((ReceiptStatus.APPLIED, ReceiptStatus.SUPERSEDED), 1):
        update = ReceiptUpdate(receipt=receipt, status=status, reason=status)
        await journal.record(a_batch(journey_id, sequence, receipts=(update,)))
    assert await fate(store, receipt) == ("superseded", "superseded")


async def test_a_kept_event_is_applied_in_its_turn(store: AsyncEngine) -> None:
    journey_id = await opened(store)
    receipt = (await received(store, journey_id)).receipt
    journal = PostgresJournal(store)
    for sequence, status in enumerate((ReceiptStatus.BUFFERED, ReceiptStatus.APPLIED), 1):
        update = ReceiptUpdate(receipt=receipt, status=status, reason=status)
        await journal.record(a_batch(journey_id, sequence, receipts=(update,)))
    assert await fate(store, receipt) == ("applied", "applied")


async def test_a_batch_of_an_unknown_journey_is_an_error(store: AsyncEngine) -> None:
    with pytest.raises(IntegrityError):
        await PostgresJournal(store).record(a_batch("jn_unknown", 1))


async def test_closing_lets_the_person_open_again(store: AsyncEngine) -> None:
    first = await opened(store, person=a_person(1))
    await PostgresJournal(store).record(a_closing(first, 1, Outcome.EXHAUSTED))
    case = await case_of(store, first)
    assert case.outcome is Outcome.EXHAUSTED
    assert case.closed_at is not None
    assert await opened(store, person=a_person(1)) != first


async def test_a_longer_lived_credit_replaces_a_shorter_and_not_the_other_way(
    store: AsyncEngine,
) -> None:
    journey_id = await opened(store)
    journal = PostgresJournal(store)
    for sequence, year in enumerate((2027, 2030, 2028), 1):
        credit = ModuleCredit(module="safety", source=str(year), expires=date(year, 1, 1))
        await journal.record(a_batch(journey_id, sequence, module_credits=(credit,)))
    async with store.connect() as connection:
        held = (await connection.execute(text("SELECT source, expires FROM module_credits"))).all()
    assert [tuple(row) for row in held] == [("2030", date(2030, 1, 1))]


async def test_the_latest_pass_of_a_component_is_kept(store: AsyncEngine) -> None:
    journey_id = await opened(store)
    journal = PostgresJournal(store)
    newer, older = now(), later(days=-30)
    for sequence, passed_at in enumerate((newer, older), 1):
        credit = ComponentCredit(component=Component.THEORY, passed_at=passed_at)
        await journal.record(a_batch(journey_id, sequence, component_credits=(credit,)))
    async with store.connect() as connection:
        held = await connection.scalar(text("SELECT passed_at FROM component_credits"))
    assert held == newer


@pytest.mark.parametrize("again", [None, -30])
async def test_a_pass_that_a_correction_took_away_is_no_credit_any_more(
    store: AsyncEngine, again: int | None
) -> None:
    journey_id = await opened(store)
    journal = PostgresJournal(store)
    wrong = ComponentCredit(component=Component.THEORY, passed_at=now())
    kept = ComponentCredit(component=Component.PRACTICAL, passed_at=now())
    await journal.record(a_batch(journey_id, 1, component_credits=(wrong, kept)))
    passed = () if again is None else (later(days=again),)
    others = tuple(ComponentCredit(component=Component.THEORY, passed_at=at) for at in passed)
    await journal.record(a_batch(journey_id, 2, lost_credits=(wrong,), component_credits=others))
    async with store.connect() as connection:
        held = await connection.execute(text("SELECT component, passed_at FROM component_credits"))
    assert set(held.all()) == {
        ("practical", kept.passed_at),
        *(("theory", at) for at in passed),
    }


async def test_a_reference_belongs_to_the_first_journey_that_shared_it(store: AsyncEngine) -> None:
    first, second = await opened(store), await opened(store)
    journal = PostgresJournal(store)
    shared = SharedReference(ref="EN-1", partner=PROVIDER)
    for journey_id in (first, second):
        await journal.record(a_batch(journey_id, 1, references=(shared,)))
    async with store.connect() as connection:
        holders = await connection.scalars(text("SELECT journey_id FROM shared_references"))
        assert holders.all() == [first]


async def test_whoever_listens_hears_whose_case_changed(store: AsyncEngine) -> None:
    journey_id = await opened(store)
    async with Hints(store, CASELOAD_CHANNEL) as hints:
        await hints.wait(0.01)
        await PostgresJournal(store).record(a_batch(journey_id, 1))
        async with asyncio.timeout(5):
            await hints.wait(60)
