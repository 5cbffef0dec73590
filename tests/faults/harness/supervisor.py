"""A process that owns a house and starts again what ends, as an operator's supervisor would.

It takes orders on standard input, one a line (`down NAME`, `up NAME`, `files BYTES`: PostgreSQL's
files may not grow beyond so much from its next start on; -1 for no limit), tells on standard output
what runs under which process id, one JSON object a line, and stops everything at the input's end:
a harness that is killed leaves nothing behind.
"""

import asyncio
import json
import os
import resource
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from policies.loader import load_catalog
from processes.embedded.failures import StartFailed
from processes.embedded.ports import LOOPBACK
from processes.embedded_run import EmbeddedRun
from processes.settings import Settings

POSTGRESQL = "PostgreSQL"
TEMPORAL = "Temporal"
OURS = ("api", "worker", "relay")
SANDBOX = "sandbox"
LOOKS_EVERY = 0.05
"""Seconds between two looks at what runs."""
RESTARTS_AT_MOST_EVERY = 0.5
"""Seconds between two starts of a process that gives up because what it needs is away."""


@dataclass(frozen=True)
class HouseOrder:
    """What to start: where, on which ports, told what, and whether with the sandbox partners."""

    data_folder: str
    ports: dict[str, int]
    environment: dict[str, str]
    sandbox: bool

    def to_text(self) -> str:
        """As an argument of the supervisor's command line."""
        return json.dumps(asdict(self))


class SupervisedRun(EmbeddedRun):
    """An embedded run whose parts are started again one by one."""

    def __init__(self, settings: Settings, environment: dict[str, str], names: list[str]) -> None:
        super().__init__(settings, environment)
        self._names = names
        self._down: set[str] = set()
        self._file_bytes = resource.RLIM_INFINITY
        self._started_at = dict.fromkeys((POSTGRESQL, TEMPORAL, *names), 0.0)

    def start_ours(self) -> None:
        """Start our processes for the first time."""
        for name in self._names:
            self.start(name)

    def obey(self, order: str) -> None:
        """Carry out one order."""
        verb, _, what = order.partition(" ")
        match verb:
            case "down":
                self._down.add(what)
            case "up":
                self._down.discard(what)
            case "files":
                self._file_bytes = int(what)
            case _:
                raise ValueError(f"there is no order {order!r}")

    def revive(self) -> list[str]:
        """Start again what has ended; the names of what was started."""
        return [name for name in self._ended() if self._due(name) and self._start_again(name)]

    def _ended(self) -> list[str]:
        servers = {POSTGRESQL: self._postgres.pid, TEMPORAL: self._temporal.pid}
        ours = {child.name for child in self._children.ended()}
        return [
            *(name for name, pid in servers.items() if pid is None),
            *(name for name in self._names if name in ours),
        ]

    def _due(self, name: str) -> bool:
        waited = time.monotonic() - self._started_at[name]
        return name not in self._down and waited >= RESTARTS_AT_MOST_EVERY

    def _start_again(self, name: str) -> bool:
        self._started_at[name] = time.monotonic()
        try:
            if name == POSTGRESQL:
                self._postgres.stop()
                with _file_limit(self._file_bytes):
                    self._postgres.start()
            elif name == TEMPORAL:
                self._temporal.stop()
                self._temporal.start()
            else:
                self.start(name)
        except StartFailed as failed:
            print(f"{name} is tried again: {failed}", file=sys.stderr, flush=True)
            return False
        return True


@contextmanager
def _file_limit(most: int) -> Iterator[None]:
    """What is started meanwhile may not write beyond so many bytes of a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def _open(run: SupervisedRun) -> None:
    await run.start_servers()
    await run.save_partners(load_catalog())
    run.start_ours()
    settings = run.settings
    await run.await_ready(
        *([f"{run.sandbox_url}/healthz"] if SANDBOX in run.pids else []),
        f"http://{LOOPBACK}:{settings.worker_metrics_port}/metrics",
        f"http://{LOOPBACK}:{settings.relay_metrics_port}/metrics",
        f"{settings.api_url}/readyz",
    )


def _tell(run: SupervisedRun) -> None:
    print(json.dumps({"database_url": run.database_url, "pids": run.pids}), flush=True)


def _keep(run: SupervisedRun) -> None:
    """Revive and obey until the orders end."""
    orders = sys.stdin.fileno()
    unread = b""
    told = run.pids
    while True:
        if select.select([orders], [], [], LOOKS_EVERY)[0]:
            read = os.read(orders, 4096)
            if not read:
                return
            *lines, unread = (unread + read).split(b"\n")
            for line in lines:
                run.obey(line.decode())
        run.revive()
        if run.pids != told:
            told = run.pids
            _tell(run)


def main() -> None:
    """Run the house that the one argument orders."""
    order = HouseOrder(**json.loads(sys.argv[1]))
    settings = Settings.model_validate({"data_folder": Path(order.data_folder), **order.ports})
    names = [*OURS, SANDBOX] if order.sandbox else [*OURS]
    run = SupervisedRun(settings, order.environment, names)
    with run:
        asyncio.run(_open(run))
        _tell(run)
        _keep(run)


if __name__ == "__main__":
    main()
