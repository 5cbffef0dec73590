"""The processes of a run: orderly stopped, and gone with whoever started them."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from processes.children import Children

OWNER = """
import sys
from pathlib import Path
from processes.children import Children
children = Children(Path(sys.argv[1]))
children.start("sleeper", ["-c", "import time; time.sleep(600)"])
print(children.pids["sleeper"], flush=True)
sys.stdin.readline()
children.stop()
"""
OBEDIENT = """
import signal, sys
def leave(*_):
    print(sys.argv[1], "left", file=open(sys.argv[2], "a"))
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("up", flush=True)
while True:
    signal.pause()
"""
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
while True:
    signal.pause()
"""


def test_the_last_one_started_is_the_first_to_stop(
    tmp_path: Path, eventually: Callable[..., None]
) -> None:
    children = Children(tmp_path)
    for name in ("sandbox", "worker", "api"):
        children.start(name, ["-c", OBEDIENT, name, str(tmp_path / "order")])
    eventually(lambda: all(children.log_of(n).read_text() for n in ("sandbox", "worker", "api")))
    children.stop()
    assert (tmp_path / "order").read_text().splitlines() == [
        "api left",
        "worker left",
        "sandbox left",
    ]
    assert children.ended() == ()


def test_one_that_does_not_listen_is_killed(
    tmp_path: Path, eventually: Callable[..., None]
) -> None:
    children = Children(tmp_path, stopped_within=0.5)
    children.start("stubborn", ["-c", STUBBORN])
    eventually(lambda: bool(children.log_of("stubborn").read_text()))
    process = psutil.Process(children.pids["stubborn"])
    children.stop()
    assert not process.is_running()


def test_one_that_ended_is_told_with_code_log_and_last_words(
    tmp_path: Path, eventually: Callable[..., None]
) -> None:
    children = Children(tmp_path)
    children.start("api", ["-c", "import sys; sys.exit('port 8700 is taken')"])
    children.start("worker", ["-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"])
    eventually(lambda: len(children.ended()) == 2)
    api, worker = children.ended()
    assert str(api) == f"the process 'api' ended with code 1; see {tmp_path / 'api.log'}"
    assert api.said == "port 8700 is taken"
    assert "was killed by SIGKILL" in str(worker)
    children.stop()


def test_a_killed_owner_leaves_nothing_running(
    tmp_path: Path, owner: Callable[..., Any], eventually: Callable[..., None]
) -> None:
    first = owner(OWNER, tmp_path)
    assert first.server.is_running()
    first.kill()
    eventually(lambda: not first.server.is_running())


def test_a_child_runs_with_the_environment_given(
    tmp_path: Path, eventually: Callable[..., None]
) -> None:
    children = Children(tmp_path)
    show = "import os; print(os.environ['JOURNEYMAN_EMBEDDED'], 'HOME' in os.environ)"
    children.start("api", ["-c", show], {"JOURNEYMAN_EMBEDDED": "true", "PATH": sys.executable})
    eventually(lambda: len(children.ended()) == 1)
    assert children.ended()[0].said == "true False"
