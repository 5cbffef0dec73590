"""Activities of our own: quick where PostgreSQL is at hand, patient where it is away."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import FailureError

from workflows.durations import (
    RECORD_LOCALLY,
    RECORD_PATIENTLY,
    RECORD_REMOTELY_WITHIN,
    RECORD_WITHIN,
)

Request = TypeVar("Request")
Answer = TypeVar("Answer")


async def run_our_own(
    activity: Callable[[Any, Request], Coroutine[Any, Any, Answer]], request: Request
) -> Answer:
    """A short local activity; where PostgreSQL is away, a remote one that waits for it.

    A failed local activity arrives as it was raised, not wrapped in an `ActivityError`: unless
    every failure is caught here, an outage of PostgreSQL would end the journey as failed.
    """
    try:
        return await workflow.execute_local_activity_method(
            activity,
            request,
            start_to_close_timeout=RECORD_WITHIN,
            retry_policy=RECORD_LOCALLY,
        )
    except FailureError:
        return await workflow.execute_activity_method(
            activity,
            request,
            start_to_close_timeout=RECORD_REMOTELY_WITHIN,
            retry_policy=RECORD_PATIENTLY,
        )
