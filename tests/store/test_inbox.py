"""An event is taken in once; a repeat gets a receipt of its own, another body is kept beside it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.journal import KeptBack, ReceiptStatus
from store.inbox import Arrival, Received, Variant, canonical, erase_events, receive
from store.receipts import count_by_status, receipt
from store.sealed_events import open_event, read_data
from tests.store.samples import CENTER, PROVIDER, an_event, now, running
from tests.vault import VAULT

OTHER = canonical({"another": "body"})


async def answered(engine: AsyncEngine, event: Arrival) -> Received | Variant:
    async with engine.begin() as connection:
        return await receive(connection, VAULT, event, now())


async def take_in(engine: AsyncEngine, event: Arrival) -> Received:
    answer = await answered(engine, event)
    assert isinstance(answer, Received)
    return answer


async def rows(engine: AsyncEngine, query: str) -> Sequence[tuple[object, ...]]:
    async with engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(query))]


async def audited(engine: AsyncEngine) -> Sequence[tuple[object, ...]]:
    return await rows(
        engine,
        "SELECT action, actor_id, actor_role, about FROM audit_log"
        " WHERE actor_role = 'partner' ORDER BY at",
    )


async def test_an_event_is_kept_with_everything_it_said(store: AsyncEngine) -> None:
    event = an_event("EN-1", data={"cohort": "二〇二六", "hours": 1.5}, sequence="7", raw=b"\xff\n")
    received = await take_in(store, event)
    assert received.status is ReceiptStatus.RECEIVED
    async with store.connect() as connection:
        row = (await connection.execute(text("SELECT * FROM inbox"))).one()
    for name in ("source", "event_id", "partner", "type", "subject", "time", "sequence"):
        assert getattr(row, name) == getattr(event, name)
    assert read_data(VAULT, received.receipt, row.sealed) == event.data
    assert open_event(VAULT, received.receipt, row.sealed)[1] == event.raw


async def test_nothing_that_an_event_says_lies_in_plain(store: AsyncEngine) -> None:
    event = an_event("EN-1", data={"reason": "canary"}, raw=b"canary")
    await take_in(store, event)
    await answered(store, replace(event, canonical=OTHER))
    async with store.connect() as connection:
        for table in ("inbox", "inbox_variants", "audit_log"):
            lines = (await connection.execute(text(f"SELECT t::text FROM {table} t"))).scalars()
            assert not any(line for line in lines if "canary" in line or b"canary".hex() in line)


async def test_an_event_and_its_audit_line_are_one_transaction(store: AsyncEngine) -> None:
    event = an_event("EN-1")
    first = await take_in(store, event)
    repeat = await take_in(store, event)
    variant = await answered(store, replace(event, canonical=OTHER))
    kept = await take_in(store, an_event("EN-1", kept_back=KeptBack.SCHEMA, detail="no date"))
    assert await audited(store) == [
        ("event.received", PROVIDER, "partner", first.receipt),
        ("event.repeated", PROVIDER, "partner", repeat.receipt),
        ("event.variant_refused", PROVIDER, "partner", variant.receipt),
        ("event.quarantined", PROVIDER, "partner", kept.receipt),
    ]
    async with store.connect() as connection:
        await receive(connection, VAULT, an_event("EN-1"), now())
        await connection.rollback()
    assert len(await audited(store)) == 4


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


async def test_another_body_under_the_same_id_is_kept_beside_the_first(
    store: AsyncEngine,
) -> None:
    event = an_event("EN-1")
    first = await take_in(store, event)
    variant = replace(event, canonical=OTHER, raw=b"another")
    answers = [await answered(store, variant) for _ in range(3)]
    assert all(isinstance(answer, Variant) for answer in answers)
    assert {answer.original for answer in answers} == {first.receipt}
    async with store.connect() as connection:
        (kept,) = (await connection.execute(text("SELECT * FROM inbox_variants"))).all()
        counted = await count_by_status(connection)
    assert kept.receipt == answers[0].receipt
    assert open_event(VAULT, kept.receipt, kept.sealed)[1] == b"another"
    assert (counted[ReceiptStatus.RECEIVED], counted[ReceiptStatus.REJECTED]) == (1, 1)
    assert (await take_in(store, event)).repeat


async def test_two_sources_may_use_the_same_id(store: AsyncEngine) -> None:
    event = an_event("EN-1")
    other = replace(event, source="/partners/other", canonical=OTHER)
    assert not (await take_in(store, event)).repeat
    assert not (await take_in(store, other)).repeat


async def test_of_twenty_at_once_with_two_bodies_one_is_the_first(store: AsyncEngine) -> None:
    event = an_event("EN-1")
    bodies = [event, replace(event, canonical=OTHER)] * 10
    answers = await asyncio.gather(*(answered(store, body) for body in bodies))
    firsts = [answer.receipt for answer in answers if not answer.original]
    assert len(firsts) == 1
    assert {answer.original for answer in answers if answer.original} == set(firsts)
    assert sum(isinstance(answer, Variant) for answer in answers) == 10


async def test_an_event_that_does_not_fit_is_kept_with_the_reason(store: AsyncEngine) -> None:
    event = an_event("EN-1", kept_back=KeptBack.SCHEMA, detail="data.start: no date")
    kept = await take_in(store, event)
    assert (kept.status, kept.reason) == (ReceiptStatus.QUARANTINED, "schema")
    assert await rows(store, "SELECT status, reason, detail FROM inbox") == [
        ("quarantined", "schema", "data.start: no date")
    ]
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
        await receive(connection, VAULT, event, now())
        await connection.rollback()
    assert not (await take_in(store, event)).repeat


async def test_one_statement_on_a_connection_that_commits_by_itself_is_enough(
    store: AsyncEngine,
) -> None:
    event = an_event("EN-1")
    async with store.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        first = await receive(connection, VAULT, event, now())
    assert len(await audited(store)) == 1
    assert (await take_in(store, event)).original == first.receipt


async def test_what_was_erased_can_not_be_read_and_is_still_known_as_a_repeat(
    store: AsyncEngine,
) -> None:
    journey_id, other = await running(store), await running(store)
    event = an_event(journey_id)
    await take_in(store, event)
    await answered(store, replace(event, canonical=OTHER))
    await take_in(store, an_event(other))
    async with store.begin() as connection:
        await erase_events(connection, [journey_id])
    assert await rows(store, "SELECT sealed IS NULL FROM inbox ORDER BY arrival") == [
        (True,),
        (False,),
    ]
    assert (await take_in(store, event)).repeat
    await answered(store, replace(event, canonical=canonical({"a": "third"})))
    assert await rows(store, "SELECT DISTINCT sealed IS NULL FROM inbox_variants") == [(True,)]
