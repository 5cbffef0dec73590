"""Promise 5: a worker that is killed after the partner's commit leaves one effect."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGKILL

import pytest
from temporalio.client import Client

from processes.embedded.ports import free_port
from processes.embedded.tether import open_log, start_tethered, tail
from tests.faults.behind_proxies import Proxied, behind_proxies
from tests.faults.one_effect import CALLED, goes_the_whole_way, one_effect_each
from tests.faults.proxy import Fault
from tests.servers import Addresses
from tests.stories.house import House
from tests.stories.waiting import until
from tests.vault import MASTER_KEY

OFTEN = 50
"""More tries than a held call can make until its worker is killed."""


@pytest.fixture
async def proxied(
    database_url: str, own_namespace: Client, tmp_path: Path
) -> AsyncIterator[Proxied]:
    """A house without workers."""
    async with behind_proxies(database_url, own_namespace, tmp_path, working=False) as proxied:
        yield proxied


@asynccontextmanager
async def worker_process(
    house: House, servers: Addresses, folder: Path
) -> AsyncIterator["subprocess.Popen[bytes]"]:
    """A worker as operators run it, deployed as a version; killed in the end."""
    settings = house.worker_settings
    environment = {
        "PATH": os.environ["PATH"],
        "JOURNEYMAN_EMBEDDED": "false",
        "JOURNEYMAN_DATA_FOLDER": str(folder),
        "JOURNEYMAN_DATABASE_URL": house.database_url,
        "JOURNEYMAN_MASTER_KEY": MASTER_KEY,
        "JOURNEYMAN_WORKER_METRICS_PORT": str(free_port()),
        "TEMPORAL_ADDRESS": servers.temporal,
        "TEMPORAL_NAMESPACE": house.temporal.namespace,
    } | {
        f"JOURNEYMAN_{service.upper()}_URL": settings.service_url(service)
        for service in ("registry", *CALLED)
    }
    log = folder / "worker.log"
    with open_log(log) as writing:
        process = start_tethered(
            [sys.executable, "-m", "processes.cli", "worker"],
            at_owner_death=SIGKILL,
            log=writing,
            environment=environment,
        )
    try:
        yield process
        assert process.poll() in (None, -SIGKILL), tail(log)
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)


async def test_a_worker_killed_before_it_heard_the_answer_leaves_one_effect(
    proxied: Proxied, servers: Addresses, tmp_path: Path
) -> None:
    house, proxies = proxied
    async with worker_process(house, servers, tmp_path) as worker:
        async with house.relay.resting():
            held = {service: await house.accept() for service in CALLED}
            for service, trainee in held.items():
                proxies[service].plan(trainee.id, *[Fault.HALF_OPEN] * OFTEN)

        async def all_committed() -> bool:
            return all([await held[service].requests(service) for service in CALLED])

        await until(all_committed, "each partner has done what it was asked")
        worker.send_signal(SIGKILL)
        await asyncio.to_thread(worker.wait)
    for proxy in proxies.values():
        proxy.forget()

    async with worker_process(house, servers, tmp_path):
        for service, trainee in held.items():
            await goes_the_whole_way(trainee)
            arrivals = await one_effect_each(trainee)
            assert arrivals[service] > 1, "the next worker asked again, under the same key"
