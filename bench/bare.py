"""Carries bare workflows: this process plays their partners and their caseworker."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from bench.bare_workflow import (
    ASK_PARTNER,
    CALLS,
    PARTNER_QUEUE,
    WORKFLOW_QUEUE,
    Bare,
    Content,
    Request,
)


def some_content() -> Content:
    """As much as an event of a partner says: ids, names, numbers."""
    return {
        "receipt": f"rc_{uuid.uuid4().hex}",
        "source": "/partners/center-shenzhen-01",
        "event_id": f"ev_{uuid.uuid4().hex}",
        "type": "assessment.result",
        "booking_ref": f"bk_{uuid.uuid4().hex}",
        "component": "theory",
        "attempt": 1,
        "raw": 78,
        "max": 100,
        "pass_mark": 60,
        "outcome": "passed",
    }


@dataclass
class BarePartners:
    """Answers calls at once, then reports each call's events, one after another."""

    client: Client
    _reports: set[asyncio.Task[None]] = field(default_factory=set)

    @activity.defn(name=ASK_PARTNER)
    async def ask(self, request: Request) -> str:
        """Take a request; returns a reference."""
        report = asyncio.create_task(self._report(request))
        self._reports.add(report)
        report.add_done_callback(self._reports.discard)
        return f"rf_{uuid.uuid4().hex}"

    async def _report(self, request: Request) -> None:
        handle = self.client.get_workflow_handle_for(Bare.run, request.workflow_id)
        call = CALLS[request.number]
        for _ in range(call.events):
            await handle.signal(Bare.deliver, some_content())
        if call.command:
            await handle.execute_update(Bare.approve, some_content())

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Answer calls meanwhile."""
        async with Worker(self.client, task_queue=PARTNER_QUEUE, activities=[self.ask]):
            yield


async def carry_bare(client: Client) -> WorkflowHandle[Bare, int]:
    """One bare workflow from its start to its end.

    Raises:
        WorkflowFailureError: it failed.
    """
    handle = await client.start_workflow(
        Bare.run, some_content(), id=f"bare-{uuid.uuid4().hex}", task_queue=WORKFLOW_QUEUE
    )
    taken = await handle.result()
    assert taken == sum(call.events for call in CALLS)
    return handle
