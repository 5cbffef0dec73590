"""CPU seconds of processes and all their children, those that have ended included."""

import contextlib
from collections.abc import Mapping

import psutil

Seconds = dict[str, float]


def cpu_seconds(pids: Mapping[str, int]) -> Seconds:
    """User and system time so far, by name; `bench`, this process, without its children."""
    return {name: _tree(pid) for name, pid in pids.items()} | {"bench": _own()}


def spent(before: Seconds, after: Seconds) -> Seconds:
    """What each process used between two looks."""
    return {name: after[name] - before.get(name, 0.0) for name in after}


def added(first: Seconds, second: Seconds) -> Seconds:
    """The sum of two, by name."""
    return {name: first.get(name, 0.0) + second.get(name, 0.0) for name in first | second}


def _tree(pid: int) -> float:
    root = psutil.Process(pid)
    times = root.cpu_times()
    total = times.user + times.system + times.children_user + times.children_system
    for child in root.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            used = child.cpu_times()
            total += used.user + used.system
    return float(total)


def _own() -> float:
    used = psutil.Process().cpu_times()
    return float(used.user + used.system)
