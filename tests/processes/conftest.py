"""Folders that the unprivileged account of PostgreSQL can enter, and owners that can be killed."""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other accounts can pass, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="journeyman-folder-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


class Owner:
    """Another process that owns a server, and says its pid when it is up."""

    def __init__(self, code: str, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.server = psutil.Process(int(self.process.stdout.readline()))

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def leave(self) -> None:
        """End in order."""
        self.process.communicate("\n")


@pytest.fixture
def owner() -> Iterator[Callable[..., Owner]]:
    owners: list[Owner] = []

    def start(code: str, *arguments: object) -> Owner:
        owners.append(Owner(code, *arguments))
        return owners[-1]

    yield start
    for started in owners:
        if started.process.poll() is None:
            started.leave()


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Wait for a condition, at most a minute."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.02)

    return wait


@pytest.fixture
def listener() -> Iterator[int]:
    """A port that this very test listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]
