"""The house under fault, seen from the harness: every process real, each of them killed by SIGKILL.

The harness kills; `supervisor` starts again.
"""

import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from temporalio.client import Client

from domain.commands import Role
from partners.requests import Service
from processes.embedded.ports import LOOPBACK, free_port
from processes.local_issuer import SECRETS_FILE, LocalIssuer
from processes.settings import Settings
from processes.temporal_client import connect_temporal
from tests.faults.harness.rules import write_rules
from tests.faults.harness.supervisor import POSTGRESQL, TEMPORAL, HouseOrder
from tests.stories.waiting import until

ROOT = Path(__file__).parents[3]
VICTIMS = ("api", "relay", "worker", TEMPORAL, POSTGRESQL)
"""What is killed."""
READY_WITHIN = 180.0
"""Seconds until everything must run for the first time; a busy machine counts in."""
STOPPED_WITHIN = 60.0
OBEYED_WITHIN = 0.3
BACK_WITHIN = 120.0
"""Seconds until a killed process must run again."""
PORTS = (
    "api_port",
    "sandbox_port",
    "temporal_port",
    "temporal_ui_port",
    "worker_metrics_port",
    "relay_metrics_port",
)
PACE: dict[str, object] = {
    "log_level": "warning",
    "relay_lease": 10,
    "relay_starts_per_second": 50,
    "caller_requests_per_second": 5000,
    "partner_events_per_second": 5000,
    "service_answer_within": 4,
    "service_calls_at_once": 100,
    "registry_calls_per_second": 200,
    "enrollment_calls_per_second": 200,
    "exam_calls_per_second": 200,
    "placement_calls_per_second": 200,
}
"""Settings: nothing is limited that a harness on one machine would run into by its haste."""


class HouseFailed(Exception):
    """The house did not start, or something did not come back; with the end of what it said."""


@dataclass
class Fleet:
    """A house that runs: addresses, process ids as of now, and who was killed how often."""

    settings: Settings
    database_url: str
    pids: dict[str, int]
    supervisor: Process
    kills: Counter[str] = field(default_factory=Counter)

    @property
    def api_url(self) -> str:
        return self.settings.api_url

    @property
    def sandbox_url(self) -> str:
        return f"http://{LOOPBACK}:{self.settings.sandbox_port}"

    async def temporal(self) -> Client:
        """A client of the house's Temporal."""
        return await connect_temporal(self.settings.model_copy(update={"embedded": True}))

    def token(self, subject: str, role: Role = Role.CASEWORKER, region: str = "42") -> str:
        """A bearer token of the house's own issuer."""
        issuer = LocalIssuer(self.settings.keys_folder, audience=self.settings.audience)
        return issuer.issue_token(role, subject=subject, region=region)

    def partner_secrets(self) -> dict[str, str]:
        """The secret with which each partner signs."""
        text = (self.settings.keys_folder / SECRETS_FILE).read_text()
        secrets: dict[str, str] = json.loads(text)
        return secrets

    def runs(self, name: str) -> bool:
        """Whether it runs, as far as the supervisor has told."""
        return name in self.pids and psutil.pid_exists(self.pids[name])

    async def kill(self, name: str) -> None:
        """SIGKILL, to its own children as well; the supervisor starts it again."""
        await until(lambda: self._is_up(name), f"{name} runs", BACK_WITHIN)
        pid = self.pids[name]
        _strike(pid)
        self.kills[name] += 1
        await until(lambda: self._is_new(name, pid), f"{name} is back", BACK_WITHIN)

    async def take_down(self, name: str) -> None:
        """Kill it, and keep it down until `bring_up`."""
        await self._order(f"down {name}")
        struck = _strike(self.pids[name])

        async def all_ended() -> bool:
            return all(map(_has_ended, struck))

        await until(all_ended, f"{name} is down", STOPPED_WITHIN)

    async def bring_up(self, name: str) -> float:
        """Let the supervisor start it again; the monotonic moment at which it runs."""
        await self.let_up(name)
        await until(lambda: self._is_up(name), f"{name} is back", BACK_WITHIN)
        return time.monotonic()

    async def let_up(self, name: str) -> None:
        """Let the supervisor start it again, as soon as it can."""
        await self._order(f"up {name}")

    async def limit_files(self, most: int = -1) -> None:
        """PostgreSQL's files may not grow beyond so many bytes from its next start on; -1: lifts.

        Its account is another, so only a process that it is started by can limit it.
        """
        await self._order(f"files {most}")

    async def _order(self, order: str) -> None:
        assert self.supervisor.stdin is not None
        self.supervisor.stdin.write(f"{order}\n".encode())
        await self.supervisor.stdin.drain()
        await asyncio.sleep(OBEYED_WITHIN)

    async def _is_up(self, name: str) -> bool:
        return self.runs(name)

    async def _is_new(self, name: str, killed: int) -> bool:
        return self.pids.get(name, killed) != killed and self.runs(name)

    async def follow(self) -> None:
        """Keep the process ids as the supervisor tells them."""
        assert self.supervisor.stdout is not None
        async for line in self.supervisor.stdout:
            self.pids = json.loads(line)["pids"]


