"""A house for each story."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from tests.stories.house import House, a_house


@pytest.fixture
async def house(database_url: str, temporal_client: Client, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(database_url, temporal_client, tmp_path) as house:
        yield house
