"""Writing the audit log: in the caller's transaction, without waiting, without a gap."""

import asyncio

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from store.audit import append
from store.audit_tables import audit_log, audit_seals
from store.database import create_engine
from tests.store.test_audit import LATER, a_line, seal, verify

WRITERS = 50


async def lines_of(engine: AsyncEngine) -> list[tuple[int, int]]:
    async with engine.connect() as connection:
        rows = await connection.execute(
            select(audit_log.c.strand, audit_log.c.sequence).order_by(
                audit_log.c.strand, audit_log.c.sequence
            )
        )
        return [(row.strand, row.sequence) for row in rows]


async def test_lines_of_one_transaction_follow_each_other(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await append(connection, a_line(1))
        await append(connection, a_line(2))
        await connection.execute(
            text(
                "SELECT audit_append('journey.opened', 'a', 'b', 'jn_' || n, '{}') "
                "FROM generate_series(1, 3) AS n"
            )
        )
    assert await lines_of(engine) == [(1, number) for number in range(1, 6)]
    await seal(engine)
    assert await verify(engine, after=LATER) == []


async def test_nothing_is_written_where_the_transaction_fails(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await append(connection, a_line(1))
        await connection.rollback()
    async with engine.begin() as connection:
        await append(connection, a_line(2))
        inner = await connection.begin_nested()
        await append(connection, a_line(3))
        await inner.rollback()
        await append(connection, a_line(4))
    assert await lines_of(engine) == [(1, 1), (1, 2)]
    await seal(engine)
    assert await verify(engine, after=LATER) == []


async def test_a_writer_does_not_wait_for_one_that_is_still_at_it(engine: AsyncEngine) -> None:
    async with engine.begin() as slow:
        await append(slow, a_line(1))
        async with asyncio.timeout(30), engine.begin() as quick:
            await append(quick, a_line(2))
        await append(slow, a_line(3))
    assert await lines_of(engine) == [(1, 1), (1, 2), (2, 1)]


async def test_many_writers_at_once_leave_a_whole_log(database_url: str) -> None:
    engine = create_engine(database_url, pool_size=WRITERS)

    async def write(writer: int) -> None:
        for number in range(10):
            async with engine.connect() as connection:
                await append(connection, a_line(number, about=f"jn_{writer}"))
                await append(connection, a_line(number, about=f"jn_{writer}"))
                await (connection.rollback() if number % 5 == 4 else connection.commit())

    try:
        await asyncio.gather(*(write(writer) for writer in range(WRITERS)))
        await seal(engine)
        assert len(await lines_of(engine)) == WRITERS * 16
        assert len({strand for strand, _ in await lines_of(engine)}) <= WRITERS
        assert await verify(engine, after=LATER) == []
    finally:
        await engine.dispose()


@pytest.mark.parametrize("table", ["audit_log", "audit_seals"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET hash = ''", "DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}"]
)
async def test_a_process_may_not_alter_the_log(
    engine: AsyncEngine, table: str, statement: str
) -> None:
    with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
        async with engine.begin() as connection:
            await connection.execute(text(statement.format(table)))


async def test_a_process_may_not_write_a_line_by_itself(engine: AsyncEngine) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with engine.begin() as connection:
            await connection.execute(
                insert(audit_log).values(
                    strand=1,
                    sequence=1,
                    at=func.now(),
                    action="a",
                    actor_id="a",
                    actor_role="a",
                    about="a",
                    detail="{}",
                    hash=b"",
                )
            )


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE audit_log DISABLE TRIGGER only_grows",
        "SET session_replication_role = replica",
        "UPDATE service_keys SET wrapped = ''",
        "UPDATE alembic_version SET version_num = '0001'",
        "CREATE ROLE mine",
    ],
)
async def test_a_process_may_not_change_what_it_lives_in(
    engine: AsyncEngine, statement: str
) -> None:
    with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
        async with engine.begin() as connection:
            await connection.execute(text(statement))


@pytest.mark.parametrize("table", [audit_log.name, audit_seals.name])
@pytest.mark.parametrize("statement", ["UPDATE {} SET hash = ''", "DELETE FROM {}", "TRUNCATE {}"])
async def test_even_the_owner_has_to_switch_a_trigger_off_first(
    owner_engine: AsyncEngine, table: str, statement: str
) -> None:
    with pytest.raises(DBAPIError, match="only grows"):
        async with owner_engine.begin() as connection:
            await connection.execute(text(statement.format(table)))


async def test_nobody_else_may_add_a_line(owner_engine: AsyncEngine) -> None:
    async with owner_engine.connect() as connection:
        await connection.execute(text("SET LOCAL ROLE pg_monitor"))
        with pytest.raises(DBAPIError, match="permission denied"):
            await append(connection, a_line(1))
        await connection.rollback()
