"""Which database role the processes have, and which one they refuse to have."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from processes.checks.finding import Broken
from processes.checks.stores import check_database_role
from processes.embedded.app_role import LOGIN, as_processes, make_login
from processes.embedded.postgres import EmbeddedPostgres
from processes.faults import CommandFailed
from processes.migrate import migrate
from processes.settings import Settings, load_settings
from processes.stores import database_address, engine_of, owner_address, require_usable
from store import migrations
from store.rights import APP_ROLE, too_powerful


def at(address: str) -> Settings:
    return load_settings({"JOURNEYMAN_DATABASE_URL": address, "JOURNEYMAN_EMBEDDED": "false"})


async def ordered(address: str, *statements: str) -> None:
    engine = create_async_engine(address, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await engine.dispose()


async def judged(address: str) -> str | None:
    engine = create_async_engine(address)
    try:
        async with engine.connect() as connection:
            return await too_powerful(connection)
    finally:
        await engine.dispose()


async def test_the_processes_login_is_good_and_a_superuser_is_not(
    worker_database: str, owner_database: str
) -> None:
    assert await judged(worker_database) is None
    assert "superuser" in str(await judged(owner_database))


async def test_a_process_refuses_to_work_as_a_superuser(
    database_url: str, owner_database: str
) -> None:
    good, bad = at(database_url), at(owner_database)
    await usable(good)
    with pytest.raises(CommandFailed, match=APP_ROLE) as refused:
        await usable(bad)
    assert "JOURNEYMAN_MIGRATION_DATABASE_URL" in str(refused.value)


async def usable(settings: Settings) -> None:
    engine = engine_of(settings)
    try:
        await require_usable(settings, engine)
    finally:
        await engine.dispose()


async def test_the_doctor_names_the_role_and_what_to_do(
    worker_database: str, owner_database: str
) -> None:
    assert LOGIN in await check_database_role(at(worker_database))
    with pytest.raises(Broken) as broken:
        await check_database_role(at(owner_database))
    assert "superuser" in broken.value.found
    assert APP_ROLE in broken.value.advice


async def test_logins_may_be_made_at_once_and_again(
    worker_database: str, owner_database: str
) -> None:
    await asyncio.gather(*(make_login(owner_database) for _ in range(5)))
    assert await judged(worker_database) is None


async def test_a_database_of_ones_own_is_migrated_by_an_owner_who_is_no_superuser(
    open_folder: Path,
) -> None:
    with EmbeddedPostgres(open_folder / "postgres") as server:
        owned = server.dsn.replace("//journeyman@/journeyman?", "//an_owner@/owned?")
        await ordered(
            server.dsn, "CREATE ROLE an_owner LOGIN", "CREATE DATABASE owned OWNER an_owner"
        )
        settings = load_settings(
            {
                "JOURNEYMAN_DATABASE_URL": "postgresql+asyncpg://nobody@/nothing?host=/nowhere",
                "JOURNEYMAN_MIGRATION_DATABASE_URL": owned,
            }
        )
        with pytest.raises(CommandFailed, match=APP_ROLE):
            await migrate(settings)
        await ordered(server.dsn, f"CREATE ROLE {APP_ROLE} NOLOGIN")
        assert await migrate(settings) == (None, migrations.head())
        assert "audit log" in str(await judged(owned))
        await make_login(server.dsn)
        assert await judged(owned.replace("//an_owner@", f"//{LOGIN}@")) is None


def test_beside_an_embedded_run_processes_have_its_login_and_migrations_its_owner(
    open_folder: Path,
) -> None:
    settings = load_settings({"JOURNEYMAN_DATA_FOLDER": str(open_folder)})
    with pytest.raises(CommandFailed, match="journeyman up"):
        owner_address(settings)
    with EmbeddedPostgres(settings.postgres_folder) as server:
        assert owner_address(settings) == server.dsn
        assert database_address(settings) == as_processes(server.dsn) != server.dsn
