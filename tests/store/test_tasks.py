"""Tasks of events that have left quarantine are ended, without waiting for anybody."""

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store.tasks import NewTask, TaskKind, end_settled, raise_task
from tests.store.samples import now, received

ABOUT = ("EN-1", "EN-2", "EN-3")


async def with_tasks(engine: AsyncEngine) -> list[str]:
    """Events that are not in quarantine, each with a task that says so."""
    receipts = [(await received(engine, subject)).receipt for subject in ABOUT]
    async with engine.begin() as connection:
        for receipt in receipts:
            task = NewTask(
                kind=TaskKind.TOO_EARLY, about=receipt, journey_id=None, partner=None, region="44"
            )
            await raise_task(connection, task, now())
    return receipts


async def still_open(connection: AsyncConnection) -> list[str]:
    return list(await connection.scalars(text("SELECT about FROM tasks WHERE done_at IS NULL")))


async def test_a_task_that_somebody_holds_is_left_to_her(store: AsyncEngine) -> None:
    first, *_ = await with_tasks(store)
    async with store.begin() as holding:
        await holding.execute(
            text("SELECT 1 FROM tasks WHERE about = :about FOR UPDATE"), {"about": first}
        )
        async with asyncio.timeout(30), store.begin() as connection:
            await end_settled(connection, now())
            assert await still_open(connection) == [first]

    async with store.begin() as connection:
        await end_settled(connection, now())
        assert await still_open(connection) == []
