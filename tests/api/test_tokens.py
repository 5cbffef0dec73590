"""Who is let in, and as whom."""

import base64
import hmac
import json
import time

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI

from api.problems import Unauthenticated, Unavailable
from api.tokens import REFRESH_AT_MOST_EVERY_SECONDS, TokenVerifier
from domain.commands import Role
from tests.api.conftest import client_of
from tests.api.issuer import Issuer

NOW = int(time.time())


def _encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


BAD_CLAIMS: dict[str, dict[str, object]] = {
    "another issuer": {"iss": "https://elsewhere.test"},
    "another audience": {"aud": "another"},
    "several audiences": {"aud": ["journeyman", "another"]},
    "expired": {"exp": NOW - 120},
    "not yet valid": {"nbf": NOW + 3600},
    "an unknown role": {"role": "emperor"},
    "a role that is no text": {"role": ["caseworker"]},
    "no region": {"region": ""},
    "a region of three digits": {"region": "440"},
    "a region of another script": {"region": "４４"},
    "a region that is a number": {"region": 44},
    "a subject with a space": {"sub": "two words"},
    "an empty subject": {"sub": ""},
    "a long subject": {"sub": "x" * 121},
}


@pytest.mark.parametrize("bad", BAD_CLAIMS)
async def test_a_token_with_a_bad_claim_is_refused(app: FastAPI, issuer: Issuer, bad: str) -> None:
    token = issuer.sign(issuer.claims("caseworker", region="44") | BAD_CLAIMS[bad])

    async with client_of(app, token) as client:
        answer = await client.get("/v1/journeys")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["detail"] == "the bearer token is not accepted"


@pytest.mark.parametrize("missing", ["iss", "aud", "sub", "exp", "nbf", "role", "region"])
async def test_a_token_without_a_claim_is_refused(
    app: FastAPI, issuer: Issuer, missing: str
) -> None:
    claims = issuer.claims("caseworker", region="44")
    del claims[missing]

    async with client_of(app, issuer.sign(claims)) as client:
        answer = await client.get("/v1/journeys")

    assert answer.status_code == 401


def _signed_by_public_key(issuer: Issuer, claims: dict[str, object]) -> str:
    signed = f"{_encoded({'alg': 'HS256', 'kid': 'first'})}.{_encoded(claims)}"
    mac = hmac.digest(issuer.key_set.read_bytes(), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def _forgeries(issuer: Issuer) -> dict[str, str]:
    claims = issuer.claims("caseworker", region="44")
    genuine = issuer.sign(claims)
    header, body, signature = genuine.split(".")
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return {
        "algorithm none": f"{_encoded({'alg': 'none', 'kid': 'first'})}.{body}.",
        "HS256": jwt.encode(claims, b"s" * 32, algorithm="HS256", headers={"kid": "first"}),
        "HS256 by the public key": _signed_by_public_key(issuer, claims),
        "a key of one's own": jwt.encode(claims, own, algorithm="RS256", headers={"kid": "first"}),
        "an unknown key id": issuer.sign(claims, kid="another"),
        "no key id": f"{_encoded({'alg': 'RS256'})}.{body}.{signature}",
        "a key id that is no text": f"{_encoded({'alg': 'RS256', 'kid': [1]})}.{body}.{signature}",
        "another body": f"{header}.{_encoded(claims | {'role': 'supervisor'})}.{signature}",
        "a cut signature": genuine[:-8],
        "no token": "x",
        "dots": "..",
        "not ASCII": "é.é.é",
        "deep nesting": f"{base64.urlsafe_b64encode(b'[' * 5000).decode()}.{body}.{signature}",
    }


async def test_a_forged_token_is_refused(app: FastAPI, issuer: Issuer) -> None:
    for forgery, token in _forgeries(issuer).items():
        async with client_of(app) as client:
            answer = await client.get(
                "/v1/journeys", headers=[(b"authorization", b"Bearer " + token.encode())]
            )

        assert answer.status_code == 401, forgery


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dTpw", "token abc"])
async def test_something_else_than_a_bearer_token_is_refused(
    stranger: httpx.AsyncClient, header: str
) -> None:
    answer = await stranger.get("/v1/journeys", headers={"Authorization": header})

    assert answer.status_code == 401


async def test_a_partner_token_names_its_partner(issuer: Issuer) -> None:
    verifier = TokenVerifier(issuer.key_set, issuer=issuer.name)

    caller = await verifier.verify(issuer.token("partner", partner="provider-sz-01"))

    assert (caller.role, caller.partner) == (Role.PARTNER, "provider-sz-01")
    with pytest.raises(Unauthenticated):
        await verifier.verify(issuer.token("partner"))


async def test_the_issuer_may_rotate_its_key(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Issuer(tmp_path_factory.mktemp("rotating"))
    clock = [0.0]
    verifier = TokenVerifier(own.key_set, issuer=own.name, monotonic=lambda: clock[0])
    await verifier.verify(own.token("operator"))
    own.rotate("second")
    with pytest.raises(Unauthenticated):
        await verifier.verify(own.token("operator"))

    clock[0] += REFRESH_AT_MOST_EVERY_SECONDS

    assert (await verifier.verify(own.token("operator"))).role is Role.OPERATOR


async def test_a_key_set_that_can_not_be_read_is_an_outage_and_not_a_refusal(
    issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("empty")
    (folder / "broken.json").write_text("{")
    for name in ("missing.json", "broken.json"):
        with pytest.raises(Unavailable):
            await TokenVerifier(folder / name, issuer=issuer.name).verify(issuer.token("operator"))
