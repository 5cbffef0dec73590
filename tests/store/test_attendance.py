"""Attendance is folded by enrollment, period and module, in whichever order it arrives."""

import asyncio
from itertools import permutations

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.events import EventType
from domain.journal import SharedReference
from store.attendance import fold
from store.caseload import Scope, find_case
from store.records import PostgresJournal
from tests.store.samples import PROVIDER, a_batch, closed, fate, received, running
from tests.vault import VAULT

WEEK = {"enrollment_ref": "EN-1", "period": "2026-W01", "hours_planned": 40}


async def report(engine: AsyncEngine, subject: str, event_id: str, **data: object) -> str:
    incoming = await received(
        engine,
        subject,
        event_id=event_id,
        type=EventType.ATTENDANCE_SUMMARY.cloud_type,
        data=WEEK | data,
    )
    return incoming.receipt


async def fold_all(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await fold(connection, VAULT, 100)


async def percent(engine: AsyncEngine, journey_id: str) -> float | None:
    async with engine.connect() as connection:
        case = await find_case(connection, Scope(region=""), journey_id)
    assert case is not None
    return case.attendance_pct


async def test_reports_add_up_over_periods_and_modules(store: AsyncEngine) -> None:
    journey_id = await running(store)
    assert await percent(store, journey_id) is None
    receipts = [
        await report(store, journey_id, "a", hours_attended=40),
        await report(store, journey_id, "b", hours_attended=20, period="2026-W02"),
        await report(store, journey_id, "c", hours_attended=30, module="safety"),
    ]
    await fold_all(store)
    assert {(await fate(store, receipt))[0] for receipt in receipts} == {"applied"}
    assert await percent(store, journey_id) == pytest.approx(75)


async def test_equal_values_again_are_a_duplicate(store: AsyncEngine) -> None:
    journey_id = await running(store)
    await report(store, journey_id, "a", hours_attended=30)
    again = await report(store, journey_id, "b", hours_attended=30)
    await fold_all(store)
    assert (await fate(store, again))[0] == "duplicate"
    assert await percent(store, journey_id) == pytest.approx(75)


async def test_other_values_without_a_correction_are_a_conflict(store: AsyncEngine) -> None:
    journey_id = await running(store)
    await report(store, journey_id, "a", hours_attended=30)
    await fold_all(store)
    other = await report(store, journey_id, "b", hours_attended=40)
    await fold_all(store)
    assert (await fate(store, other))[0] == "conflict"
    assert await percent(store, journey_id) == pytest.approx(75)


@pytest.mark.parametrize("order", list(permutations("abc")))
@pytest.mark.parametrize("at_once", [True, False])
async def test_a_correction_of_a_correction_stands_in_every_order(
    store: AsyncEngine, order: tuple[str, ...], at_once: bool
) -> None:
    journey_id = await running(store)
    reports: dict[str, dict[str, object]] = {
        "a": {"hours_attended": 10},
        "b": {"hours_attended": 20, "supersedes": "a"},
        "c": {"hours_attended": 30, "supersedes": "b"},
    }
    receipts = {}
    for event_id in order:
        receipts[event_id] = await report(store, journey_id, event_id, **reports[event_id])
        if not at_once:
            await fold_all(store)
    await fold_all(store)
    fates = {event_id: (await fate(store, receipt))[0] for event_id, receipt in receipts.items()}
    assert fates == {"a": "superseded", "b": "superseded", "c": "applied"}
    assert await percent(store, journey_id) == pytest.approx(75)


async def test_a_report_under_the_shared_reference_is_about_that_enrollment(
    store: AsyncEngine,
) -> None:
    journey_id = await running(store)
    shared = SharedReference(ref="EN-1", partner=PROVIDER)
    await PostgresJournal(store).record(a_batch(journey_id, 1, references=(shared,)))
    await report(store, "EN-1", "a", hours_attended=30, enrollment_ref=None)
    again = await report(store, journey_id, "b", hours_attended=30)
    await fold_all(store)
    assert (await fate(store, again))[0] == "duplicate"


async def test_the_reference_that_a_report_came_under_goes_before_the_one_that_it_states(
    store: AsyncEngine,
) -> None:
    journey_id = await running(store)
    shared = SharedReference(ref="EN-1", partner=PROVIDER)
    await PostgresJournal(store).record(a_batch(journey_id, 1, references=(shared,)))
    await report(store, "EN-1", "a", hours_attended=30, enrollment_ref="EN-1")
    again = await report(store, "EN-1", "b", hours_attended=30, enrollment_ref="EN-2")
    await fold_all(store)
    assert (await fate(store, again))[0] == "duplicate"
    assert await percent(store, journey_id) == pytest.approx(75)


async def test_a_provider_speaks_of_no_enrollment_that_was_asked_of_another(
    store: AsyncEngine,
) -> None:
    journey_id = await running(store)
    shared = SharedReference(ref="EN-1", partner="provider-sz-02")
    await PostgresJournal(store).record(a_batch(journey_id, 1, references=(shared,)))
    receipt = await report(store, journey_id, "a", hours_attended=30)
    await fold_all(store)
    status, reason = await fate(store, receipt)
    assert (status, reason.partition(":")[0]) == ("rejected", "event.not_yours")
    assert await percent(store, journey_id) is None


async def test_attendance_after_the_journeys_end_is_late(store: AsyncEngine) -> None:
    journey_id = await running(store)
    await closed(store, journey_id)
    receipt = await report(store, journey_id, "a", hours_attended=30)
    await fold_all(store)
    assert (await fate(store, receipt))[0] == "late"
    assert await percent(store, journey_id) is None


async def test_what_does_not_fit_is_put_away(store: AsyncEngine) -> None:
    journey_id = await running(store)
    receipt = await report(store, journey_id, "a", hours_attended=-1)
    await fold_all(store)
    assert (await fate(store, receipt))[0] == "quarantined"


async def test_two_relays_fold_each_report_once(store: AsyncEngine) -> None:
    journey_id = await running(store)
    for number in range(30):
        await report(store, journey_id, f"e{number}", hours_attended=30, period=f"P{number % 10}")
    await asyncio.gather(*(fold_all(store) for _ in range(4)))
    await fold_all(store)
    async with store.connect() as connection:
        rows = await connection.execute(text("SELECT status, count(*) FROM inbox GROUP BY 1"))
        counted = {row.status: row.count for row in rows}
    assert counted == {"applied": 10, "duplicate": 20}
