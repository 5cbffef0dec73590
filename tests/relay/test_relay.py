"""What PostgreSQL accepted reaches its journey: once started, in order, whatever fails between."""

import asyncio
from datetime import timedelta

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from domain.events import EventType
from domain.journal import ReceiptStatus, ReceiptUpdate, SharedReference
from processes.relay import Relay
from processes.relay_calls import Answer, start_run
from processes.relay_pace import Pace
from store.database import create_engine
from store.mailbox import lease_mail
from store.outbox import lease_starts
from store.records import PostgresJournal
from store.tables import outbox
from tests.relay.collecting import Cable, batches_of, end, eventually, relaying
from tests.store.samples import (
    CENTER,
    PROVIDER,
    a_batch,
    closed,
    fate,
    now,
    opened,
    received,
)
from tests.vault import VAULT

SHORT = Pace(starts_per_second=200, lease=timedelta(seconds=1), poll=timedelta(seconds=0.1))


async def all_started(engine: AsyncEngine) -> bool:
    async with engine.connect() as connection:
        return await connection.scalar(text("SELECT count(*) FROM outbox")) == 0


async def started(engine: AsyncEngine) -> None:
    await eventually(lambda: all_started(engine))


async def has_fate(engine: AsyncEngine, receipt: str, status: str) -> None:
    async def holds() -> bool:
        return (await fate(engine, receipt))[0] == status

    await eventually(holds)


async def test_a_journey_is_started_and_then_told_what_waited_for_it(
    store: AsyncEngine, client: Client
) -> None:
    journey_id = await opened(store)
    receipts = [(await received(store, journey_id)).receipt for _ in range(3)]
    async with relaying(store, client):
        await has_fate(store, receipts[-1], "delivered")
    assert await batches_of(client, journey_id) == [receipts]


async def test_an_event_under_a_shared_reference_says_what_it_is_about(
    store: AsyncEngine, client: Client
) -> None:
    journey_id = await opened(store)
    shared = SharedReference(ref="EN-1", partner=PROVIDER)
    await PostgresJournal(store).record(a_batch(journey_id, 1, references=(shared,)))
    async with relaying(store, client):
        await started(store)
        receipt = (await received(store, "EN-1")).receipt
        await has_fate(store, receipt, "delivered")
    handle = client.get_workflow_handle(journey_id)
    ((delivery,),) = await handle.query("batches")
    assert delivery["about"] == "EN-1"
    assert delivery["type"] == "enrollment.confirmed"
    assert delivery["data"] == {"cohort": "2026-3"}


async def test_an_early_event_waits_in_quarantine_and_is_delivered_by_itself(
    store: AsyncEngine, client: Client
) -> None:
    journey_id = await opened(store)
    receipt = (await received(store, "EN-1")).receipt
    async with relaying(store, client):
        await has_fate(store, receipt, "quarantined")
        shared = SharedReference(ref="EN-1", partner=PROVIDER)
        await PostgresJournal(store).record(a_batch(journey_id, 1, references=(shared,)))
        await has_fate(store, receipt, "delivered")
    assert await batches_of(client, journey_id) == [[receipt]]


async def test_center_a_does_not_speak_of_center_bs_booking(
    store: AsyncEngine, client: Client
) -> None:
    journey_id = await opened(store)
    shared = SharedReference(ref="BK-1", partner=CENTER)
    await PostgresJournal(store).record(a_batch(journey_id, 1, references=(shared,)))
    async with relaying(store, client):
        await started(store)
        receipt = (await received(store, "BK-1", partner="center-gz-02")).receipt
        await has_fate(store, receipt, "quarantined")
    assert (await fate(store, receipt))[1] == "not_yours"
    assert await batches_of(client, journey_id) == []


async def test_attendance_is_folded_and_wakes_nobody(store: AsyncEngine, client: Client) -> None:
    journey_id = await opened(store)
    async with relaying(store, client):
        await started(store)
        receipt = (
            await received(
                store,
                journey_id,
                type=EventType.ATTENDANCE_SUMMARY.cloud_type,
                data={
                    "enrollment_ref": "EN-1",
                    "period": "2026-W01",
                    "hours_planned": 40,
                    "hours_attended": 30,
                },
            )
        ).receipt
        await has_fate(store, receipt, "applied")
    assert await batches_of(client, journey_id) == []


async def test_events_for_an_ended_journey_open_no_run_and_are_late(
    store: AsyncEngine, client: Client
) -> None:
    journey_id = await opened(store)
    async with relaying(store, client):
        await started(store)
        await closed(store, journey_id)
        await end(client, journey_id)
        receipts = [(await received(store, journey_id)).receipt for _ in range(3)]
        for receipt in receipts:
            await has_fate(store, receipt, "late")
    description = await client.get_workflow_handle(journey_id).describe()
    assert description.close_time is not None
    async with store.connect() as connection:
        kinds = await connection.scalars(text("SELECT kind FROM journal WHERE sequence > 1"))
    assert kinds.all() == ["event_late"] * 3


