"""A start line goes when its workflow runs, and only for the relay that holds it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.brief import JourneyBrief
from store.outbox import give_back_starts, lease_starts, started
from tests.store.samples import opened

LEASE = timedelta(seconds=30)
EXPIRED = timedelta(seconds=-1)


@pytest.fixture
async def single(store: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    engine = store.execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        yield connection


async def lines(connection: AsyncConnection) -> int:
    return int(await connection.scalar(text("SELECT count(*) FROM outbox")) or 0)


async def test_the_oldest_lines_are_leased_first_with_their_briefs(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    journeys = [await opened(store) for _ in range(3)]
    starts = await lease_starts(single, 2, LEASE)
    assert {start.journey_id for start in starts} == set(journeys[:2])
    assert {JourneyBrief.model_validate(start.brief).journey_id for start in starts} == set(
        journeys[:2]
    )


async def test_relays_at_once_share_the_lines_out(store: AsyncEngine) -> None:
    journeys = [await opened(store) for _ in range(10)]

    async def lease() -> list[str]:
        engine = store.execution_options(isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            return [start.journey_id for start in await lease_starts(connection, 4, LEASE)]

    shares = await asyncio.gather(*(lease() for _ in range(4)))
    leased = [journey for share in (*shares, await lease()) for journey in share]
    assert len(leased) == len(set(leased))
    assert set(leased) <= set(journeys)
    assert len(leased) >= 4


async def test_a_started_line_is_gone(store: AsyncEngine, single: AsyncConnection) -> None:
    await opened(store)
    await started(single, await lease_starts(single, 1, LEASE))
    assert await lines(single) == 0


async def test_a_slow_relay_strikes_no_line_that_another_holds(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    await opened(store)
    slow = await lease_starts(single, 1, EXPIRED)
    quick = await lease_starts(single, 1, LEASE)
    await started(single, slow)
    await give_back_starts(single, slow, EXPIRED)
    assert await lines(single) == 1
    assert await lease_starts(single, 1, LEASE) == ()
    await started(single, quick)
    assert await lines(single) == 0


async def test_a_line_given_back_waits_for_the_pause(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    journey_id = await opened(store)
    await give_back_starts(single, await lease_starts(single, 1, LEASE), LEASE)
    assert await lease_starts(single, 1, LEASE) == ()
    async with store.begin() as connection:
        await connection.execute(text("UPDATE outbox SET leased_until = '-infinity'"))
    assert [start.journey_id for start in await lease_starts(single, 1, LEASE)] == [journey_id]
