"""A migrated PostgreSQL with the partners without which no journey opens."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.store.samples import prepare


@pytest.fixture
async def store(engine: AsyncEngine) -> AsyncEngine:
    await prepare(engine)
    return engine
