"""Cohorts at rest: one for each file, sealed rows, leases that fence off whoever was slow."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store.cohort_work import (
    Pressure,
    RowLease,
    lease_rows,
    not_begun,
    pressure,
    put_back_rows,
    row_opened,
    row_refused,
    take_row,
)
from store.cohorts import cancel_waiting
from store.row_errors import RowError
from store.vault import Unsealable
from tests.store.cohorts import as_it_stands, good_rows, sent
from tests.store.samples import now, opened, received
from tests.vault import VAULT

LEASE = timedelta(seconds=30)
EXPIRED = timedelta(seconds=-1)
WRONG = RowError(field="level", rule="opening.form", message="no level")


@pytest.fixture
async def single(store: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    engine = store.execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        yield connection


async def test_the_same_file_is_kept_once_for_a_region(store: AsyncEngine) -> None:
    rows = good_rows(3)
    first, new = await sent(store, rows, "file")
    again, new_again = await sent(store, rows, "file")
    elsewhere, _ = await sent(store, rows, "file", region="4403")
    assert (new, new_again) == (True, False)
    assert again.cohort_id == first.cohort_id != elsewhere.cohort_id


async def test_a_row_opens_in_no_other_place(store: AsyncEngine, single: AsyncConnection) -> None:
    await sent(store, good_rows(2))
    await single.execute(
        text("UPDATE cohort_rows SET sealed = (SELECT sealed FROM cohort_rows WHERE line = 3)")
    )
    leases = await lease_rows(single, 2, LEASE)
    async with store.begin() as connection:
        with pytest.raises(Unsealable):
            await take_row(connection, VAULT, leases[0])
        assert await take_row(connection, VAULT, leases[1]) is not None


async def test_relays_at_once_share_the_rows_out(store: AsyncEngine) -> None:
    await sent(store, good_rows(20))

    async def lease() -> tuple[RowLease, ...]:
        engine = store.execution_options(isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            return await lease_rows(connection, 5, LEASE)

    shares = await asyncio.gather(*(lease() for _ in range(4)))
    leased = [row.line for share in shares for row in share]
    assert len(leased) == len(set(leased)) > 0


async def test_open_cohorts_take_turns(store: AsyncEngine, single: AsyncConnection) -> None:
    long, _ = await sent(store, good_rows(40))
    short, _ = await sent(store, good_rows(10))
    leases = await lease_rows(single, 10, LEASE)
    assert Counter(row.cohort_id for row in leases) == {long.cohort_id: 5, short.cohort_id: 5}
    assert {row.line for row in leases} == set(range(2, 7))


async def test_a_slow_relay_settles_no_row_that_another_holds(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    cohort, _ = await sent(store, good_rows(1))
    [slow] = await lease_rows(single, 1, EXPIRED)
    [quick] = await lease_rows(single, 1, LEASE)
    async with store.begin() as connection:
        assert await take_row(connection, VAULT, slow) is None
        await row_refused(connection, slow, [WRONG], now())
        await put_back_rows(connection, [slow], EXPIRED, EXPIRED)
    assert (await as_it_stands(store, cohort)).waiting == 1
    assert await lease_rows(single, 1, LEASE) == ()
    async with store.begin() as connection:
        assert await take_row(connection, VAULT, quick) is not None
        await row_refused(connection, quick, [WRONG], now())
    stands = await as_it_stands(store, cohort)
    assert (stands.refused, stands.state) == (1, "done")


async def test_a_settled_row_is_wiped_and_stays_settled(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    cohort, _ = await sent(store, good_rows(2))
    journey_id = await opened(store)
    first, second = await lease_rows(single, 2, LEASE)
    for _ in range(2):
        async with store.begin() as connection:
            await row_opened(connection, first, journey_id, now())
            await row_refused(connection, second, [WRONG], now())
    stands = await as_it_stands(store, cohort)
    assert (stands.opened, stands.refused) == (1, 1)
    assert (
        await single.scalar(text("SELECT count(sealed) + count(id_lookup) FROM cohort_rows")) == 0
    )


async def test_a_row_put_back_waits_longer_each_time(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    await sent(store, good_rows(1))
    pauses = []
    for _ in range(4):
        [lease] = await lease_rows(single, 1, LEASE)
        await put_back_rows(single, [lease], timedelta(seconds=10), timedelta(seconds=60))
        assert await lease_rows(single, 1, LEASE) == ()
        left = await single.scalar(
            text("SELECT extract(epoch FROM leased_until - clock_timestamp()) FROM cohort_rows")
        )
        pauses.append(round(float(left or 0), -1))
        await single.execute(text("UPDATE cohort_rows SET leased_until = '-infinity'"))
    assert pauses == [10, 20, 40, 60]


async def test_a_row_that_keeps_failing_is_put_back_all_the_same(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    await sent(store, good_rows(1))
    await single.execute(text("UPDATE cohort_rows SET attempts = 2000"))
    leases = await lease_rows(single, 1, LEASE)

    await put_back_rows(single, leases, timedelta(seconds=5), timedelta(minutes=10))

    assert await single.scalar(text("SELECT attempts FROM cohort_rows")) == 2001


async def test_what_is_canceled_is_no_longer_leased(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    cohort, _ = await sent(store, good_rows(3))
    [held] = await lease_rows(single, 1, LEASE)
    async with store.begin() as connection:
        assert await cancel_waiting(connection, cohort.cohort_id, now()) == 3
        assert await take_row(connection, VAULT, held) is None
    assert (await as_it_stands(store, cohort)).canceled == 3
    assert await lease_rows(single, 3, LEASE) == ()


async def test_waiting_events_starts_and_beginners_are_counted(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    for _ in range(2):
        await opened(store)
        await received(store, "jn_nobody")
    assert await pressure(single, LEASE) == Pressure(events=2, starts=2, beginners=2)
    assert await pressure(single, EXPIRED) == Pressure(events=2, starts=2, beginners=0)


async def test_of_journeys_named_those_without_a_first_line_are_counted(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    mine = [await opened(store), await opened(store)]
    await opened(store)
    assert await not_begun(single, mine, LEASE) == 2
    await single.execute(
        text("UPDATE journeys SET sequence = 1 WHERE journey_id = :id"), {"id": mine[0]}
    )
    assert await not_begun(single, mine, LEASE) == 1
    assert await not_begun(single, mine, EXPIRED) == 0
