"""The registry over HTTP; the contract is `openapi.yaml` beside this file."""

from partners.http import ServiceClient
from partners.requests import Accepted, CheckEligibility


class RegistryClient(ServiceClient):
    """Implements `RegistryPort`."""

    async def check(self, request: CheckEligibility) -> Accepted:
        """Ask whether the trainee may take part; the decision comes as `eligibility.decided`."""
        return await self.post("/checks", request, request.idempotency_key, Accepted)
