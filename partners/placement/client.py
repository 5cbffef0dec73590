"""Job services over HTTP; the contract is `openapi.yaml` beside this file."""

from partners.http import ServiceClient
from partners.requests import (
    Accepted,
    Cancel,
    FindVacancies,
    MakeReferral,
    Standing,
    Vacancies,
)


class PlacementClient(ServiceClient):
    """Implements `PlacementPort`."""

    async def vacancies(self, request: FindVacancies) -> Vacancies:
        """The open vacancies for an occupation in a region, best match first."""
        query = {
            "partner": request.partner,
            "scheme": request.occupation.scheme,
            "occupation": request.occupation.code,
            "region": request.region,
        }
        return await self.get("/vacancies", query, Vacancies)

    async def refer(self, request: MakeReferral) -> Accepted:
        """Refer the trainee to a vacancy; the answer comes as `referral.*`."""
        return await self.post("/referrals", request, request.idempotency_key, Accepted)

    async def cancel(self, request: Cancel) -> None:
        """Take a referral back."""
        await self.give_back("/referrals", request)

    async def look_up(self, partner: str, ref: str) -> Standing:
        """Where a referral stands."""
        return await self.standing("/referrals", partner, ref)
