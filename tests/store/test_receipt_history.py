"""The history of receipts lists every delivery once, and its counts add up, whatever happened."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.events import EventType
from domain.journal import KeptBack, ReceiptStatus
from store.inbox import Arrival, canonical, receive
from store.receipt_history import Bounds, HistoryFilter, count_receipts, list_receipts
from store.receipts import ReceiptView
from tests.store.samples import CENTER, PROVIDER, an_event, running
from tests.vault import VAULT

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
TYPES = (EventType.ENROLLMENT_CONFIRMED.cloud_type, EventType.TRAINING_COMPLETED.cloud_type)


async def everything(
    connection: AsyncConnection, wanted: HistoryFilter, limit: int
) -> list[ReceiptView]:
    found: list[ReceiptView] = []
    cursor = None
    while True:
        page = await list_receipts(connection, wanted, limit, cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


async def live(engine: AsyncEngine, chance: random.Random, journey_id: str) -> None:
    """Firsts, repeats and other bodies, some at the same moment, some settled in some way."""
    async with engine.begin() as connection:
        sent: list[Arrival] = []
        for number in range(60):
            at = START + timedelta(seconds=chance.randrange(20))
            if sent and chance.random() < 0.4:
                event = chance.choice(sent)
                if chance.random() < 0.3:
                    event = Arrival(
                        **{name: getattr(event, name) for name in event.__slots__}
                        | {"canonical": canonical({"other": number})}
                    )
            else:
                partner = chance.choice((PROVIDER, CENTER))
                subject = chance.choice((journey_id, "EN-1", "EN-2"))
                event = an_event(
                    subject,
                    partner=partner,
                    source=f"/partners/{partner}",
                    type=chance.choice(TYPES),
                    kept_back=KeptBack.SCHEMA if chance.random() < 0.2 else None,
                )
                sent.append(event)
            await receive(connection, VAULT, event, at)
        receipts = list(await connection.scalars(text("SELECT receipt FROM inbox")))
        for receipt in receipts:
            if chance.random() < 0.5:
                await connection.execute(
                    text("UPDATE inbox SET status = :status WHERE receipt = :receipt"),
                    {"status": chance.choice(list(ReceiptStatus)), "receipt": receipt},
                )


def some_filter(chance: random.Random, whose: dict[str, str], journey_id: str) -> HistoryFilter:
    choices: dict[str, object] = {
        "type": chance.choice(TYPES),
        "status": chance.choice(list(ReceiptStatus)),
        "reason": chance.choice(("schema", "same_id_other_body", "too_early")),
        "subject": chance.choice((journey_id, "EN-1")),
        "journey_id": journey_id,
        "received_from": START + timedelta(seconds=chance.randrange(20)),
        "received_to": START + timedelta(seconds=chance.randrange(20)),
    }
    chosen = {name: value for name, value in choices.items() if chance.random() < 0.25}
    return HistoryFilter.model_validate(whose | chosen)


@pytest.mark.parametrize("seed", range(4))
async def test_counts_add_up_with_the_list_under_any_filter(store: AsyncEngine, seed: int) -> None:
    chance = random.Random(seed)
    journey_id = await running(store)
    await live(store, chance, journey_id)
    async with store.connect() as connection:
        for whose in ({"partner": PROVIDER}, {"partner": CENTER}, {"region": "4403"}):
            for _ in range(8):
                wanted = some_filter(chance, whose, journey_id)
                listed = await everything(connection, wanted, chance.randint(1, 30))
                counted = await count_receipts(connection, wanted)
                keys = [(each.received_at, each.receipt) for each in listed]
                assert keys == sorted(set(keys), reverse=True)
                statuses = Counter(each.status for each in listed)
                assert statuses == Counter(counted.by_status), wanted
                assert not counted.at_least


@pytest.mark.parametrize("seed", range(2))
async def test_every_delivery_of_a_partner_is_a_line_of_its_history(
    store: AsyncEngine, seed: int
) -> None:
    await live(store, random.Random(seed), await running(store))
    async with store.connect() as connection:
        listed = [
            each
            for partner in (PROVIDER, CENTER)
            for each in await everything(connection, HistoryFilter(partner=partner), 7)
        ]
        kept = await connection.scalars(
            text(
                "SELECT receipt FROM inbox UNION ALL SELECT receipt FROM inbox_repeats "
                "UNION ALL SELECT receipt FROM inbox_variants"
            )
        )
        assert sorted(each.receipt for each in listed) == sorted(kept)


async def test_a_region_sees_no_event_of_another_and_none_without_a_journey(
    store: AsyncEngine,
) -> None:
    await live(store, random.Random(7), await running(store))
    async with store.connect() as connection:
        assert await everything(connection, HistoryFilter(region="51"), 10) == []
        here = await everything(connection, HistoryFilter(region="4403"), 10)
        assert {each.journey_id for each in here} != {None}
        assert None not in {each.journey_id for each in here}


@pytest.mark.parametrize("seed", range(3))
async def test_a_region_of_many_journeys_is_looked_through_in_parts(
    store: AsyncEngine, seed: int
) -> None:
    chance = random.Random(seed)
    journey_id = await running(store)
    await live(store, chance, journey_id)
    few, many = Bounds(journeys=1), Bounds(journeys=0, lines=7)
    async with store.connect() as connection:
        for _ in range(6):
            wanted = some_filter(chance, {"region": "4403"}, journey_id)
            listed, cursor, pages = [], None, 0
            while pages == 0 or cursor:
                page = await list_receipts(connection, wanted, 5, cursor, many)
                listed += page.items
                cursor, pages = page.next_cursor, pages + 1
            whole = (await list_receipts(connection, wanted, 500, None, few)).items
            assert listed == list(whole), wanted
            counted = await count_receipts(connection, wanted, many)
            assert sum(counted.by_status.values()) <= len(whole)
            assert counted.at_least or sum(counted.by_status.values()) == len(whole)


async def test_a_page_of_a_small_region_reads_its_own_journeys_only(store: AsyncEngine) -> None:
    journey_id = await running(store)
    async with store.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO inbox (receipt, source, event_id, partner, type, subject, body_hash, "
                "received_at, status, journey_id) SELECT 'rc_' || n, '/s', 'e-' || n, 'p', 't', "
                "'s', '', now() - n * interval '1 second', 'applied', "
                "CASE WHEN n > 19990 THEN :mine ELSE 'jn_' || n % 5000 END "
                "FROM generate_series(1, 20000) AS n"
            ),
            {"mine": journey_id},
        )
        await connection.execute(text("ANALYZE inbox"))
    async with store.connect() as connection:
        before = await _rows_read(connection)
        page = await list_receipts(connection, HistoryFilter(region="440305"), 5, None)
        counted = await count_receipts(connection, HistoryFilter(region="440305"))
        after = await _rows_read(connection)
    assert len(page.items) == 5
    assert sum(counted.by_status.values()) == 10
    assert after[0] == before[0], "the inbox was read whole"
    assert after[1] - before[1] <= 100


async def test_a_page_of_a_partner_reads_its_own_newest_lines_only(store: AsyncEngine) -> None:
    """By the plan: whole tables are never read, whatever the others have sent."""
    async with store.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO inbox (receipt, source, event_id, partner, type, subject, body_hash, "
                "received_at, status) SELECT 'rc_' || n, '/s', 'e-' || n, 'p-' || n % 20, 't', "
                "'s', '', now() - n * interval '1 second', 'applied' "
                "FROM generate_series(1, 20000) AS n"
            )
        )
        await connection.execute(text("ANALYZE inbox"))
    async with store.connect() as connection:
        await connection.execute(text("SELECT pg_stat_force_next_flush()"))
        before = await _rows_read(connection)
        page = await list_receipts(connection, HistoryFilter(partner="p-3"), 10, None)
        after = await _rows_read(connection)
    assert len(page.items) == 10
    assert after[0] == before[0], "the inbox was read whole"
    assert after[1] - before[1] <= 50


async def _rows_read(connection: AsyncConnection) -> tuple[int, int]:
    """Rows of the inbox read in sequence, and fetched by an index, in this transaction too."""
    row = (
        await connection.execute(
            text(
                "SELECT pg_stat_get_xact_tuples_returned(c.oid) AS read, "
                "(SELECT sum(pg_stat_get_xact_tuples_returned(i.indexrelid)) FROM pg_index AS i "
                "WHERE i.indrelid = c.oid) AS found FROM pg_class AS c WHERE c.relname = 'inbox'"
            )
        )
    ).one()
    return int(row.read), int(row.found)
