"""Rows of files become events once, whoever crashes, and give way to what runs."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from processes.event_files import EVENTS_GO_FIRST, EventFileReader
from store.event_files import FileRowOutcome, FileRowView, FileView, list_file_rows
from tests.relay.collecting import eventually
from tests.relay.reader_process import DATA_LIMIT, PACE
from tests.store.event_files import as_it_stands, attendance, inbox_of, sent
from tests.store.samples import received
from tests.vault import VAULT

KILLS = 4


def a_reader(engine: AsyncEngine, **pace: object) -> EventFileReader:
    return EventFileReader(engine, VAULT, DATA_LIMIT, replace(PACE, **pace))  # type: ignore[arg-type]


@asynccontextmanager
async def reading(*readers: EventFileReader) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = [asyncio.create_task(reader.run(stop)) for reader in readers]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*running)


async def until_done(engine: AsyncEngine, *files: FileView) -> list[FileView]:
    async def are_done() -> bool:
        found = [await as_it_stands(engine, file) for file in files]
        return all(file.state == "done" for file in found)

    await eventually(are_done)
    return [await as_it_stands(engine, file) for file in files]


async def rows_of(engine: AsyncEngine, file: FileView) -> list[FileRowView]:
    async with engine.connect() as connection:
        return list((await list_file_rows(connection, file.file_id, None, 5000, None)).items)


async def test_each_good_row_becomes_one_event_with_its_line_in_the_audit_log(
    store: AsyncEngine,
) -> None:
    file, _ = await sent(store, attendance(150, wrong=70))
    async with reading(a_reader(store)):
        [done] = await until_done(store, file)
    rows = await rows_of(store, file)
    assert (done.sent, done.refused, await inbox_of(store)) == (149, 1, 149)
    assert [row.line for row in rows] == list(range(2, 152))
    assert [row.line for row in rows if row.outcome is FileRowOutcome.REFUSED] == [72]
    receipts = {row.receipt for row in rows if row.receipt}
    async with store.connect() as connection:
        logged = await connection.scalars(
            text("SELECT about FROM audit_log WHERE action = 'event.received'")
        )
        assert set(logged) == receipts
        assert len(receipts) == 149


async def test_two_readers_at_once_read_each_row_once(store: AsyncEngine) -> None:
    files = [(await sent(store, attendance(200, of=f"of-{number}")))[0] for number in range(3)]
    async with reading(a_reader(store), a_reader(store)):
        done = await until_done(store, *files)
    assert [file.sent for file in done] == [200] * 3
    assert await inbox_of(store) == 600


async def test_a_reader_that_is_killed_again_and_again_loses_and_doubles_nothing(
    store: AsyncEngine, database_url: str
) -> None:
    file, _ = await sent(store, attendance(600))
    for kill in range(1, KILLS + 1):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.relay.reader_process", database_url
        )

        async def some_more(wanted: int = kill * 60) -> bool:
            return (await as_it_stands(store, file)).sent >= wanted

        await eventually(some_more)
        process.kill()
        await process.wait()
    assert (await as_it_stands(store, file)).waiting > 0, "it was killed in the middle"
    async with reading(a_reader(store)):
        [done] = await until_done(store, file)
    rows = await rows_of(store, file)
    assert (done.sent, done.repeated) == (600, 0)
    assert len({row.receipt for row in rows}) == 600 == await inbox_of(store)


async def test_where_a_row_can_not_be_settled_its_chunk_has_no_events(store: AsyncEngine) -> None:
    file, _ = await sent(store, attendance(30))
    in_the_way = "INSERT INTO event_file_rows (file_id, line, outcome) VALUES (:id, 30, 'sent')"
    async with store.begin() as connection:
        await connection.execute(text(in_the_way), {"id": file.file_id})
    await a_reader(store).read_some()
    assert await inbox_of(store) == PACE.chunk, "the first chunk stands, the second is undone"
    async with store.begin() as connection:
        await connection.execute(text("DELETE FROM event_file_rows WHERE line = 30"))
        await connection.execute(text("UPDATE event_files SET leased_until = '-infinity'"))
    async with reading(a_reader(store)):
        [done] = await until_done(store, file)
    assert (done.sent, done.repeated, await inbox_of(store)) == (30, 0, 30)


async def test_a_file_that_fails_by_a_fault_of_ours_waits_and_holds_nobody_up(
    store: AsyncEngine,
) -> None:
    broken, _ = await sent(store, attendance(5, of="broken"))
    good, _ = await sent(store, attendance(5, of="good"))
    async with store.begin() as connection:
        await connection.execute(
            text("UPDATE event_files SET sealed = 'x' WHERE file_id = :id"),
            {"id": broken.file_id},
        )
    async with reading(a_reader(store)):
        await until_done(store, good)
    assert (await as_it_stands(store, broken)).state == "received"


async def test_a_row_that_says_the_same_in_another_file_is_a_repeat(store: AsyncEngine) -> None:
    first, _ = await sent(store, attendance(10))
    again, is_new = await sent(store, attendance(12))
    assert is_new
    async with reading(a_reader(store)):
        _, done = await until_done(store, first, again)
    assert (done.sent, done.repeated, await inbox_of(store)) == (2, 10, 12)


async def test_while_many_events_wait_a_chunk_waits_its_time(store: AsyncEngine) -> None:
    for _ in range(EVENTS_GO_FIRST):
        await received(store, "jn_nobody")
    await sent(store, attendance(40))
    reader = a_reader(store, gives_way=timedelta(seconds=0.5), chunks=1)
    began = time.monotonic()
    assert await reader.read_some()
    assert time.monotonic() - began >= 0.5
    assert await inbox_of(store) == EVENTS_GO_FIRST + PACE.chunk, "one chunk goes all the same"
