"""A house whose calls to partners go through fault proxies."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from tests.faults.behind_proxies import Proxied, behind_proxies
from tests.servers import Sweeper


@pytest.fixture(scope="module")
async def proxied(
    worker_database: str,
    sweeper: Sweeper,
    temporal_client: Client,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Proxied]:
    """With workers in this process, whose clients give up after a second."""
    await sweeper.sweep()
    folder = tmp_path_factory.mktemp("house")
    async with behind_proxies(worker_database, temporal_client, folder, answer_within=1) as proxied:
        yield proxied
