"""A worker for the collecting journey, on real servers."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from domain.addresses import JOURNEY_QUEUE
from tests.relay.collecting import CollectingJourney
from tests.store.samples import prepare


@pytest.fixture
async def store(engine: AsyncEngine) -> AsyncEngine:
    await prepare(engine)
    return engine


@pytest.fixture
async def client(store: AsyncEngine, temporal_client: Client) -> AsyncIterator[Client]:
    """Temporal with a worker; the journeys of the test are gone after it."""
    async with Worker(
        temporal_client,
        task_queue=JOURNEY_QUEUE,
        workflows=[CollectingJourney],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield temporal_client
    async with store.connect() as connection:
        journeys = (await connection.scalars(text("SELECT journey_id FROM journeys"))).all()
    for journey_id in journeys:
        try:
            await temporal_client.get_workflow_handle(journey_id).terminate()
        except RPCError:
            continue
