"""Real servers for the tests: each xdist worker has its own database and namespace."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import hypothesis
import pytest
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from processes.embedded.app_role import as_processes
from processes.embedded.namespace import prepare_namespace
from store.database import create_engine
from tests.servers import Addresses, Servers, Sweeper, make_database, start_time_skipping

SHARED = pytest.StashKey[tuple[Servers, Addresses]]()

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        ),
    ]
)
"""The default draws every local variable of a traceback, which takes ten seconds for each."""

hypothesis.settings.register_profile(
    "everywhere",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("everywhere")
"""The same examples in every run, however slow the machine."""


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Start the servers in the xdist controller, and tell each worker where they are."""
    if SHARED not in node.config.stash:
        servers = Servers()
        node.config.stash[SHARED] = (servers, _started(servers))
    node.workerinput["servers"] = node.config.stash[SHARED][1].to_worker()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers that the controller started."""
    if SHARED in config.stash:
        config.stash[SHARED][0].stop()


def _started(servers: Servers) -> Addresses:
    try:
        return servers.start()
    except BaseException:
        servers.stop()
        raise


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[Addresses]:
    """The addresses of the run's PostgreSQL and Temporal."""
    worker_input = getattr(request.config, "workerinput", None)
    if worker_input is not None:
        yield Addresses(**worker_input["servers"])
        return
    owned = Servers()
    try:
        yield _started(owned)
    finally:
        owned.stop()


@pytest.fixture(scope="session")
def worker_name(request: pytest.FixtureRequest) -> str:
    """The name of this xdist worker, `main` without xdist."""
    worker_input = getattr(request.config, "workerinput", None)
    return worker_input["workerid"] if worker_input else "main"


@pytest.fixture(scope="session")
async def owner_database(servers: Addresses, worker_name: str) -> str:
    """This worker's migrated database, as the owner of its tables and a superuser."""
    return await make_database(servers.database_url, f"test_{worker_name}")


@pytest.fixture(scope="session")
def worker_database(owner_database: str) -> str:
    """This worker's migrated database, as the role that the processes have."""
    return as_processes(owner_database)


@pytest.fixture(scope="session")
async def sweeper(owner_database: str) -> AsyncIterator[Sweeper]:
    sweeper = Sweeper(owner_database)
    yield sweeper
    await sweeper.close()


@pytest.fixture
async def database_url(worker_database: str, sweeper: Sweeper) -> str:
    """The address of a migrated database without a row, as the role that the processes have."""
    await sweeper.sweep()
    return worker_database


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on a migrated database without a row, as the role that the processes have."""
    engine = create_engine(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def owner_engine(database_url: str, owner_database: str) -> AsyncIterator[AsyncEngine]:
    """An engine on the same database as its owner, for what no process may do."""
    engine = create_engine(owner_database)
    yield engine
    await engine.dispose()


@pytest.fixture(scope="session")
async def temporal_client(servers: Addresses, worker_name: str) -> Client:
    """A client of a namespace of this worker's own, with Journeyman's search attributes.

    Workflows of earlier tests may still be there: choose ids and task queues of your own. A worker
    process registers a version and takes every later journey: it needs `own_namespace`.
    """
    return await _namespace(servers, worker_name)


@pytest.fixture
async def own_namespace(servers: Addresses, worker_name: str) -> Client:
    """A client of a namespace that only this test uses."""
    return await _namespace(servers, f"{worker_name}-{uuid4().hex}")


async def _namespace(servers: Addresses, name: str) -> Client:
    client = await Client.connect(
        servers.temporal, namespace=name, data_converter=pydantic_data_converter
    )
    await prepare_namespace(client)
    return client


@pytest.fixture(scope="session")
async def time_skipping(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[WorkflowEnvironment]:
    """A server that skips time; shared by this worker's tests, so mind whose time is skipped."""
    async with await start_time_skipping(tmp_path_factory.mktemp("skipping")) as environment:
        yield environment
