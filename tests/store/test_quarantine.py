"""An event waits for its subject to become known, and is never left behind."""

import asyncio
import random

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.journal import RecordBatch, SharedReference
from store.quarantine import lock_subjects, release
from store.records import PostgresJournal
from store.sorting import sort
from tests.store.samples import CENTER, PROVIDER, a_batch, fate, received, running


def sharing(journey_id: str, ref: str, sequence: int = 1, partner: str = PROVIDER) -> RecordBatch:
    shared = SharedReference(ref=ref, partner=partner)
    return a_batch(journey_id, sequence, references=(shared,))


async def sort_all(engine: AsyncEngine) -> None:
    while True:
        async with engine.begin() as connection:
            if not await sort(connection, 100):
                return


async def journey_of(engine: AsyncEngine, receipt: str) -> str | None:
    async with engine.connect() as connection:
        found = await connection.scalar(
            text("SELECT journey_id FROM inbox WHERE receipt = :receipt"), {"receipt": receipt}
        )
    return None if found is None else str(found)


async def test_an_event_under_an_unknown_reference_waits_in_quarantine(store: AsyncEngine) -> None:
    receipt = (await received(store, "EN-1")).receipt
    await sort_all(store)
    assert await fate(store, receipt) == ("quarantined", "unknown_subject")


async def test_it_is_released_by_the_record_that_shares_the_reference(store: AsyncEngine) -> None:
    journey_id = await running(store)
    receipt = (await received(store, "EN-1")).receipt
    await sort_all(store)
    await PostgresJournal(store).record(sharing(journey_id, "EN-1"))
    assert await fate(store, receipt) == ("received", "")
    await sort_all(store)
    assert await journey_of(store, receipt) == journey_id


async def test_what_does_not_fit_its_schema_is_not_released(store: AsyncEngine) -> None:
    journey_id = await running(store)
    receipt = (await received(store, "EN-1")).receipt
    async with store.begin() as connection:
        await connection.execute(text("UPDATE inbox SET status = 'quarantined', reason = 'schema'"))
    await PostgresJournal(store).record(sharing(journey_id, "EN-1"))
    assert await fate(store, receipt) == ("quarantined", "schema")


async def test_anothers_reference_waits_as_not_yours_whichever_came_first(
    store: AsyncEngine,
) -> None:
    journey_id = await running(store)
    early = (await received(store, "BK-1", partner=CENTER)).receipt
    await sort_all(store)
    await PostgresJournal(store).record(sharing(journey_id, "BK-1"))
    after = (await received(store, "BK-1", partner=CENTER)).receipt
    await sort_all(store)
    assert await fate(store, early) == ("quarantined", "not_yours")
    assert await fate(store, after) == ("quarantined", "not_yours")


async def test_it_is_released_when_the_reference_becomes_its_senders_and_not_a_thirds(
    store: AsyncEngine,
) -> None:
    journey_id = await running(store)
    journal = PostgresJournal(store)
    await journal.record(sharing(journey_id, "BK-1"))
    receipt = (await received(store, "BK-1", partner=CENTER)).receipt
    await sort_all(store)
    await journal.record(sharing(journey_id, "BK-1", 2, partner="center-sz-02"))
    assert await fate(store, receipt) == ("quarantined", "not_yours")
    await journal.record(sharing(journey_id, "BK-1", 3, partner=CENTER))
    assert await fate(store, receipt) == ("received", "")
    await sort_all(store)
    assert await journey_of(store, receipt) == journey_id


async def test_two_may_share_a_reference_from_one_record_on(store: AsyncEngine) -> None:
    journey_id = await running(store)
    receipts = [
        (await received(store, "BK-1", partner=partner)).receipt for partner in (PROVIDER, CENTER)
    ]
    await sort_all(store)
    both = tuple(SharedReference(ref="BK-1", partner=partner) for partner in (PROVIDER, CENTER))
    await PostgresJournal(store).record(a_batch(journey_id, 1, references=both))
    assert [await fate(store, receipt) for receipt in receipts] == [("received", "")] * 2


