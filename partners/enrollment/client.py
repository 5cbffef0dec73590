"""Training providers over HTTP; the contract is `openapi.yaml` beside this file."""

from partners.http import ServiceClient
from partners.requests import Accepted, Cancel, RequestEnrollment, Standing


class EnrollmentClient(ServiceClient):
    """Implements `EnrollmentPort`."""

    async def request(self, request: RequestEnrollment) -> Accepted:
        """Ask for a seat; the provider's answer comes as `enrollment.*`."""
        return await self.post("/requests", request, request.idempotency_key, Accepted)

    async def cancel(self, request: Cancel) -> None:
        """Give a seat back, or take the request for one back."""
        await self.give_back("/requests", request)

    async def look_up(self, partner: str, ref: str) -> Standing:
        """Where a request stands."""
        return await self.standing("/requests", partner, ref)
