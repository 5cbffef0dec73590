"""A running sandbox for the tests of this folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.partners.running import Sandbox, sandbox


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """A sandbox with an empty ledger."""
    async with sandbox(tmp_path) as started:
        yield started
