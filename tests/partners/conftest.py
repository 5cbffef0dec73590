"""A running sandbox for the tests of this folder."""

from collections.abc import AsyncIterator

import pytest

from tests.partners.running import Sandbox, sandbox


@pytest.fixture(scope="session")
async def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    """One sandbox for this worker; ask for `running` instead."""
    async with sandbox(tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture
async def running(shared_sandbox: Sandbox) -> AsyncIterator[Sandbox]:
    """A sandbox without orders, whose door has seen nothing; use keys and journeys of your own."""
    await shared_sandbox.reset()
    yield shared_sandbox
    await shared_sandbox.reset()
