"""The whole house for a measurement: every process on free ports and a folder of its own."""

import contextlib
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client

from domain.commands import Role
from policies.loader import load_catalog
from processes.children import Children
from processes.embedded.ports import LOOPBACK
from processes.embedded_run import EmbeddedRun
from processes.settings import Settings
from processes.temporal_client import connect_temporal

STARTS_PER_SECOND = 1000.0
"""The relay's meter, out of the way: a round starts a journey when another ends."""
NO_LIMIT = 100_000
"""Events and requests of one caller a second: what is measured is the door, not its meter."""
CASEWORKERS = 8
PORTS = (
    "api_port",
    "sandbox_port",
    "temporal_port",
    "temporal_ui_port",
    "worker_metrics_port",
    "relay_metrics_port",
)


@dataclass(frozen=True)
class House:
    """Everything that runs, and how to reach it; `temporal` speaks the domain's words."""

    run: EmbeddedRun
    bare: Children
    temporal: Client
    tokens: tuple[str, ...]

    @property
    def pids(self) -> dict[str, int]:
        """Each process of ours and the servers, by name."""
        return self.run.pids | self.bare.pids

    def check(self) -> None:
        """Make sure that everything still runs.

        Raises:
            ProcessEnded: naming what ended, with the end of its log.
            RuntimeError: the bare worker ended.
        """
        self.run.check()
        for ended in self.bare.ended():
            raise RuntimeError(f"{ended}\n{ended.said}")


@contextlib.asynccontextmanager
async def open_house(pace_s: float) -> AsyncIterator[House]:
    """Start everything, with `pace_s` seconds between two steps of a partner; stop and remove it.

    Raises:
        StartFailed, ProcessEnded: a server or process gave up; with the reason.
    """
    folder = _new_folder()
    settings = Settings(data_folder=folder, **dict(zip(PORTS, _free_ports(), strict=True)))
    try:
        with EmbeddedRun(settings, _environment(settings, pace_s)) as run:
            await run.start_servers()
            await run.save_partners(load_catalog())
            run.start("sandbox", "api", "worker", "relay")
            bare = Children(settings.logs_folder)
            try:
                bare.start("bare worker", ["-m", "bench.bare_worker", f"{settings.temporal_port}"])
                await _await_ready(run)
                yield House(run, bare, await _client(settings), _tokens(run))
            finally:
                bare.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class TwoDoors:
    """Our API and the bare door on one database; nothing else runs but the servers."""

    run: EmbeddedRun
    bare_port: int


@contextlib.asynccontextmanager
async def open_door() -> AsyncIterator[TwoDoors]:
    """Start the servers, our API and the bare door; stop and remove them.

    Raises:
        StartFailed, ProcessEnded: a server or process gave up; with the reason.
    """
    folder = _new_folder()
    settings = Settings(data_folder=folder, **dict(zip(PORTS, _free_ports(), strict=True)))
    bare_port = settings.sandbox_port
    try:
        with EmbeddedRun(settings, _environment(settings, 0.0)) as run:
            await run.start_servers()
            await run.save_partners(load_catalog())
            run.start("api")
            bare = Children(settings.logs_folder)
            try:
                bare.start("bare door", ["-m", "bench.bare_door", f"{bare_port}", run.owner_url])
                await run.await_ready(
                    f"http://{LOOPBACK}:{bare_port}/healthz", f"{settings.api_url}/readyz"
                )
                yield TwoDoors(run, bare_port)
            finally:
                bare.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _new_folder() -> Path:
    """A data folder that PostgreSQL's account can pass through."""
    folder = Path(tempfile.mkdtemp(prefix="journeyman-bench-"))
    folder.chmod(0o711)
    return folder


def _environment(settings: Settings, pace_s: float) -> dict[str, str]:
    told: dict[str, object] = {name: getattr(settings, name) for name in PORTS}
    told |= {"sandbox_pace": pace_s, "relay_starts_per_second": STARTS_PER_SECOND}
    told |= {"partner_events_per_second": NO_LIMIT, "caller_requests_per_second": NO_LIMIT}
    return {f"JOURNEYMAN_{name.upper()}": str(value) for name, value in told.items()}


def _free_ports() -> list[int]:
    """As many different free ports as are needed."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in PORTS]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]


async def _await_ready(run: EmbeddedRun) -> None:
    settings = run.settings
    await run.await_ready(
        f"{run.sandbox_url}/healthz",
        f"http://{LOOPBACK}:{settings.worker_metrics_port}/metrics",
        f"http://{LOOPBACK}:{settings.relay_metrics_port}/metrics",
        f"{settings.api_url}/readyz",
    )


async def _client(settings: Settings) -> Client:
    return await connect_temporal(settings.model_copy(update={"embedded": True}))


def _tokens(run: EmbeddedRun) -> tuple[str, ...]:
    return tuple(
        run.issuer.issue_token(Role.CASEWORKER, subject=f"bench-caseworker-{n}", region="44")
        for n in range(CASEWORKERS)
    )
