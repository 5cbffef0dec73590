"""The migrations build what the code expects, on an empty database, whoever runs them."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from store import (
    audit_tables,
    cohort_tables,
    event_file_tables,
    intake_tables,
    migrations,
    partner_tables,
    quarantine_tables,
)
from store.person_tables import persons
from store.tables import metadata
from tests.servers import Addresses


@pytest.fixture
async def empty_database(servers: Addresses, worker_name: str) -> AsyncIterator[str]:
    name = f"migrated_{worker_name}"
    engine = create_async_engine(servers.database_url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        await connection.execute(text(f'CREATE DATABASE "{name}"'))
    yield servers.database_url.replace("@/journeyman?", f"@/{name}?")
    async with engine.connect() as connection:
        await connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    await engine.dispose()


def differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


async def test_they_build_the_tables_that_the_code_knows(empty_database: str) -> None:
    assert intake_tables.inbox.metadata is metadata
    assert audit_tables.audit_log.metadata is metadata
    assert quarantine_tables.tasks.metadata is metadata
    assert persons.metadata is metadata
    assert cohort_tables.cohorts.metadata is metadata
    assert event_file_tables.event_files.metadata is metadata
    assert partner_tables.partner_keys.metadata is metadata
    assert await migrations.current(empty_database) is None
    await migrations.upgrade(empty_database)
    assert await migrations.current(empty_database) == migrations.head()
    engine = create_async_engine(empty_database)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_several_processes_may_migrate_at_once_and_again(empty_database: str) -> None:
    await asyncio.gather(*(migrations.upgrade(empty_database) for _ in range(3)))
    await migrations.upgrade(empty_database)
    assert await migrations.current(empty_database) == migrations.head()
