"""The same key and body get the same answer; another body is refused; one works at a time."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from store.idempotency import (
    ABANDONED_AFTER,
    Finished,
    Fresh,
    KeyInFlight,
    KeyReused,
    begin,
    finish,
    forget,
)
from tests.store.samples import now

ANSWER = Finished(status=201, headers={"location": "/v1/journeys/jn_1"}, body='{"id": "jn_1"}')


async def claim(engine: AsyncEngine, fingerprint: str = "body") -> Fresh | Finished:
    async with engine.begin() as connection:
        return await begin(connection, "staff-7", "key-1", fingerprint, now())


async def answer(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await finish(connection, "staff-7", "key-1", ANSWER.status, ANSWER.body, ANSWER.headers)


async def test_a_finished_request_is_answered_the_same_again(store: AsyncEngine) -> None:
    assert await claim(store) == Fresh()
    await answer(store)
    assert await claim(store) == ANSWER


async def test_another_body_under_the_key_is_refused(store: AsyncEngine) -> None:
    await claim(store)
    await answer(store)
    with pytest.raises(KeyReused):
        await claim(store, "another body")


async def test_another_callers_key_is_another_key(store: AsyncEngine) -> None:
    await claim(store)
    async with store.begin() as connection:
        assert await begin(connection, "staff-8", "key-1", "other", now()) == Fresh()


async def test_a_request_that_is_being_worked_on_is_in_flight(store: AsyncEngine) -> None:
    await claim(store)
    with pytest.raises(KeyInFlight):
        await claim(store)


async def test_nobody_waits_for_a_transaction_that_holds_the_key(store: AsyncEngine) -> None:
    async with store.begin() as holding:
        assert await begin(holding, "staff-7", "key-1", "body", now()) == Fresh()
        async with asyncio.timeout(30):
            with pytest.raises(KeyInFlight):
                await claim(store)


async def test_a_request_that_is_rolled_back_leaves_the_key_free(store: AsyncEngine) -> None:
    async with store.connect() as connection:
        await begin(connection, "staff-7", "key-1", "body", now())
        await connection.rollback()
    assert await claim(store, "another body") == Fresh()


async def test_an_abandoned_request_is_taken_over_by_the_same_body_only(
    store: AsyncEngine,
) -> None:
    long_ago = now() - ABANDONED_AFTER - timedelta(seconds=1)
    async with store.begin() as connection:
        await begin(connection, "staff-7", "key-1", "body", long_ago)
    with pytest.raises(KeyReused):
        await claim(store, "another body")
    assert await claim(store) == Fresh()
    with pytest.raises(KeyInFlight):
        await claim(store)


async def test_of_twenty_at_once_one_does_the_work(store: AsyncEngine) -> None:
    answers = await asyncio.gather(*(claim(store) for _ in range(20)), return_exceptions=True)
    assert answers.count(Fresh()) == 1
    assert sum(isinstance(answer, KeyInFlight) for answer in answers) == 19


async def test_who_gives_up_late_does_not_remove_the_claim_of_who_took_over(
    store: AsyncEngine,
) -> None:
    long_ago = now() - ABANDONED_AFTER - timedelta(seconds=1)
    async with store.begin() as connection:
        await begin(connection, "staff-7", "key-1", "body", long_ago)
    taken_over_at = now()
    async with store.begin() as connection:
        assert await begin(connection, "staff-7", "key-1", "body", taken_over_at) == Fresh()

    async with store.begin() as connection:
        await forget(connection, "staff-7", "key-1", long_ago)
    with pytest.raises(KeyInFlight):
        await claim(store)

    async with store.begin() as connection:
        await forget(connection, "staff-7", "key-1", taken_over_at)
    assert await claim(store, "another body") == Fresh()
