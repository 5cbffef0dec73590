"""The processes run singly, by environment settings, against servers that run elsewhere."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from processes.embedded.ports import free_port
from tests.api.issuer import Issuer
from tests.servers import Addresses
from tests.vault import MASTER_KEY


@pytest.fixture
def elsewhere(
    servers: Addresses, database_url: str, own_namespace: Client, tmp_path: Path
) -> dict[str, str]:
    """An environment as a deployment has it: addresses and an issuer, and no embedded run."""
    issuer = Issuer(tmp_path)
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JOURNEYMAN_", "TEMPORAL_"))
    }
    return inherited | {
        "JOURNEYMAN_DATABASE_URL": database_url,
        "JOURNEYMAN_EMBEDDED": "false",
        "JOURNEYMAN_DATA_FOLDER": str(tmp_path),
        "JOURNEYMAN_ISSUER": issuer.name,
        "JOURNEYMAN_ISSUER_KEYS": str(issuer.key_set),
        "JOURNEYMAN_MASTER_KEY": MASTER_KEY,
        "JOURNEYMAN_API_PORT": str(free_port()),
        "JOURNEYMAN_WORKER_METRICS_PORT": str(free_port()),
        "JOURNEYMAN_RELAY_METRICS_PORT": str(free_port()),
        "TEMPORAL_ADDRESS": servers.temporal,
        "TEMPORAL_NAMESPACE": own_namespace.namespace,
    }


@contextmanager
def running(name: str, environment: dict[str, str], address: str, folder: Path) -> Iterator[None]:
    """A process that answers 200 at an address; told to stop, it ends with exit code 0."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "processes.cli", name],
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + 120
        while not answers(address):
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.1)
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0, log.read_text()[-3000:]
        assert "Traceback" not in log.read_text()
    finally:
        process.kill()
        process.wait()


def answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=20, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def test_the_schema_is_brought_up_to_date_once(elsewhere: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "processes.cli", "migrate"],
        env=elsewhere,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "already" in done.stdout


@pytest.mark.parametrize(
    ("name", "port", "path"),
    [
        ("api", "JOURNEYMAN_API_PORT", "/readyz"),
        ("worker", "JOURNEYMAN_WORKER_METRICS_PORT", "/metrics"),
        ("relay", "JOURNEYMAN_RELAY_METRICS_PORT", "/metrics"),
    ],
)
def test_a_process_works_and_stops_in_order_when_it_is_told_to(
    elsewhere: dict[str, str], tmp_path: Path, name: str, port: str, path: str
) -> None:
    address = f"http://127.0.0.1:{elsewhere[port]}{path}"
    with running(name, elsewhere, address, tmp_path):
        assert answers(address)


def test_a_worker_without_temporal_says_so(elsewhere: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "processes.cli", "worker"],
        env=elsewhere | {"TEMPORAL_ADDRESS": f"127.0.0.1:{free_port()}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "Temporal does not answer" in done.stderr
    assert "Traceback" not in done.stderr
