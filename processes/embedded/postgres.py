"""The embedded PostgreSQL: started, owned and stopped by one process."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from processes.embedded.account import account_for, own_account
from processes.embedded.cluster import ENVIRONMENT, clear_leftovers, make_cluster
from processes.embedded.failures import StartFailed
from processes.embedded.ownership import FolderOwnership, is_owned
from processes.embedded.place import binaries_for, reachable_home, socket_folder
from processes.embedded.tether import open_log, start_tethered, stop_process, tail

NAME = "journeyman"
"""The superuser and the database of the embedded run."""
ADDRESS_FILE = "address"
"""Where the server answers, for whoever asks while it runs."""
READY_WITHIN = 60.0
"""Seconds until a server must be ready; recovery after a crash counts in."""
STOPPED_WITHIN = 20.0
"""Seconds for a fast shutdown."""
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_error_verbosity": "terse",  # a detail line would quote the row, and with it a person
    "log_min_error_statement": "panic",
}


class EmbeddedPostgres:
    """A PostgreSQL on a data folder of its own, reached by unix socket only.

    What was committed is safe across a kill of the server, of this process, or of the machine.
    The server ends with its owner, however that ends.

    Args:
        folder: the data folder; made where it is missing.
        settings: PostgreSQL parameters that differ from `SETTINGS`, such as for a throw-away
            server of a test run.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder.resolve()
        self._settings = {**SETTINGS, **(settings or {})}
        self._ownership = FolderOwnership(self.folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._account = own_account()
        self._home = self.folder
        self._socket = self.folder / "socket"

    def __enter__(self) -> "EmbeddedPostgres":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def dsn(self) -> str:
        """The SQLAlchemy address of the database, as its owner and the server's superuser."""
        return f"postgresql+asyncpg://{NAME}@/{NAME}?host={quote(str(self._socket))}"

    @property
    def home(self) -> Path:
        """Where the cluster lies: the data folder, or `/var/lib/journeyman/<id>` where the
        unprivileged account can't reach the data folder."""
        return self._home

    @property
    def about(self) -> str:
        """Which account runs it and where its data lies, for whoever started it."""
        told = f"PostgreSQL runs as account {self._account.name}, its data in {self._home}"
        if self._home == self.folder:
            return told
        return f"{told}, because that account can't enter {self.folder}"

    @property
    def log(self) -> Path:
        """What the server has to say."""
        return self.folder / "postgres.log"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def start(self) -> None:
        """Take the folder, start the server, and return when it accepts connections.

        From the main thread only. A server that was killed can be started again.

        Raises:
            FolderOwned: where another process owns the folder.
            StartFailed: with the reason and the end of the server's log.
        """
        if self.pid is not None:
            return
        self._ownership.take()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Shut the server down fast but orderly, and give the folder up."""
        if self._process is not None:
            stop_process(self._process, signal.SIGINT, within=STOPPED_WITHIN)
            self._process = None
            (self.folder / ADDRESS_FILE).unlink(missing_ok=True)
        if self._socket.parent != self._home:
            with contextlib.suppress(OSError):
                self._socket.rmdir()
        self._ownership.release()

    def _start(self) -> None:
        self._home = reachable_home(self.folder, account_for(self.folder / "cluster"))
        cluster = self._home / "cluster"
        account = self._account = account_for(cluster)
        programs = binaries_for(account, self._home)
        make_cluster(cluster, programs=programs, account=account, name=NAME, log=self.log)
        clear_leftovers(cluster)
        self._socket = socket_folder(self._home, account)
        settings = {**self._settings, "unix_socket_directories": str(self._socket)}
        with open_log(self.log) as log:
            self._process = start_tethered(
                [
                    programs / "postgres",
                    "-D",
                    cluster,
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                at_owner_death=signal.SIGINT,
                log=log,
                account=account,
                environment=ENVIRONMENT,
                folder=Path("/"),
            )
        self._await_ready(self._process, cluster / "postmaster.pid")
        (self.folder / ADDRESS_FILE).write_text(self.dsn)

    def _await_ready(self, process: "subprocess.Popen[bytes]", pid_file: Path) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while not _ready(process.pid, pid_file):
            if process.poll() is not None:
                raise StartFailed(f"PostgreSQL ended at once:\n{tail(self.log)}")
            if time.monotonic() > deadline:
                raise StartFailed(
                    f"PostgreSQL was not ready within {READY_WITHIN:g} s:\n{tail(self.log)}"
                )
            time.sleep(0.01)


def running_address(folder: Path) -> str | None:
    """The owner's address of the server that another process runs on `folder`, if any."""
    if not is_owned(folder):
        return None
    try:
        return (folder / ADDRESS_FILE).read_text()
    except OSError:
        return None


def _ready(pid: int, pid_file: Path) -> bool:
    try:
        lines = pid_file.read_text().splitlines()
        return int(lines[0]) == pid and lines[7].strip() == "ready"
    except (OSError, ValueError, IndexError):
        return False
