"""Everything on one machine: servers, then our processes, on one data folder with one owner."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType

import httpx

from domain.catalog import Catalog
from processes.children import Children
from processes.demo.partners import read_partners
from processes.embedded.app_role import as_processes, make_login
from processes.embedded.failures import StartFailed
from processes.embedded.ports import LOOPBACK, require_free
from processes.embedded.postgres import EmbeddedPostgres
from processes.embedded.temporal import EmbeddedTemporal
from processes.local_issuer import LocalIssuer, partner_secrets
from processes.settings import Settings
from processes.vaults import vault_of
from store import migrations
from store.database import create_engine
from store.registry import add_partners

READY_WITHIN = 60.0
"""Seconds until a process must answer; a busy machine counts in."""


class ProcessEnded(Exception):
    """One of our processes ended although nobody asked it to; the text holds the end of its log."""


class EmbeddedRun:
    """Owns the servers and processes of a run on this machine.

    Args:
        settings: ports and data folder.
        pace: environment variables for the processes where the environment has none.

    Leaving it stops everything, the last one started first; a crash of this process does as well.
    """

    def __init__(self, settings: Settings, pace: Mapping[str, str]) -> None:
        self.settings = settings
        self.issuer = LocalIssuer(settings.keys_folder, audience=settings.audience)
        self._pace = pace
        self._stack = ExitStack()
        self._children = Children(settings.logs_folder)
        self._postgres = EmbeddedPostgres(settings.postgres_folder)
        self._temporal = EmbeddedTemporal(
            settings.temporal_folder, port=settings.temporal_port, ui_port=settings.temporal_ui_port
        )

    def __enter__(self) -> "EmbeddedRun":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def database_url(self) -> str:
        """The SQLAlchemy address of the database, as the processes' login."""
        return as_processes(self._postgres.dsn)

    @property
    def owner_url(self) -> str:
        """The same database's address as its owner's, who may make tables."""
        return self._postgres.dsn

    @property
    def sandbox_url(self) -> str:
        """Where the sandbox partners answer."""
        return f"http://{LOOPBACK}:{self.settings.sandbox_port}"

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of what runs, by name."""
        servers = {"PostgreSQL": self._postgres.pid, "Temporal": self._temporal.pid}
        running = {name: pid for name, pid in servers.items() if pid is not None}
        return running | self._children.pids

    async def start_servers(self) -> None:
        """Start PostgreSQL and Temporal, and make both ready for journeys.

        Raises:
            StartFailed: a port is taken, or a server gives up; with the reason.
        """
        self._require_ports()
        self._stack.enter_context(self._postgres)
        self._stack.enter_context(self._temporal)
        await migrations.upgrade(self._postgres.dsn)
        await make_login(self._postgres.dsn)
        await self._temporal.connect()
        self._stack.callback(self._children.stop)

    async def save_partners(self, catalog: Catalog) -> None:
        """Enter the sandbox's partners that the registry lacks, with secrets of this folder."""
        rows = read_partners(catalog)
        secrets = partner_secrets(self.settings.keys_folder, (row.id for row in rows))
        engine = create_engine(self.database_url, pool_size=1)
        try:
            vault = await vault_of(self.settings, engine)
            async with engine.begin() as connection:
                held = {partner: (secret,) for partner, secret in secrets.items()}
                await add_partners(connection, vault, rows, held)
        finally:
            await engine.dispose()

    def start(self, *names: str) -> None:
        """Start some of our processes: api, worker, relay, sandbox."""
        environment = {**self._pace, **self.settings.child_environment(self.database_url)}
        for name in names:
            self._children.start(name, ["-m", "processes.cli", name], environment)

    async def await_ready(self, *addresses: str) -> None:
        """Wait until each address answers 200.

        Raises:
            ProcessEnded: a process gave up instead.
            StartFailed: no answer in time.
        """
        deadline = time.monotonic() + READY_WITHIN
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            for address in addresses:
                while not await _answers(client, address):
                    self.check()
                    if time.monotonic() > deadline:
                        raise StartFailed(
                            f"{address} did not answer within {READY_WITHIN:g} s: see the logs in "
                            f"{self.settings.logs_folder}"
                        )
                    await asyncio.sleep(0.05)

    def check(self) -> None:
        """Make sure that every process still runs.

        Raises:
            ProcessEnded: naming those that do not, with the end of their logs.
        """
        ended = [f"{child}\n{child.said}" for child in self._children.ended()]
        ended += [
            f"{name} ended; see {log}"
            for name, pid, log in (
                ("PostgreSQL", self._postgres.pid, self._postgres.log),
                ("Temporal", self._temporal.pid, self._temporal.log),
            )
            if pid is None
        ]
        if ended:
            raise ProcessEnded("\n".join(ended))

    def _require_ports(self) -> None:
        settings = self.settings
        for port, purpose, name in (
            (settings.api_port, "the API", "API_PORT"),
            (settings.sandbox_port, "the sandbox partners", "SANDBOX_PORT"),
            (settings.worker_metrics_port, "the worker's metrics", "WORKER_METRICS_PORT"),
            (settings.relay_metrics_port, "the relay's metrics", "RELAY_METRICS_PORT"),
            (settings.temporal_port, "Temporal", "TEMPORAL_PORT"),
            (settings.temporal_ui_port, "Temporal's web UI", "TEMPORAL_UI_PORT"),
        ):
            require_free(port, purpose, f"JOURNEYMAN_{name}")


async def _answers(client: httpx.AsyncClient, address: str) -> bool:
    try:
        return (await client.get(address)).status_code == 200
    except httpx.HTTPError:
        return False
