"""Exam centers over HTTP; the contract is `openapi.yaml` beside this file."""

from partners.http import ServiceClient
from partners.requests import Accepted, BookSitting, Cancel, Standing


class ExamClient(ServiceClient):
    """Implements `ExamPort`."""

    async def book(self, request: BookSitting) -> Accepted:
        """Book a sitting; dates come as `assessment.scheduled`, one for each component."""
        return await self.post("/bookings", request, request.idempotency_key, Accepted)

    async def cancel(self, request: Cancel) -> None:
        """Give a sitting back."""
        await self.give_back("/bookings", request)

    async def look_up(self, partner: str, ref: str) -> Standing:
        """Where a booking stands."""
        return await self.standing("/bookings", partner, ref)
