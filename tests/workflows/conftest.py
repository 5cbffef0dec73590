"""A world for each test: fakes at the ports, real workers, a server that skips time."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from tests.servers import tethered_test_server
from tests.workflows.carrying import World

STARTS = 3
"""The SDK gives a server a few seconds to answer: too few, at times, on a machine that is busy."""


async def _start(server: Path) -> WorkflowEnvironment:
    for _ in range(STARTS - 1):
        with suppress(RuntimeError):
            return await _start_once(server)
    return await _start_once(server)


async def _start_once(server: Path) -> WorkflowEnvironment:
    return await WorkflowEnvironment.start_time_skipping(
        data_converter=pydantic_data_converter, test_server_existing_path=str(server)
    )


@pytest.fixture
async def time_skipping(tmp_path: Path) -> AsyncIterator[WorkflowEnvironment]:
    """A server of the test's own: it skips no time while another test's journey is at work."""
    async with await _start(tethered_test_server(tmp_path)) as environment:
        yield environment


@pytest.fixture
async def world(time_skipping: WorkflowEnvironment) -> AsyncIterator[World]:
    """Journeys carried by real workers; time passes only where the test lets it."""
    with time_skipping.auto_time_skipping_disabled():
        async with World(time_skipping.client, time_skipping).working() as world:
            yield world
