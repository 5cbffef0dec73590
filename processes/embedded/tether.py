"""Child processes that never outlive their owner, not even one that was killed."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from processes.embedded.account import Account

PR_SET_PDEATHSIG = 1
LOG_LIMIT = 10 * 1024 * 1024
"""A log longer than this many bytes is set aside as `.1` before a child appends to it."""

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def start_tethered(
    command: Sequence[str | Path],
    *,
    at_owner_death: signal.Signals,
    log: IO[bytes],
    account: Account | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> "subprocess.Popen[bytes]":
    """Start a child in a session of its own, so that Ctrl-C in the terminal does not reach it.

    Args:
        command: the program and its arguments.
        at_owner_death: what the kernel (Linux) sends the child when this process dies.
        log: an open file that takes its standard output and error.
        account: whom to run it as; this process's own account where None.
        environment: its whole environment; this process's own where None.
        folder: its working folder; this process's own where None.

    Raises:
        RuntimeError: outside the main thread, whose end the kernel would take for the owner's.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("a tethered process is started from the main thread only")
    return subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd=folder,
        env=environment,
        start_new_session=True,
        preexec_fn=_tie(at_owner_death),  # noqa: PLW1509
        **(account.popen_arguments() if account else {}),
    )


def _tie(at_owner_death: signal.Signals) -> Callable[[], None] | None:
    libc, owner = _libc, os.getpid()
    if libc is None:
        return None

    def tie() -> None:  # after the change of account, which would clear it
        libc.prctl(PR_SET_PDEATHSIG, int(at_owner_death))
        if os.getppid() != owner:
            os._exit(1)

    return tie


def stop_process(
    process: "subprocess.Popen[bytes]", gently: signal.Signals, *, within: float
) -> None:
    """Ask a child to end, and kill it when it has not done so `within` that many seconds."""
    if process.poll() is not None:
        return
    process.send_signal(gently)
    try:
        process.wait(within)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def open_log(path: Path) -> IO[bytes]:
    """The log to append to, private to its owner; an overlong one is set aside first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_name(f"{path.name}.1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def tail(path: Path, characters: int = 1500) -> str:
    """The end of a log, to show why its writer gave up; empty where there is none."""
    try:
        return path.read_text(errors="replace")[-characters:].strip()
    except OSError:
        return ""
