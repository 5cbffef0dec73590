"""One relay at a time delivers to a journey; one whose lease ran out can't mark any more."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.events import EventType
from domain.journal import ReceiptStatus, ReceiptUpdate, SharedReference
from store.late import close_late, take_back_unread
from store.mailbox import MOST_IN_ONE_SIGNAL, delivered, lease_mail, put_back
from store.records import PostgresJournal
from tests.store.samples import (
    PROVIDER,
    a_batch,
    closed,
    fate,
    opened,
    received,
    running,
)
from tests.vault import VAULT

LEASE = timedelta(seconds=30)
EXPIRED = timedelta(seconds=-1)


@pytest.fixture
async def single(store: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    engine = store.execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        yield connection


async def test_mail_of_a_journey_comes_in_the_order_of_receipt(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    journey_id = await running(store)
    await PostgresJournal(store).record(
        a_batch(journey_id, 1, references=(SharedReference(ref="EN-1", partner=PROVIDER),))
    )
    receipts = [
        (await received(store, subject)).receipt
        for subject in (journey_id, "EN-1", journey_id, "EN-1")
    ]
    (mail,) = await lease_mail(single, VAULT, 10, LEASE)
    assert mail.journey_id == journey_id
    assert [delivery.receipt for delivery in mail.deliveries] == receipts
    assert [delivery.about for delivery in mail.deliveries] == [None, "EN-1", None, "EN-1"]
    assert {delivery.type for delivery in mail.deliveries} == {EventType.ENROLLMENT_CONFIRMED}


async def test_a_leased_journey_is_not_leased_again(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    journey_id = await running(store)
    await received(store, journey_id)
    assert len(await lease_mail(single, VAULT, 10, LEASE)) == 1
    await received(store, journey_id)
    assert await lease_mail(single, VAULT, 10, LEASE) == ()


async def test_many_relays_at_once_share_the_journeys_out(store: AsyncEngine) -> None:
    journeys = {await running(store) for _ in range(12)}
    for journey_id in journeys:
        await received(store, journey_id)

    async def lease() -> list[str]:
        engine = store.execution_options(isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            return [mail.journey_id for mail in await lease_mail(connection, VAULT, 5, LEASE)]

    leased = [
        journey for each in await asyncio.gather(*(lease() for _ in range(6))) for journey in each
    ]
    leased += await lease()
    leased += await lease()
    leased += await lease()
    assert sorted(leased) == sorted(journeys)


async def test_who_waits_longest_comes_first(store: AsyncEngine, single: AsyncConnection) -> None:
    journeys = [await running(store) for _ in range(4)]
    for journey_id in journeys:
        await received(store, journey_id)
    first = await lease_mail(single, VAULT, 2, LEASE)
    assert {mail.journey_id for mail in first} == set(journeys[:2])


async def test_a_long_queue_goes_in_several_signals(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    journey_id = await running(store)
    receipts = [(await received(store, journey_id)).receipt for _ in range(MOST_IN_ONE_SIGNAL + 3)]
    (first,) = await lease_mail(single, VAULT, 10, LEASE)
    await delivered(single, [first])
    (second,) = await lease_mail(single, VAULT, 10, LEASE)
    handed_over = [*first.deliveries, *second.deliveries]
    assert len(first.deliveries) == MOST_IN_ONE_SIGNAL
    assert [delivery.receipt for delivery in handed_over] == receipts


async def test_events_of_a_journey_that_is_not_started_yet_stay(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    journey_id = await opened(store)
    receipt = (await received(store, journey_id)).receipt
    assert await lease_mail(single, VAULT, 10, LEASE) == ()
    assert await fate(store, receipt) == ("received", "")


async def test_what_was_signaled_is_marked_and_the_lease_given_back(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    journey_id = await running(store)
    receipt = (await received(store, journey_id)).receipt
    mails = await lease_mail(single, VAULT, 10, LEASE)
    assert await delivered(single, mails) == {journey_id}
    assert (await fate(store, receipt))[0] == "delivered"
    await received(store, journey_id)
    assert len(await lease_mail(single, VAULT, 10, LEASE)) == 1


async def test_the_mark_of_a_slow_relay_is_refused(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    journey_id = await running(store)
    receipt = (await received(store, journey_id)).receipt
    slow = await lease_mail(single, VAULT, 10, EXPIRED)
    quick = await lease_mail(single, VAULT, 10, LEASE)
    assert quick[0].token > slow[0].token
    assert await delivered(single, slow) == frozenset()
    assert (await fate(store, receipt))[0] == "received"
    await put_back(single, slow, EXPIRED)
    assert await lease_mail(single, VAULT, 10, LEASE) == ()
    assert await delivered(single, quick) == {journey_id}


async def test_a_relay_that_dies_leaves_its_mail_to_the_next(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    journey_id = await running(store)
    receipt = (await received(store, journey_id)).receipt
    await lease_mail(single, VAULT, 10, EXPIRED)
    (again,) = await lease_mail(single, VAULT, 10, LEASE)
    assert [delivery.receipt for delivery in again.deliveries] == [receipt]


async def test_the_mark_never_overwrites_what_the_journey_recorded(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    journey_id = await running(store)
    receipt = (await received(store, journey_id)).receipt
    mails = await lease_mail(single, VAULT, 10, LEASE)
    applied = ReceiptUpdate(receipt=receipt, status=ReceiptStatus.APPLIED, reason="in time")
    await PostgresJournal(store).record(a_batch(journey_id, 1, receipts=(applied,)))
    await delivered(single, mails)
    assert await fate(store, receipt) == ("applied", "in time")


async def test_what_can_not_be_read_is_put_away_and_stops_nobody(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    journey_id = await running(store)
    unreadable = (await received(store, journey_id, source="with a space")).receipt
    readable = (await received(store, journey_id)).receipt
    (mail,) = await lease_mail(single, VAULT, 10, LEASE)
    assert [delivery.receipt for delivery in mail.deliveries] == [readable]
    assert (await fate(store, unreadable))[0] == "quarantined"


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE inbox SET sealed = NULL WHERE receipt = :of",
        "UPDATE inbox SET sealed = 'junk' WHERE receipt = :of",
        (
            "UPDATE inbox SET sealed = set_byte(sealed, 20, 255 - get_byte(sealed, 20))"
            " WHERE receipt = :of"
        ),
        (
            "UPDATE inbox SET sealed = other.sealed FROM inbox AS other"
            " WHERE inbox.receipt = :of AND other.receipt <> :of"
        ),
    ],
)
async def test_what_can_not_be_unsealed_is_put_away_with_a_line_in_the_audit_log(
    store: AsyncEngine, single: AsyncConnection, harm: str
) -> None:
    journey_id = await running(store)
    harmed = (await received(store, journey_id)).receipt
    readable = (await received(store, journey_id)).receipt
    await single.execute(text(harm), {"of": harmed})
    (mail,) = await lease_mail(single, VAULT, 10, LEASE)
    assert [delivery.receipt for delivery in mail.deliveries] == [readable]
    assert await fate(store, harmed) == ("quarantined", "undeliverable")
    lines = await single.execute(
        text("SELECT action, actor_id FROM audit_log WHERE about = :of ORDER BY at"),
        {"of": harmed},
    )
    assert [tuple(line) for line in lines] == [
        ("event.received", PROVIDER),
        ("event.quarantined", "journeyman"),
    ]


async def test_events_for_an_ended_journey_are_late_with_lines_in_the_journal(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    journey_id = await running(store)
    await closed(store, journey_id)
    receipts = [(await received(store, journey_id)).receipt for _ in range(2)]
    (mail,) = await lease_mail(single, VAULT, 10, LEASE)
    async with store.begin() as connection:
        assert await close_late(connection, mail)
    assert {(await fate(store, receipt))[0] for receipt in receipts} == {"late"}
    async with store.connect() as connection:
        lines = (
            await connection.execute(
                text("SELECT sequence, kind, receipt FROM journal ORDER BY sequence")
            )
        ).all()
        sequence = await connection.scalar(text("SELECT sequence FROM journeys"))
    assert [tuple(line) for line in lines[1:]] == [
        (2, "event_late", receipts[0]),
        (3, "event_late", receipts[1]),
    ]
    assert sequence == 3


async def test_an_open_journey_is_not_called_ended(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    journey_id = await running(store)
    receipt = (await received(store, journey_id)).receipt
    (mail,) = await lease_mail(single, VAULT, 10, LEASE)
    async with store.begin() as connection:
        assert not await close_late(connection, mail)
    assert (await fate(store, receipt))[0] == "received"


async def test_two_relays_do_not_write_the_same_late_line_twice(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    journey_id = await running(store)
    await closed(store, journey_id)
    await received(store, journey_id)
    slow = (await lease_mail(single, VAULT, 10, EXPIRED))[0]
    quick = (await lease_mail(single, VAULT, 10, LEASE))[0]
    async with store.begin() as connection:
        assert not await close_late(connection, slow)
    async with store.begin() as connection:
        assert await close_late(connection, quick)
    async with store.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM journal")) == 2


async def test_what_an_ended_journey_never_settled_is_offered_again(
    store: AsyncEngine, single: AsyncConnection
) -> None:
    ended, open_one = await running(store), await running(store)
    receipts = [(await received(store, journey)).receipt for journey in (ended, open_one)]
    await delivered(single, await lease_mail(single, VAULT, 10, LEASE))
    await closed(store, ended)
    await take_back_unread(single, LEASE)
    assert [(await fate(store, receipt))[0] for receipt in receipts] == ["delivered"] * 2
    await take_back_unread(single, EXPIRED)
    assert [(await fate(store, receipt))[0] for receipt in receipts] == ["received", "delivered"]
