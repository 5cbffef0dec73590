"""The relay's calls to Temporal, and what their answers mean: by type and status, never by text."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from enum import Enum, auto
from typing import TypeVar

import structlog
from temporalio.client import Client
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.addresses import DELIVER, JOURNEY_QUEUE, JOURNEY_WORKFLOW, workflow_id_of
from store.mailbox import Mail
from store.outbox import Start

log = structlog.get_logger(__name__)

ANSWER_WITHIN = timedelta(seconds=5)
"""How long Temporal may take to answer one call; far below a lease."""
_REGION = SearchAttributeKey.for_keyword("JourneymanRegion")
_OUTAGE = frozenset(
    {
        RPCStatusCode.ABORTED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.INTERNAL,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.UNKNOWN,
    }
)

Item = TypeVar("Item")


class Answer(Enum):
    """What Temporal said to one signal or start; `INVALID` is about this very message."""

    DONE = auto()
    NO_SUCH_RUN = auto()
    INVALID = auto()
    REFUSED = auto()
    AWAY = auto()


async def signal(client: Client, mail: Mail) -> Answer:
    """Hand a journey its mail, all in one signal."""
    if not mail.deliveries:
        return Answer.DONE
    handle = client.get_workflow_handle(workflow_id_of(mail.journey_id))
    return await _answer(
        handle.signal(DELIVER, list(mail.deliveries), rpc_timeout=ANSWER_WITHIN),
        journey=mail.journey_id,
    )


async def start_run(client: Client, start: Start) -> Answer:
    """Start a journey's workflow; one that was ever started under its id counts as done."""
    region = SearchAttributePair(_REGION, str(start.brief["home_region"]))
    return await _answer(
        client.start_workflow(
            JOURNEY_WORKFLOW,
            args=[start.brief, None],
            id=workflow_id_of(start.journey_id),
            task_queue=JOURNEY_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            search_attributes=TypedSearchAttributes([region]),
            rpc_timeout=ANSWER_WITHIN,
        ),
        journey=start.journey_id,
    )


async def ask_all(
    items: Iterable[Item], ask: Callable[[Item], Awaitable[Answer]], at_once: int
) -> list[tuple[Item, Answer]]:
    """Ask Temporal for each, some at once; after the first silence the others are not tried."""
    gate = asyncio.Semaphore(at_once)
    away = False

    async def ask_one(item: Item) -> tuple[Item, Answer]:
        nonlocal away
        async with gate:
            answer = Answer.AWAY if away else await ask(item)
        away = away or answer is Answer.AWAY
        return item, answer

    return list(await asyncio.gather(*(ask_one(item) for item in items)))


async def _answer(call: Awaitable[object], journey: str) -> Answer:
    try:
        await call
    except WorkflowAlreadyStartedError:
        return Answer.DONE
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return Answer.NO_SUCH_RUN
        if error.status in _OUTAGE:
            return Answer.AWAY
        log.error("refused by Temporal", journey=journey, status=error.status.name)
        invalid = error.status is RPCStatusCode.INVALID_ARGUMENT
        return Answer.INVALID if invalid else Answer.REFUSED
    except (RuntimeError, OSError):
        # The SDK's bridge has no type of its own for a client that never got through.
        return Answer.AWAY
    return Answer.DONE
