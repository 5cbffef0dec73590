"""The processes of an embedded run: started in order, stopped in reverse, never left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from processes.embedded.tether import open_log, start_tethered, stop_process, tail

STOPPED_WITHIN = 20.0
"""Seconds for all children together to end by themselves."""
LEAST_PATIENCE = 1.0
"""Seconds that the last child still gets when the others used up the time."""


@dataclass(frozen=True)
class Ended:
    """A child that ended without being asked to; `said` is the end of its log."""

    name: str
    exit_code: int
    log: Path
    said: str

    def __str__(self) -> str:
        how = (
            f"was killed by {signal.Signals(-self.exit_code).name}"
            if self.exit_code < 0
            else f"ended with code {self.exit_code}"
        )
        return f"the process {self.name!r} {how}; see {self.log}"


class Children:
    """Child processes, each with a log file `<name>.log` in the folder of logs.

    Args:
        logs: the folder.
        stopped_within: seconds for all children together to end when they are asked to.

    None is restarted: whoever owns them asks `ended()` and stops all. On Linux they are killed
    with their owner.
    """

    def __init__(self, logs: Path, *, stopped_within: float = STOPPED_WITHIN) -> None:
        self._logs = logs
        self._stopped_within = stopped_within
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start `python <arguments>`, from the main thread only.

        Args:
            name: unique among the children.
            arguments: what follows the interpreter, such as `-m processes.cli api`.
            environment: the child's whole environment; this process's own where None.
        """
        with open_log(self.log_of(name)) as log:
            self._running[name] = start_tethered(
                [sys.executable, *arguments],
                at_owner_death=signal.SIGKILL,
                log=log,
                environment=dict(os.environ) if environment is None else environment,
            )

    def log_of(self, name: str) -> Path:
        """The file that takes a child's output."""
        return self._logs / f"{name}.log"

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of all children, by name."""
        return {name: process.pid for name, process in self._running.items()}

    def ended(self) -> tuple[Ended, ...]:
        """The children that ended although nobody asked them to."""
        return tuple(
            Ended(name, code, self.log_of(name), tail(self.log_of(name)))
            for name, process in self._running.items()
            if (code := process.poll()) is not None
        )

    def stop(self) -> None:
        """End the children, the last one started first; who does not end in time is killed."""
        deadline = time.monotonic() + self._stopped_within
        for name in reversed(list(self._running)):
            patience = max(LEAST_PATIENCE, deadline - time.monotonic())
            stop_process(self._running.pop(name), signal.SIGTERM, within=patience)
