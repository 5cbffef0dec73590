"""What waits too long in quarantine becomes a task, once; time is passed in."""

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.journal import ReceiptStatus, ReceiptUpdate, SharedReference
from processes.task_sweep import TaskSweep
from store.records import PostgresJournal
from store.sorting import sort
from store.tasks import TaskView, list_open
from tests.store.samples import PROVIDER, a_batch, later, received, running

DAYS_30 = timedelta(days=30)


async def sweep(engine: AsyncEngine, at: datetime) -> None:
    await TaskSweep(engine, DAYS_30, clock=lambda: at).sweep()


async def open_tasks(engine: AsyncEngine, region: str = "4403") -> list[TaskView]:
    async with engine.connect() as connection:
        return list((await list_open(connection, region, (), 50, None)).items)


async def unknown(engine: AsyncEngine, subject: str = "EN-1") -> str:
    receipt = (await received(engine, subject)).receipt
    async with engine.begin() as connection:
        await sort(connection, 100)
    return receipt


async def test_an_unknown_subject_is_a_task_after_thirty_days_and_only_once(
    store: AsyncEngine,
) -> None:
    receipt = await unknown(store)
    await sweep(store, later(days=29))
    assert await open_tasks(store) == []
    for day in (31, 32, 33):
        await sweep(store, later(days=day))
    await asyncio.gather(*(sweep(store, later(days=34)) for _ in range(5)))
    (task,) = await open_tasks(store)
    assert (task.kind, task.about, task.partner) == ("unknown_subject", receipt, PROVIDER)
    async with store.connect() as connection:
        raised = await connection.scalar(
            text("SELECT count(*) FROM audit_log WHERE action = 'task.raised'")
        )
    assert raised == 1


async def test_it_is_seen_by_the_partners_region_and_by_what_contains_it_or_lies_in_it(
    store: AsyncEngine,
) -> None:
    await unknown(store)
    await sweep(store, later(days=31))
    seen = {region: bool(await open_tasks(store, region)) for region in ("44", "4403", "440305")}
    assert all(seen.values())
    assert await open_tasks(store, "4401") == []


async def test_the_task_is_done_when_the_event_is_released_by_itself(store: AsyncEngine) -> None:
    journey_id = await running(store)
    await unknown(store)
    await sweep(store, later(days=31))
    shared = SharedReference(ref="EN-1", partner=PROVIDER)
    await PostgresJournal(store).record(a_batch(journey_id, 1, references=(shared,)))
    assert await open_tasks(store) == []


async def test_a_task_left_open_by_a_race_is_ended_by_the_next_sweep(store: AsyncEngine) -> None:
    receipt = await unknown(store)
    await sweep(store, later(days=31))
    async with store.begin() as connection:
        await connection.execute(
            text("UPDATE inbox SET status = 'received' WHERE receipt = :of"), {"of": receipt}
        )
    await sweep(store, later(days=31))
    assert await open_tasks(store) == []


async def test_what_came_too_early_is_a_task_of_its_journeys_region_at_once(
    store: AsyncEngine,
) -> None:
    journey_id = await running(store)
    receipt = (await received(store, journey_id)).receipt
    given_up = ReceiptUpdate(receipt=receipt, status=ReceiptStatus.QUARANTINED, reason="no turn")
    await PostgresJournal(store).record(a_batch(journey_id, 1, receipts=(given_up,)))
    await sweep(store, later(minutes=1))
    (task,) = await open_tasks(store, "440305")
    assert (task.kind, task.journey_id, task.region) == ("too_early", journey_id, "440305")
    assert await open_tasks(store, "440304") == []