Services = Callable[[str], Mapping[Service, str]]
"""Where the workers find each partner service, given the sandbox's address."""


@asynccontextmanager
async def open_fleet(
    services: Services, *, sandbox: bool = False, **others: object
) -> AsyncIterator[Fleet]:
    """Start a house in a folder of its own; stop and remove it in the end.

    Args:
        services: where the workers find the partner services.
        sandbox: whether the sandbox partners run.
        others: settings that differ from `PACE`.

    Raises:
        HouseFailed: with what its supervisor and processes said last.
    """
    folder = _new_folder()
    ports = {name: free_port() for name in PORTS}
    settings = Settings.model_validate({"data_folder": folder / "data", **ports})
    supervisor: Process | None = None
    try:
        told = (
            PACE
            | others
            | ports
            | {"policies_folder": write_rules(folder / "rules", sandbox=sandbox)}
        )
        found = services(f"http://{LOOPBACK}:{settings.sandbox_port}")
        told |= {f"{service}_url": url for service, url in found.items()}
        environment = {f"JOURNEYMAN_{name.upper()}": str(value) for name, value in told.items()}
        order = HouseOrder(str(settings.data_folder), ports, environment, sandbox)
        with (folder / "supervisor.log").open("wb") as log:
            supervisor = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", f"{__package__}.supervisor", order.to_text()),
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                cwd=ROOT,
                start_new_session=True,
            )
        fleet = await _first_word(supervisor, settings, folder)
        following = asyncio.create_task(fleet.follow())
        try:
            yield fleet
        finally:
            following.cancel()
    finally:
        if supervisor is not None:
            await _stop(supervisor)
        shutil.rmtree(folder, ignore_errors=True)


async def _first_word(supervisor: Process, settings: Settings, folder: Path) -> Fleet:
    assert supervisor.stdout is not None
    try:
        line = await asyncio.wait_for(supervisor.stdout.readline(), READY_WITHIN)
        word = json.loads(line)
    except (TimeoutError, json.JSONDecodeError):
        said = (folder / "supervisor.log").read_text(errors="replace")[-3000:]
        raise HouseFailed(f"the house did not start:\n{said}") from None
    return Fleet(settings, word["database_url"], word["pids"], supervisor)


async def _stop(supervisor: Process) -> None:
    assert supervisor.stdin is not None
    supervisor.stdin.close()
    try:
        await asyncio.wait_for(supervisor.wait(), STOPPED_WITHIN)
    except TimeoutError:
        supervisor.kill()
        await supervisor.wait()


def _new_folder() -> Path:
    """A folder that PostgreSQL's account can pass through."""
    folder = Path(tempfile.mkdtemp(prefix="journeyman-faults-"))
    folder.chmod(0o711)
    return folder


def _strike(pid: int) -> list[psutil.Process]:
    """SIGKILL a process and its children: PostgreSQL's outlive it a while, and still answer."""
    process = psutil.Process(pid)
    struck = [process, *process.children(recursive=True)]
    for each in struck:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    return struck


def _has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
