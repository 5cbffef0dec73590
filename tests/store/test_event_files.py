"""Files of events in the store: kept once, held by one, settled with what they become."""

import asyncio
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from store.event_file_work import (
    SettledRow,
    give_back_file,
    hold_file,
    lease_file,
    put_back_file,
    settle_rows,
    take_file,
)
from store.event_files import FileRowOutcome, find_file, list_file_rows
from tests.store.event_files import as_it_stands, attendance, sent
from tests.store.samples import PROVIDER, now
from tests.vault import VAULT

LEASE = timedelta(seconds=30)
GONE = timedelta()


async def test_the_same_file_is_kept_once_even_when_it_comes_twice_at_once(
    store: AsyncEngine,
) -> None:
    content = attendance(3)
    kept = await asyncio.gather(*(sent(store, content) for _ in range(4)))

    assert len({file.file_id for file, _ in kept}) == 1
    assert sorted(is_new for _, is_new in kept) == [False, False, False, True]
    other, is_new = await sent(store, content, "registry-gd")
    assert is_new, "another partner's file is another file"
    async with store.connect() as connection:
        assert await find_file(connection, PROVIDER, other.file_id) is None


async def test_a_file_lies_sealed_about_its_id(store: AsyncEngine) -> None:
    content = attendance(3, of="enr-of-somebody")
    file, _ = await sent(store, content)

    async with store.connect() as connection:
        lease = await lease_file(connection, LEASE)
        assert lease is not None
        held = await take_file(connection, lease)
        kept = await connection.scalar(text("SELECT string_agg(f::text, '') FROM event_files f"))
    assert held is not None
    assert VAULT.unseal(held.sealed, file.file_id) == content
    assert content.hex() not in kept
    assert b"somebody" not in held.sealed


async def test_a_lease_is_one_relays_and_its_token_fences_off_the_one_before(
    store: AsyncEngine,
) -> None:
    file, _ = await sent(store, attendance(2))
    async with store.begin() as connection:
        old = await lease_file(connection, GONE)
    async with store.begin() as connection:
        new = await lease_file(connection, LEASE)
        assert await lease_file(connection, LEASE) is None
    assert old is not None
    assert new is not None

    async with store.begin() as connection:
        assert await take_file(connection, old) is None
        assert await hold_file(connection, old, LEASE) is None
        await give_back_file(connection, old)
        await put_back_file(connection, old, GONE, GONE)
        assert await lease_file(connection, LEASE) is None, "the old one gives nothing back"
        assert await hold_file(connection, new, LEASE) == 0
        rows = [SettledRow(line, FileRowOutcome.SENT, f"ev-{line}", f"rc-{line}") for line in (2,)]
        await settle_rows(connection, new, rows, now())
    stands = await as_it_stands(store, file)
    assert (stands.state, stands.sent, stands.waiting) == ("reading", 1, 1)


async def test_the_last_row_ends_a_file_and_wipes_it(store: AsyncEngine) -> None:
    file, _ = await sent(store, attendance(2))
    async with store.begin() as connection:
        lease = await lease_file(connection, LEASE)
        assert lease is not None
        rows = [
            SettledRow(2, FileRowOutcome.SENT, "ev-2", "rc-2"),
            SettledRow(3, FileRowOutcome.REPEATED, "ev-2", "rc-3", "rc-2"),
        ]
        await settle_rows(connection, lease, rows, now())
        await give_back_file(connection, lease)
    stands = await as_it_stands(store, file)
    assert (stands.state, stands.sent, stands.repeated) == ("done", 1, 1)
    async with store.begin() as connection:
        assert await lease_file(connection, LEASE) is None
        page = await list_file_rows(connection, file.file_id, FileRowOutcome.REPEATED, 10, None)
    [row] = page.items
    assert (row.receipt, row.original, row.status) == ("rc-3", "rc-2", "duplicate")


async def test_files_take_turns(store: AsyncEngine) -> None:
    files = [(await sent(store, attendance(1, of=f"of-{number}")))[0] for number in range(3)]
    taken = []
    for _ in range(6):
        async with store.begin() as connection:
            lease = await lease_file(connection, LEASE)
        assert lease is not None
        taken.append(lease.file_id)
        async with store.begin() as connection:
            await give_back_file(connection, lease)
    assert taken == [file.file_id for file in files] * 2


async def test_a_file_that_fails_waits_longer_each_time(store: AsyncEngine) -> None:
    await sent(store, attendance(1))
    waits = []
    for _ in range(3):
        async with store.begin() as connection:
            await connection.execute(text("UPDATE event_files SET leased_until = '-infinity'"))
            lease = await lease_file(connection, LEASE)
            assert lease is not None
            await put_back_file(connection, lease, timedelta(seconds=10), timedelta(seconds=25))
            waits.append(
                await connection.scalar(
                    text(
                        "SELECT round(extract(epoch FROM leased_until - clock_timestamp())) "
                        "FROM event_files"
                    )
                )
            )
    assert [int(wait or 0) for wait in waits] == [10, 20, 25]
