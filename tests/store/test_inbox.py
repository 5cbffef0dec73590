"""An event is taken in once; a repeat gets a receipt of its own, another body is refused."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.journal import ReceiptStatus
from store.inbox import (
    Incoming,
    Received,
    SameIdOtherBody,
    quarantine,
    receive,
)
from store.receipts import count_by_status, receipt
from tests.store.samples import CENTER, PROVIDER, an_event, now, running


async def take_in(engine: AsyncEngine, event: Incoming) -> Received:
    async with engine.begin() as connection:
        return await receive(connection, event, now())


async def test_an_event_is_kept_with_everything_it_said(store: AsyncEngine) -> None:
    event = an_event("EN-1", data={"cohort": "二〇二六", "hours": 1.5}, sequence="7")
    received = await take_in(store, event)
    assert received.status is ReceiptStatus.RECEIVED
    async with store.connect() as connection:
        row = (await connection.execute(text("SELECT * FROM inbox"))).one()
    kept = {name: getattr(row, name) for name in Incoming.model_fields}
    assert Incoming.model_validate(kept) == event


async def test_one_event_sent_46_times_has_45_repeats_with_receipts_of_their_own(
    store: AsyncEngine,
) -> None:
    event = an_event("EN-1")
    answers = [await take_in(store, event) for _ in range(46)]
    assert [answer.repeat for answer in answers] == [False] + [True] * 45
    assert len({answer.receipt for answer in answers}) == 46
    assert {answer.original for answer in answers[1:]} == {answers[0].receipt}
    async with store.connect() as connection:
        counted = await count_by_status(connection)
    assert counted[ReceiptStatus.RECEIVED] == 1
    assert counted[ReceiptStatus.DUPLICATE] == 45


async def test_of_twenty_at_once_one_is_the_first(store: AsyncEngine) -> None:
    event = an_event("EN-1")
    answers = await asyncio.gather(*(take_in(store, event) for _ in range(20)))
    firsts = [answer for answer in answers if not answer.repeat]
    assert len(firsts) == 1
    assert {answer.original for answer in answers if answer.repeat} == {firsts[0].receipt}


async def test_the_same_id_with_another_body_is_refused_and_writes_nothing(
    store: AsyncEngine,
) -> None:
    event = an_event("EN-1")
    first = await take_in(store, event)
    with pytest.raises(SameIdOtherBody) as refused:
        await take_in(store, event.model_copy(update={"body_hash": "another"}))
    assert refused.value.receipt == first.receipt
    async with store.connect() as connection:
        counted = await count_by_status(connection)
    assert sum(counted.values()) == 1


async def test_two_sources_may_use_the_same_id(store: AsyncEngine) -> None:
    event = an_event("EN-1")
    other = event.model_copy(update={"source": "/partners/other", "body_hash": "another"})
    assert not (await take_in(store, event)).repeat
    assert not (await take_in(store, other)).repeat


async def test_an_event_that_does_not_fit_is_kept_with_the_reason(store: AsyncEngine) -> None:
    event = an_event("EN-1")
    async with store.begin() as connection:
        kept = await quarantine(connection, event, "data.start: no date", now())
        view = await receipt(connection, kept.receipt, PROVIDER)
    assert view is not None
    assert (view.status, view.reason) == (ReceiptStatus.QUARANTINED, "data.start: no date")
    assert (await take_in(store, event)).original == kept.receipt


async def test_a_sender_finds_its_event_by_receipt_or_by_its_own_id(store: AsyncEngine) -> None:
    event = an_event("EN-1")
    received = await take_in(store, event)
    async with store.connect() as connection:
        for asked in (received.receipt, event.event_id):
            view = await receipt(connection, asked, PROVIDER)
            assert view is not None
            assert view.receipt == received.receipt


async def test_anothers_event_does_not_exist_for_a_partner(store: AsyncEngine) -> None:
    event = an_event("EN-1")
    first = await take_in(store, event)
    repeat = await take_in(store, event)
    async with store.connect() as connection:
        for asked in (first.receipt, repeat.receipt, event.event_id):
            assert await receipt(connection, asked, CENTER) is None
            assert await receipt(connection, asked, None) is not None


async def test_the_receipt_of_a_repeat_names_the_first(store: AsyncEngine) -> None:
    event = an_event("EN-1")
    first, repeat = await take_in(store, event), await take_in(store, event)
    async with store.connect() as connection:
        view = await receipt(connection, repeat.receipt, PROVIDER)
    assert view is not None
    assert (view.receipt, view.status) == (repeat.receipt, ReceiptStatus.DUPLICATE)
    assert view.original == first.receipt


async def test_an_event_about_a_known_journey_is_sorted_at_the_door(store: AsyncEngine) -> None:
    journey_id = await running(store)
    await take_in(store, an_event(journey_id))
    async with store.connect() as connection:
        assert await connection.scalar(text("SELECT journey_id FROM inbox")) == journey_id


async def test_an_event_that_is_rolled_back_was_never_received(store: AsyncEngine) -> None:
    event = an_event("EN-1")
    async with store.connect() as connection:
        await receive(connection, event, now())
        await connection.rollback()
    assert not (await take_in(store, event)).repeat
