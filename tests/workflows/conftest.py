"""A world for each test: fakes at the ports, real workers, a server that skips time."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.servers import start_time_skipping
from tests.workflows.carrying import World


@pytest.fixture
async def time_skipping(tmp_path: Path) -> AsyncIterator[WorkflowEnvironment]:
    """A server of the test's own: it skips no time while another test's journey is at work."""
    async with await start_time_skipping(tmp_path) as environment:
        yield environment


@pytest.fixture
async def world(time_skipping: WorkflowEnvironment) -> AsyncIterator[World]:
    """Journeys carried by real workers; time passes only where the test lets it."""
    with time_skipping.auto_time_skipping_disabled():
        async with World(time_skipping.client, time_skipping).working() as world:
            yield world
