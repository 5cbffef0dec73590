"""A call to a partner: through the gate that holds those to paused partners; typed failures."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.errors import PARTNER_PAUSED, partner_failures


class CallGate(Protocol):
    """Knows which partners are paused."""

    async def ask(self, partner: str, call: str) -> timedelta | None:
        """None where the call may go now, else how long it is to wait before it asks again.

        Args:
            partner: whom it is for.
            call: the same for every try of the same call.
        """
        ...

    async def leave(self, partner: str, call: str) -> None:
        """The call that went is over, however it ended."""
        ...


@asynccontextmanager
async def partner_call(gate: CallGate, partner: str) -> AsyncIterator[None]:
    """Around one call to a partner.

    Raises:
        ApplicationError: the partner is paused, refused, or did not answer. A pause is no failure
            of the service: the call is tried again when the gate says so, for as long as it takes.
    """
    info = activity.info()
    call = f"{info.workflow_id}:{info.workflow_run_id}:{info.activity_id}"
    wait = await gate.ask(partner, call)
    if wait is not None:
        raise ApplicationError(
            "calls to this partner are paused",
            type=PARTNER_PAUSED,
            next_retry_delay=wait,
            category=ApplicationErrorCategory.BENIGN,
        )
    try:
        async with partner_failures():
            yield
    finally:
        await gate.leave(partner, call)
