"""What a test may count on."""

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from processes.embedded.namespace import missing_search_attributes
from store import migrations
from store.person_tables import persons
from tests.servers import Addresses


async def test_a_test_finds_the_schema_of_today(database_url: str) -> None:
    assert await migrations.current(database_url) == migrations.head()


@pytest.mark.parametrize("turn", ["one", "another"])
async def test_a_test_finds_no_row_of_another(engine: AsyncEngine, turn: str) -> None:
    async with engine.begin() as connection:
        before = await connection.scalar(select(func.count()).select_from(persons))
        await connection.execute(
            insert(persons).values(person_ref=f"pr_{turn}", registered_at=func.now())
        )
    assert before == 0


def test_workers_share_servers_but_not_databases(servers: Addresses, worker_database: str) -> None:
    host = servers.database_url.partition("?")[2]
    assert worker_database.endswith(host)
    assert worker_database != servers.database_url


async def test_the_namespace_knows_our_search_attributes(temporal_client: Client) -> None:
    assert await missing_search_attributes(temporal_client) == ()


async def test_the_skipping_server_skips(time_skipping: WorkflowEnvironment) -> None:
    before = await time_skipping.get_current_time()
    await time_skipping.sleep(3600)
    after = await time_skipping.get_current_time()
    assert (after - before).total_seconds() >= 3600
