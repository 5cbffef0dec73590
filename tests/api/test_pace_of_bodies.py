"""A body has to come in time, and a partner sends no more than agreed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import Message

from api.app import create_app
from api.dependencies import ApiDependencies, Limits
from tests.api.conftest import client_of
from tests.api.partners import an_event, as_body, signed

EVENTS = "/v1/events"


async def test_a_slow_sender_is_cut_off(deps: ApiDependencies) -> None:
    body = as_body(an_event())

    async def slowly() -> AsyncIterator[bytes]:
        for place in range(len(body)):
            yield body[place : place + 1]
            await asyncio.sleep(0.01)

    app = create_app(replace(deps, limits=Limits(body_within=timedelta(seconds=0.1))))
    async with client_of(app) as client:
        answer = await client.post(EVENTS, content=slowly(), headers=signed(body))

    assert answer.status_code == 408
    assert answer.json()["code"] == "body_too_slow"
    assert answer.headers["Connection"] == "close"


async def test_a_sender_that_goes_away_is_no_fault_of_ours(deps: ApiDependencies) -> None:
    came: list[Message] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    answered: list[Message] = []

    async def receive() -> Message:
        return came.pop(0)

    async def send(message: Message) -> None:
        answered.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": EVENTS,
        "raw_path": EVENTS.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/cloudevents+json")],
        "client": ("127.0.0.1", 1),
        "server": ("journeyman.test", 80),
    }
    await create_app(deps)(scope, receive, send)

    assert answered[0]["status"] == 400


async def test_more_than_agreed_is_told_when_to_come_again(deps: ApiDependencies) -> None:
    now = [0.0]
    limits = Limits(partner_events_per_second=1.0)
    app = create_app(replace(deps, limits=limits, monotonic=lambda: now[0]))

    async def send() -> int:
        body = as_body(an_event())
        async with client_of(app) as client:
            answer = await client.post(EVENTS, content=body, headers=signed(body))
        if answer.status_code == 429:
            assert answer.json()["retryable"]
            now[0] += int(answer.headers["Retry-After"])
        return answer.status_code

    assert [await send() for _ in range(4)] == [202, 202, 429, 202]


async def test_a_partner_may_have_a_rate_of_its_own(
    deps: ApiDependencies, engine: AsyncEngine
) -> None:
    async with engine.begin() as connection:
        await connection.execute(
            text("UPDATE partners SET events_per_second = 2 WHERE partner_id = 'provider-sz-01'")
        )
    app = create_app(replace(deps, monotonic=lambda: 0.0))
    statuses = []
    async with client_of(app) as client:
        for _ in range(6):
            body = as_body(an_event())
            answer = await client.post(EVENTS, content=body, headers=signed(body))
            statuses.append(answer.status_code)

    assert statuses == [202] * 4 + [429] * 2


async def test_whoever_does_not_sign_uses_up_nobodys_rate(deps: ApiDependencies) -> None:
    limits = Limits(partner_events_per_second=1.0)
    app = create_app(replace(deps, limits=limits, monotonic=lambda: 0.0))
    body = as_body(an_event())
    async with client_of(app) as client:
        for _ in range(5):
            forged = signed(body) | {"webhook-signature": "v1,eA=="}
            assert (await client.post(EVENTS, content=body, headers=forged)).status_code == 401
        assert (await client.post(EVENTS, content=body, headers=signed(body))).status_code == 202