async def test_several_relays_start_each_journey_once_and_deliver_each_event_once(
    store: AsyncEngine, client: Client
) -> None:
    journeys = [await opened(store) for _ in range(8)]
    async with relaying(store, client, relays=3):
        sent: dict[str, list[str]] = {journey: [] for journey in journeys}
        for number in range(48):
            journey = journeys[number % 8]
            sent[journey].append((await received(store, journey)).receipt)
        for receipts in sent.values():
            await has_fate(store, receipts[-1], "delivered")
    for journey, receipts in sent.items():
        told = [receipt for batch in await batches_of(client, journey) for receipt in batch]
        assert told == receipts


async def test_a_relay_that_died_after_the_signal_is_followed_by_one_that_signals_again(
    store: AsyncEngine, client: Client
) -> None:
    """The journey drops what it has seen; nothing is lost for the price of a repeat."""
    journey_id = await opened(store)
    async with relaying(store, client):
        await started(store)
    receipt = (await received(store, journey_id)).receipt
    async with store.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        (mail,) = await lease_mail(connection, VAULT, 1, timedelta(seconds=-1))
    await client.get_workflow_handle(journey_id).signal("deliver", list(mail.deliveries))
    async with relaying(store, client):
        await has_fate(store, receipt, "delivered")
    assert await batches_of(client, journey_id) == [[receipt], [receipt]]


async def test_a_relay_that_died_after_the_start_does_not_start_a_second_run(
    store: AsyncEngine, client: Client
) -> None:
    journey_id = await opened(store)
    async with store.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        (start,) = await lease_starts(connection, 1, timedelta(seconds=-1))
    assert await start_run(client, start) is Answer.DONE
    first = await client.get_workflow_handle(journey_id).describe()
    async with relaying(store, client):
        await started(store)
    again = await client.get_workflow_handle(journey_id).describe()
    assert again.run_id == first.run_id


async def test_a_closed_journey_is_never_started_again(store: AsyncEngine, client: Client) -> None:
    journey_id = await opened(store)
    async with store.connect() as connection:
        (line,) = await lease_starts(connection, 1, timedelta(0))
    async with relaying(store, client):
        await started(store)
        await end(client, journey_id)
        async with store.begin() as connection:
            await connection.execute(
                insert(outbox),
                {"journey_id": journey_id, "brief": line.brief, "written_at": now()},
            )
        await started(store)
    description = await client.get_workflow_handle(journey_id).describe()
    assert description.close_time is not None


async def test_while_temporal_is_away_everything_is_kept_and_then_carried_out(
    store: AsyncEngine, client: Client
) -> None:
    cable = Cable(client.service_client.config.target_host)
    await cable.mend()
    far = await Client.connect(
        cable.address, namespace=client.namespace, data_converter=pydantic_data_converter
    )
    running_journey = await opened(store)
    async with relaying(store, far, SHORT):
        await started(store)
        await cable.cut()
        new_journey = await opened(store)
        receipts = [
            (await received(store, journey)).receipt for journey in (running_journey, new_journey)
        ]
        await eventually(lambda: was_tried(store, running_journey))
        assert {(await fate(store, receipt))[0] for receipt in receipts} == {"received"}
        await cable.mend()
        for receipt in receipts:
            await has_fate(store, receipt, "delivered")
        await started(store)
    await cable.cut()
    assert (await batches_of(client, running_journey))[-1] == [receipts[0]]
    assert await batches_of(client, new_journey) == [[receipts[1]]]


async def test_a_relay_goes_on_after_postgresql_dropped_every_connection(
    store: AsyncEngine, client: Client, database_url: str
) -> None:
    journey_id = await opened(store)
    async with store.connect() as connection:
        others = (await connection.scalars(text("SELECT pid FROM pg_stat_activity"))).all()
    relays_own = create_engine(database_url, pool_size=4)
    async with relaying(relays_own, client, SHORT):
        await started(store)
        async with store.connect() as connection:
            dropped = await connection.scalars(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> ALL(:others) "
                    "AND pid <> pg_backend_pid()"
                ),
                {"others": list(others)},
            )
            assert len(dropped.all()) >= 2
        receipt = (await received(store, journey_id)).receipt
        await has_fate(store, receipt, "delivered")
    await relays_own.dispose()
    assert await batches_of(client, journey_id) == [[receipt]]


async def was_tried(engine: AsyncEngine, journey_id: str) -> bool:
    async with engine.connect() as connection:
        token = await connection.scalar(
            text("SELECT token FROM mailboxes WHERE journey_id = :id"), {"id": journey_id}
        )
    return bool(token)


async def test_a_receipt_that_the_journey_settled_is_not_marked_delivered(
    store: AsyncEngine, client: Client
) -> None:
    journey_id = await opened(store)
    async with relaying(store, client):
        await started(store)
        receipt = (await received(store, journey_id)).receipt
        applied = ReceiptUpdate(receipt=receipt, status=ReceiptStatus.APPLIED, reason="at once")
        await PostgresJournal(store).record(a_batch(journey_id, 1, receipts=(applied,)))
        after = (await received(store, journey_id)).receipt
        await has_fate(store, after, "delivered")
    assert await fate(store, receipt) == ("applied", "at once")


async def test_a_relay_told_to_stop_ends_at_once(store: AsyncEngine, client: Client) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(Relay(store, client, VAULT, Pace(poll=timedelta(hours=1))).run(stop))
    journey_id = await opened(store)
    await eventually(lambda: all_started(store))
    stop.set()
    async with asyncio.timeout(30):
        await task
    assert (await client.get_workflow_handle(journey_id).describe()).id == journey_id
