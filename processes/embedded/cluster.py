"""A PostgreSQL cluster on disk: made whole or not at all, and cleared of a dead server's traces."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil

from processes.embedded.account import Account
from processes.embedded.failures import StartFailed
from processes.embedded.tether import open_log, start_tethered, tail

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
LEFTOVERS_END_WITHIN = 30.0
"""Seconds that processes of a server whose owner died may take for their shutdown."""


def make_cluster(cluster: Path, *, programs: Path, account: Account, name: str, log: Path) -> None:
    """Create the cluster with a superuser and a database called `name`; an existing one stays.

    Raises:
        StartFailed: with the end of the log.
    """
    if cluster.exists():
        return
    half_made = cluster.with_name(f"{cluster.name}.making")
    shutil.rmtree(half_made, ignore_errors=True)
    half_made.mkdir(mode=0o700)
    account.own(half_made)
    _run(
        [
            programs / "initdb",
            f"--pgdata={half_made}",
            f"--username={name}",
            "--auth=trust",  # the socket's folder keeps everybody else out
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--data-checksums",
            "--no-instructions",
        ],
        account,
        log,
    )
    _create_database(half_made, programs=programs, account=account, name=name)
    half_made.rename(cluster)


def _run(command: list[str | Path], account: Account, log: Path) -> None:
    with open_log(log) as output:
        process = start_tethered(
            command,
            at_owner_death=signal.SIGKILL,
            log=output,
            account=account,
            environment=ENVIRONMENT,
            folder=Path("/"),
        )
        if process.wait() != 0:
            raise StartFailed(f"PostgreSQL's {Path(command[0]).name} failed:\n{tail(log)}")


def _create_database(cluster: Path, *, programs: Path, account: Account, name: str) -> None:
    done = subprocess.run(  # noqa: S603
        [programs / "postgres", "--single", "-D", cluster, "postgres"],
        input=f'CREATE DATABASE "{name}"\n',
        text=True,
        capture_output=True,
        env=ENVIRONMENT,
        cwd="/",
        check=False,
        **account.popen_arguments(),
    )
    if done.returncode != 0 or "ERROR" in done.stderr:
        raise StartFailed(f"PostgreSQL could not create its database:\n{done.stderr[-1500:]}")


def clear_leftovers(cluster: Path) -> None:
    """End what a dead owner or a killed server left running, and remove its stale pid file.

    Only for the owner of the data folder. Server processes are known by their working folder,
    which is the cluster; a pid file may name a process that has nothing to do with it.

    Raises:
        StartFailed: where they do not end in half a minute.
    """
    deadline = time.monotonic() + LEFTOVERS_END_WITHIN
    while left := _processes_in(cluster):
        if time.monotonic() > deadline:
            pids = ", ".join(str(process.pid) for process in left)
            raise StartFailed(f"processes {pids} still use {cluster}: end them and try again")
        for process in left:
            if process.ppid() == 1 and process.name() == "postgres":
                process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def _processes_in(cluster: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.name() == "postgres" and process.cwd() == str(cluster):
                found.append(process)
        except psutil.Error:
            continue
    return found
