"""Who is let in, and as whom; `test_faulty_tokens.py` has who is not."""

import httpx
import pytest

from api.problems import Unauthenticated
from api.tokens import TokenVerifier
from domain.commands import Role
from tests.api.issuer import Issuer


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dTpw", "token abc"])
async def test_something_else_than_a_bearer_token_is_refused(
    stranger: httpx.AsyncClient, header: str
) -> None:
    answer = await stranger.get("/v1/journeys", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_partner_token_names_its_partner(issuer: Issuer) -> None:
    verifier = TokenVerifier(issuer.key_set, issuer=issuer.name)

    caller = await verifier.verify(issuer.token("partner", partner="provider-sz-01"))

    assert (caller.role, caller.partner) == (Role.PARTNER, "provider-sz-01")
    with pytest.raises(Unauthenticated):
        await verifier.verify(issuer.token("partner"))


@pytest.mark.parametrize("region", ["", "44", "4403", "440305"])
async def test_an_auditor_may_be_a_nations_or_a_regions(issuer: Issuer, region: str) -> None:
    verifier = TokenVerifier(issuer.key_set, issuer=issuer.name)

    caller = await verifier.verify(issuer.token("auditor", region=region))

    assert (caller.role, caller.region) == (Role.AUDITOR, region)
