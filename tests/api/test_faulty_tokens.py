"""Whatever is wrong with a token, its bearer learns the same: nothing."""

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.api.conftest import client_of
from tests.api.faulty_tokens import FAULTY
from tests.api.issuer import Issuer
from tests.api.statements import statements


@pytest.mark.parametrize("faulty", FAULTY)
async def test_a_faulty_token_is_refused_in_the_same_words_without_asking_the_database(
    app: FastAPI, engine: AsyncEngine, issuer: Issuer, faulty: str
) -> None:
    token = FAULTY[faulty](issuer)
    header = (b"authorization", b"Bearer " + token.encode())
    async with client_of(app) as client:
        with statements(engine) as asked:
            answer = await client.get(
                "/v1/journeys", headers=[header, (b"x-request-id", b"the-same")]
            )

    assert answer.status_code == 401
    assert answer.json() == {
        "type": "urn:journeyman:problem:unauthenticated",
        "title": "Who are you?",
        "status": 401,
        "detail": "the bearer token is not accepted",
        "code": "unauthenticated",
        "retryable": False,
        "instance": "the-same",
    }
    assert dict(answer.headers) == {
        "www-authenticate": 'Bearer realm="journeyman"',
        "content-length": str(len(answer.content)),
        "content-type": "application/problem+json",
        "x-request-id": "the-same",
    }
    assert asked == []


async def test_the_token_that_the_faulty_ones_are_made_of_is_good(
    app: FastAPI, issuer: Issuer
) -> None:
    async with client_of(app, issuer.token("caseworker", region="44")) as client:
        assert (await client.get("/v1/journeys")).status_code == 200


async def test_an_audience_may_stand_in_a_list_of_one(app: FastAPI, issuer: Issuer) -> None:
    token = issuer.token("caseworker", region="44", aud=["journeyman"])
    async with client_of(app, token) as client:
        assert (await client.get("/v1/journeys")).status_code == 200


@pytest.mark.parametrize("first", ["good", "bad"])
async def test_of_two_tokens_none_is_looked_at(app: FastAPI, issuer: Issuer, first: str) -> None:
    good = issuer.token("caseworker", region="44")
    tokens = [good, good[:-8]] if first == "good" else [good[:-8], good]
    async with client_of(app) as client:
        headers = [("Authorization", f"Bearer {token}") for token in tokens]
        assert (await client.get("/v1/journeys", headers=headers)).status_code == 401


def test_there_are_enough_of_them() -> None:
    assert len(FAULTY) >= 25
