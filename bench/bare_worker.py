"""The bare workflows' worker process: `python -m bench.bare_worker <Temporal's port>`."""

import asyncio
import sys

from temporalio.client import Client
from temporalio.worker import Worker

from bench.bare_workflow import WORKFLOW_QUEUE, Bare, BareSignal, note
from processes.embedded.ports import LOOPBACK
from processes.lifetime import live
from processes.settings import Settings


async def work(stop: asyncio.Event) -> None:
    """Work until told to stop, with as much cached and at once as the house's own worker."""
    client = await Client.connect(f"{LOOPBACK}:{sys.argv[1]}")
    usual = Settings()
    async with Worker(
        client,
        task_queue=WORKFLOW_QUEUE,
        workflows=[Bare, BareSignal],
        activities=[note],
        max_cached_workflows=usual.worker_journeys_cached,
        max_concurrent_workflow_tasks=usual.worker_journeys_at_once,
        max_concurrent_local_activities=usual.worker_records_at_once,
    ):
        await stop.wait()


if __name__ == "__main__":
    live(work)
