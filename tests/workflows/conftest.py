"""A world for each test: fakes at the ports, real workers, a server that skips time."""

from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.workflows.carrying import World


@pytest.fixture
async def world(time_skipping: WorkflowEnvironment) -> AsyncIterator[World]:
    """Journeys carried by real workers; time passes only where the test lets it."""
    with time_skipping.auto_time_skipping_disabled():
        async with World(time_skipping.client, time_skipping).working() as world:
            yield world
            await world.end_journeys()
