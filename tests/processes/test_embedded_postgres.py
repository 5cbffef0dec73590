"""The embedded PostgreSQL: one owner, no orphan, and nothing committed is ever lost."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

from processes.embedded.failures import FolderOwned, StartFailed
from processes.embedded.place import ELSEWHERE
from processes.embedded.postgres import EmbeddedPostgres, running_address

OWNER = """
import sys
from pathlib import Path
from processes.embedded.postgres import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as server:
    print(server.pid, flush=True)
    sys.stdin.readline()
"""


async def ask(dsn: str, *statements: str) -> Any:
    """The first value that the last statement gives."""
    engine = create_async_engine(dsn, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            for statement in statements:
                result = await connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None
    finally:
        await engine.dispose()


async def test_a_new_folder_becomes_a_safe_server(open_folder: Path) -> None:
    with EmbeddedPostgres(open_folder) as server:
        assert await ask(server.dsn, "SHOW fsync") == "on"
        assert await ask(server.dsn, "SHOW synchronous_commit") == "on"
        assert await ask(server.dsn, "SHOW data_checksums") == "on"
        assert await ask(server.dsn, "SHOW server_encoding") == "UTF8"
        assert await ask(server.dsn, "SHOW listen_addresses") == ""
        provider = "SELECT concat(datlocprovider, ' ', datlocale) FROM pg_database LIMIT 1"
        assert await ask(server.dsn, provider) == "b C.UTF-8"


async def test_only_its_account_enters_socket_and_cluster(open_folder: Path) -> None:
    with EmbeddedPostgres(open_folder) as server:
        for folder in (server.home / "cluster", server.home / "socket"):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        process = psutil.Process(server.pid)
        assert process.uids().real != 0
        assert server.about == (
            f"PostgreSQL runs as account {process.username()}, its data in {open_folder}"
        )


async def test_the_data_is_there_after_a_restart(open_folder: Path) -> None:
    with EmbeddedPostgres(open_folder) as server:
        await ask(server.dsn, "CREATE TABLE kept AS SELECT 7 AS value")
    with EmbeddedPostgres(open_folder) as server:
        assert await ask(server.dsn, "SELECT value FROM kept") == 7


def test_a_second_owner_is_refused_by_name(open_folder: Path, owner: Callable[..., Any]) -> None:
    first = owner(OWNER, open_folder)
    with pytest.raises(FolderOwned) as refused:
        EmbeddedPostgres(open_folder).start()
    assert str(open_folder) in str(refused.value)
    assert f"process {first.process.pid}" in str(refused.value)
    assert first.server.is_running()


def test_a_killed_owner_leaves_nothing_running(
    open_folder: Path, owner: Callable[..., Any], eventually: Callable[..., None]
) -> None:
    first = owner(OWNER, open_folder)
    family = [first.server, *first.server.children()]
    first.kill()
    eventually(lambda: not any(process.is_running() for process in family))
    assert len(family) > 1


async def test_the_next_owner_carries_on_where_a_killed_one_stopped(
    open_folder: Path, owner: Callable[..., Any]
) -> None:
    first = owner(OWNER, open_folder)
    address = running_address(open_folder)
    assert address is not None
    await ask(address, "CREATE TABLE kept AS SELECT 7 AS value")
    first.kill()
    with EmbeddedPostgres(open_folder) as server:
        assert await ask(server.dsn, "SELECT value FROM kept") == 7


async def test_a_killed_server_starts_again_with_all_that_was_committed(
    open_folder: Path,
) -> None:
    with EmbeddedPostgres(open_folder) as server:
        await ask(server.dsn, "CREATE TABLE kept AS SELECT 7 AS value")
        killed = psutil.Process(server.pid)
        killed.kill()
        killed.wait()
        assert server.pid is None
        server.stop()
        server.start()
        assert await ask(server.dsn, "SELECT value FROM kept") == 7


@pytest.mark.parametrize("named", ["this test", "nobody", "nonsense"])
async def test_a_stale_pid_file_does_not_stop_a_start(open_folder: Path, named: str) -> None:
    with EmbeddedPostgres(open_folder) as server:
        cluster = server.home / "cluster"
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    pid = {"this test": str(os.getpid()), "nobody": "4000000", "nonsense": "no number"}[named]
    (cluster / "postmaster.pid").write_text("\n".join([pid, *lines[1:]]))
    with EmbeddedPostgres(open_folder) as server:
        assert await ask(server.dsn, "SELECT 1") == 1


async def test_an_interrupted_first_start_begins_anew(open_folder: Path) -> None:
    half_made = open_folder / "cluster.making"
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(open_folder) as server:
        assert await ask(server.dsn, "SELECT 1") == 1
    assert not half_made.exists()


async def test_a_folder_far_down_gets_a_short_socket(open_folder: Path) -> None:
    with EmbeddedPostgres(open_folder / ("deep" * 20) / ("down" * 10)) as server:
        assert await ask(server.dsn, "SELECT 1") == 1
        socket = server.dsn.partition("host=")[2]
        assert len(socket) < 80
    assert socket not in map(str, Path("/tmp").iterdir())  # noqa: ASYNC240


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the account")
async def test_a_folder_closed_to_the_account_gets_a_home_elsewhere(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    with EmbeddedPostgres(closed) as server:
        await ask(server.dsn, "CREATE TABLE kept AS SELECT 7 AS value")
        assert server.home.parent == ELSEWHERE
        assert f"data in {server.home}, because that account can't enter {closed}" in server.about
    with EmbeddedPostgres(closed) as server:
        assert await ask(server.dsn, "SELECT value FROM kept") == 7
    shutil.rmtree(server.home)


def test_a_server_that_can_not_run_says_why(open_folder: Path) -> None:
    with pytest.raises(StartFailed, match="max_connections"):
        EmbeddedPostgres(open_folder, {"max_connections": "none"}).start()
    with EmbeddedPostgres(open_folder) as server:
        assert server.pid is not None


def test_the_address_is_known_to_others_only_while_it_runs(open_folder: Path) -> None:
    assert running_address(open_folder) is None
    with EmbeddedPostgres(open_folder) as server:
        assert running_address(open_folder) == server.dsn
    assert running_address(open_folder) is None
