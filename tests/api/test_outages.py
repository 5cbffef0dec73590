"""PostgreSQL away: an honest 503, nothing acknowledged; back again: everything goes on."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app
from api.dependencies import ApiDependencies, Limits
from api.partner_book import PartnerBook
from processes.embedded.ports import free_port
from store.database import create_engine
from tests.api.conftest import client_of
from tests.api.issuer import Issuer
from tests.api.partners import an_event, as_body, signed
from tests.api.people import a_journey

JOURNEY = "jn_" + "0" * 32
SHORT = Limits(database_answer=timedelta(seconds=3))


@pytest.fixture
async def away(deps: ApiDependencies) -> FastAPI:
    """The app, with a database address where nobody listens."""
    nowhere = create_engine(f"postgresql+asyncpg://nobody@127.0.0.1:{free_port()}/nothing")
    return create_app(replace(deps, engine=nowhere, limits=SHORT))


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/journeys", a_journey()),
        ("GET", "/v1/journeys", None),
        ("GET", f"/v1/journeys/{JOURNEY}", None),
        ("GET", f"/v1/journeys/{JOURNEY}/timeline", None),
        ("POST", f"/v1/journeys/{JOURNEY}/resume", {}),
        ("GET", "/v1/events/rc_1", None),
    ],
)
async def test_every_call_answers_503_and_when_to_ask_again(
    away: FastAPI, issuer: Issuer, method: str, path: str, body: object
) -> None:
    async with client_of(away, issuer.token("caseworker", region="44")) as client:
        answer = await client.request(method, path, json=body, headers={"Idempotency-Key": "k"})

    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    assert (answer.json()["code"], answer.json()["retryable"]) == ("unavailable", True)


async def test_an_event_is_not_acknowledged(away: FastAPI) -> None:
    body = as_body(an_event())

    async with client_of(away) as client:
        answer = await client.post("/v1/events", content=body, headers=signed(body))

    assert answer.status_code == 503
    assert "receipt" not in answer.json()


async def test_an_event_is_not_acknowledged_though_its_sender_is_still_known(
    deps: ApiDependencies, away: FastAPI
) -> None:
    book: PartnerBook = create_app(deps).state.door.book
    await book.find("/partners/provider-sz-01")
    away.state.door.book = book
    body = as_body(an_event())

    async with client_of(away) as client:
        answer = await client.post("/v1/events", content=body, headers=signed(body))

    assert answer.status_code == 503


async def test_a_database_that_hangs_is_not_waited_for_forever(
    deps: ApiDependencies, engine: AsyncEngine, issuer: Issuer
) -> None:
    app = create_app(replace(deps, limits=SHORT))
    async with engine.begin() as holder, client_of(app) as client:
        await holder.execute(text("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE"))
        body = as_body(an_event())
        answer = await client.post("/v1/events", content=body, headers=signed(body))
    async with client_of(app) as client:
        again = await client.post("/v1/events", content=body, headers=signed(body))

    assert answer.status_code == 503
    assert again.status_code == 202, "the first one was not kept"


async def test_after_lost_connections_it_goes_on_by_itself(
    stranger: httpx.AsyncClient, engine: AsyncEngine, database_url: str
) -> None:
    async def send() -> int:
        body = as_body(an_event())
        return (await stranger.post("/v1/events", content=body, headers=signed(body))).status_code

    assert await send() == 202
    async with engine.connect() as connection:
        mine = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
    killer = create_engine(database_url, pool_size=1)
    async with killer.begin() as connection:
        await connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": mine})
    await killer.dispose()

    statuses: list[int] = []
    async with asyncio.timeout(60):
        while not statuses or statuses[-1] != 202:
            statuses.append(await send())

    assert set(statuses) <= {202, 503}
