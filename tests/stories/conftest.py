"""A house for the stories of each file; every story has trainees of its own."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from tests.servers import Sweeper
from tests.stories.house import House, a_house


@pytest.fixture(scope="module")
async def house(
    worker_database: str,
    sweeper: Sweeper,
    temporal_client: Client,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[House]:
    await sweeper.sweep()
    folder = tmp_path_factory.mktemp("house")
    async with a_house(worker_database, temporal_client, folder) as house:
        yield house
