"""`journeyman up` as whoever tries it out sees it: a real run of a small cohort, and its end."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from processes.embedded.ports import free_port

PORTS = ("API", "SANDBOX", "TEMPORAL", "TEMPORAL_UI", "WORKER_METRICS", "RELAY_METRICS")
TRAINEES = 12
ENDS_WITHIN = 600
"""Seconds; a run with two cores of its own takes forty."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder that PostgreSQL's account can enter."""
    made = Path(tempfile.mkdtemp(prefix="journeyman-demo-test-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def environment() -> dict[str, str]:
    """Free ports, and nothing else of ours."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("JOURNEYMAN_")
    }
    return inherited | {f"JOURNEYMAN_{name}_PORT": str(free_port()) for name in PORTS}


def up(folder: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "processes.cli", "up", "--data", str(folder), *options]


def running_on(folder: Path) -> list[psutil.Process]:
    """Processes that mention the folder, in their arguments, working folder or environment."""
    found = []
    for process in psutil.process_iter():
        try:
            told = " ".join(process.cmdline()) + process.cwd() + str(process.environ())
            if str(folder) in told and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_a_small_cohort_arrives_and_the_sums_match(folder: Path) -> None:
    done = subprocess.run(
        up(folder, "--demo", "--trainees", str(TRAINEES), "--deadline", str(ENDS_WITHIN)),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN + 60,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    told = json.loads(done.stdout.splitlines()[-1])
    events = told["events"]
    assert told["started"] == TRAINEES
    assert sum(told["closed"].values()) + sum(told["stuck"].values()) == TRAINEES
    assert set(told["stuck"]) <= {"PARTNER_SILENT"}
    assert events["received"] == sum(n for name, n in events.items() if name != "received")
    assert {"retained", "promoted"} <= told["closed"].keys()
    assert running_on(folder) == []


def test_a_killed_run_leaves_nothing_running_and_the_next_one_goes_on_with_its_data(
    folder: Path,
) -> None:
    with started(folder) as (run, said):
        assert "2 journeys opened" in said()
        assert len(running_on(folder)) > 5
        run.kill()
        run.wait()
        eventually(lambda: running_on(folder) == [], said)
    with started(folder) as (run, said):
        assert "2 journeys go on" in said()
        run.terminate()
        assert run.wait(timeout=120) == 0
        assert running_on(folder) == []


@contextmanager
def started(folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", Callable[[], str]]]:
    """A run that is up, and what it said so far."""
    log = folder / "said"

    def said() -> str:
        return log.read_text()

    with log.open("wb") as output:
        run = subprocess.Popen(
            up(folder, "--trainees", "2"), env=environment(), stdout=output, stderr=output
        )
    try:
        eventually(lambda: "Ctrl-C stops everything" in said(), said)
        yield run, said
    finally:
        run.kill()
        run.wait()


def eventually(condition: Callable[[], bool], said: Callable[[], str]) -> None:
    """Wait for a condition, at most five minutes."""
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline, said()[-4000:]
        time.sleep(0.1)
