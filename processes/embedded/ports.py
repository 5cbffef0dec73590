"""Ports on the loopback interface: none is assumed to be free."""

import contextlib
import itertools
import os
import socket

import psutil

from processes.embedded.failures import PortTaken

LOOPBACK = "127.0.0.1"
FIRST_OF_TESTS, RANGES, PORTS_EACH = 10_000, 100, 200
_given = itertools.count()


def require_free(port: int, purpose: str, setting: str) -> None:
    """Make sure that a server can listen on `port`.

    Args:
        port: the port that is about to be used.
        purpose: what it is for, as in "port 7233 for Temporal".
        setting: the environment variable that names another one.

    Raises:
        PortTaken: naming port, purpose, setting and, where it can be seen, the process.
    """
    if not is_free(port):
        raise PortTaken(port, purpose, setting, _listener(port))


def is_free(port: int) -> bool:
    """Whether nothing listens on the port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Whether something accepts connections on the port, within half a second."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=0.5):
            return True
    except OSError:
        return False


def free_port() -> int:
    """A port for a server of a test, which nobody else takes before that server listens on it.

    It lies below those that the kernel gives to connections and to whoever asks for any port, and
    each process counts through a range of its own.
    """
    first = FIRST_OF_TESTS + os.getpid() % RANGES * PORTS_EACH
    for _ in range(PORTS_EACH):
        port = first + next(_given) % PORTS_EACH
        if is_free(port):
            return port
    raise RuntimeError(f"no port from {first} to {first + PORTS_EACH - 1} is free")


def _listener(port: int) -> int | None:
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and connection.laddr and connection.laddr.port == port:
                return connection.pid
    return None