async def test_each_step_in_and_out_of_quarantine_is_in_the_audit_log(store: AsyncEngine) -> None:
    journey_id = await running(store)
    receipt = (await received(store, "EN-1")).receipt
    stranger = (await received(store, "EN-1", partner=CENTER)).receipt
    await sort_all(store)
    await PostgresJournal(store).record(sharing(journey_id, "EN-1"))
    async with store.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT about, action, detail FROM audit_log WHERE actor_id = 'journeyman' "
                "AND action LIKE 'event.%' ORDER BY at"
            )
        )
        lines = {tuple(row) for row in rows}
    assert lines == {
        (receipt, "event.quarantined", '{"reason": "unknown_subject"}'),
        (stranger, "event.quarantined", '{"reason": "unknown_subject"}'),
        (receipt, "event.released", "{}"),
        (stranger, "event.quarantined", '{"reason": "not_yours"}'),
    }


async def test_two_partners_may_use_the_same_number(store: AsyncEngine) -> None:
    first, second = await running(store), await running(store)
    journal = PostgresJournal(store)
    await journal.record(sharing(first, "1", partner=PROVIDER))
    await journal.record(sharing(second, "1", partner=CENTER))
    of_provider = (await received(store, "1", partner=PROVIDER)).receipt
    of_center = (await received(store, "1", partner=CENTER)).receipt
    assert await journey_of(store, of_provider) == first
    assert await journey_of(store, of_center) == second


async def waits_for_a_lock(engine: AsyncEngine) -> None:
    """Return when some other connection waits for an advisory lock."""
    async with engine.connect() as connection, asyncio.timeout(30):
        while not await connection.scalar(
            text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        ):
            await connection.rollback()


async def test_a_reference_recorded_while_its_event_is_put_away_releases_it(
    store: AsyncEngine,
) -> None:
    """The event is in quarantine, uncommitted, when the journey shares the reference."""
    journey_id = await running(store)
    receipt = (await received(store, "EN-1")).receipt
    async with store.begin() as sorting:
        await sort(sorting, 100)
        recording = asyncio.create_task(PostgresJournal(store).record(sharing(journey_id, "EN-1")))
        await waits_for_a_lock(store)
    await recording
    assert await fate(store, receipt) == ("received", "")


async def test_an_event_sorted_while_its_reference_is_recorded_finds_it(
    store: AsyncEngine,
) -> None:
    """The reference is written, uncommitted, when the relay looks for it."""
    journey_id = await running(store)
    receipt = (await received(store, "EN-1")).receipt
    async with store.begin() as recording:
        await lock_subjects(recording, ["EN-1"])
        await recording.execute(
            text("INSERT INTO shared_references VALUES (:partner, 'EN-1', :journey_id)"),
            {"partner": PROVIDER, "journey_id": journey_id},
        )
        await release(recording, ["EN-1"], PROVIDER)
        sorting = asyncio.create_task(sort_all(store))
        await waits_for_a_lock(store)
    await sorting
    assert await journey_of(store, receipt) == journey_id
    assert await fate(store, receipt) == ("received", "")


@pytest.mark.parametrize("seed", range(3))
async def test_none_is_left_behind_in_any_interleaving(store: AsyncEngine, seed: int) -> None:
    chance = random.Random(seed)
    journeys = [await running(store) for _ in range(4)]
    journal = PostgresJournal(store)
    receipts: list[str] = []

    async def send(ref: str) -> None:
        receipts.append((await received(store, ref)).receipt)

    async def look() -> None:
        async with store.begin() as connection:
            await sort(connection, chance.randint(1, 5))

    work = [send(f"EN-{number % 40}") for number in range(80)]
    work += [
        journal.record(sharing(journeys[number % 4], f"EN-{number}", number // 4 + 1))
        for number in range(40)
    ]
    work += [look() for _ in range(60)]
    chance.shuffle(work)
    await asyncio.gather(*work)
    await sort_all(store)
    assert len(receipts) == 80
    fates = {await fate(store, receipt) for receipt in receipts}
    assert fates == {("received", "")}
    assert None not in {await journey_of(store, receipt) for receipt in receipts}
