"""Partners' keys over HTTP: told once, rotated without a refusal, revoked within seconds."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app
from api.dependencies import ApiDependencies, Limits
from store.partner_keys import key_of_secret
from tests.api.conftest import client_of
from tests.api.issuer import Issuer
from tests.api.partners import SECRETS, an_event, as_body, signed

PARTNER = "provider-sz-01"
KEYS = f"/v1/partners/{PARTNER}/keys"
OLD = SECRETS[PARTNER][0]


@pytest.fixture
async def operator(app: FastAPI, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, issuer.token("operator")) as client:
        yield client


async def send(app: FastAPI, secret: str) -> int:
    body = as_body(an_event(PARTNER))
    async with client_of(app) as client:
        headers = signed(body, PARTNER, secret=secret)
        return (await client.post("/v1/events", content=body, headers=headers)).status_code


async def keys(operator: httpx.AsyncClient) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await operator.get(KEYS)).json()["items"]
    return items


async def test_a_secret_is_told_once_and_signs_at_once(
    app: FastAPI, operator: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    headers = {"Idempotency-Key": "one"}
    made = await operator.post(KEYS, headers=headers)
    again = await operator.post(KEYS, headers=headers)

    assert (made.status_code, again.status_code) == (201, 201)
    assert made.headers["Cache-Control"] == again.headers["Cache-Control"] == "no-store"
    secret = made.json()["secret"]
    assert again.json()["id"] == made.json()["id"]
    assert again.json()["secret"] is None
    assert "not told again" in again.json()["note"]
    assert await send(app, secret) == 202
    assert len(await keys(operator)) == 2
    listed = (await operator.get(KEYS)).text
    async with engine.connect() as connection:
        kept = await connection.scalars(text("SELECT k::text FROM idempotency_keys AS k"))
        log = await connection.scalars(text("SELECT l::text FROM audit_log AS l"))
        everything = listed + "".join(kept) + "".join(log)
    assert secret[6:] not in everything
    assert key_of_secret(secret).hex() not in everything


async def test_without_the_idempotency_key_each_request_makes_a_key(
    operator: httpx.AsyncClient,
) -> None:
    first, second = [(await operator.post(KEYS)).json() for _ in range(2)]
    assert first["secret"] != second["secret"]


async def test_a_partner_has_at_most_five_usable_keys(operator: httpx.AsyncClient) -> None:
    statuses = [(await operator.post(KEYS)).status_code for _ in range(5)]
    assert statuses == [201, 201, 201, 201, 409]
    cut = await operator.post(f"{KEYS}/rotate", json={"overlap_seconds": 0})
    assert cut.status_code == 201
    states = [key["state"] for key in await keys(operator)]
    assert states == ["usable", *["expired"] * 5]


async def test_many_at_once_do_not_pass_the_limit(operator: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(operator.post(KEYS) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 4 + [409] * 4


async def test_no_event_is_refused_while_keys_are_rotated(
    deps: ApiDependencies, issuer: Issuer
) -> None:
    """Two API processes with warm books; the sender changes over within the overlap."""
    limits = Limits(partner_events_per_second=10_000.0)
    doors = [create_app(replace(deps, limits=limits)) for _ in range(2)]
    secrets, statuses = [OLD], []
    stop = asyncio.Event()

    async def sender(number: int) -> None:
        while not stop.is_set():
            statuses.append(await send(doors[number % 2], secrets[-1]))

    async with client_of(doors[0], issuer.token("operator")) as operator:
        senders = [asyncio.create_task(sender(number)) for number in range(4)]
        for _ in range(3):
            rotated = await operator.post(f"{KEYS}/rotate", json={"overlap_seconds": 3600})
            assert rotated.status_code == 201
            statuses += [await send(door, secrets[-1]) for door in doors]
            secrets.append(rotated.json()["secret"])
            statuses += [await send(door, secrets[-1]) for door in doors]
        stop.set()
        await asyncio.gather(*senders)
    assert len(statuses) > 20
    assert set(statuses) == {202}


async def test_an_old_key_is_refused_once_the_overlap_is_over(
    deps: ApiDependencies, issuer: Issuer
) -> None:
    ahead = replace(deps, clock=lambda: deps.clock() + timedelta(seconds=61))
    now, later = create_app(deps), create_app(ahead)
    async with client_of(now, issuer.token("operator")) as operator:
        rotated = (await operator.post(f"{KEYS}/rotate", json={"overlap_seconds": 60})).json()
    assert len(rotated["ending"]) == 1
    assert [await send(now, secret) for secret in (OLD, rotated["secret"])] == [202, 202]
    async with client_of(later, issuer.token("operator")) as operator:
        states = [key["state"] for key in (await operator.get(KEYS)).json()["items"]]
    assert states == ["usable", "expired"]


async def test_a_revoked_key_is_refused_by_every_process_within_three_seconds(
    deps: ApiDependencies, issuer: Issuer
) -> None:
    seconds = [0.0]
    doors = [create_app(replace(deps, monotonic=lambda: seconds[0])) for _ in range(2)]
    async with client_of(doors[0], issuer.token("operator")) as operator:
        assert [await send(door, OLD) for door in doors] == [202, 202]
        (held,) = (await operator.get(KEYS)).json()["items"]
        address = f"{KEYS}/{held['id']}/revoke"
        revoked = await operator.post(address, json={"reason": "lost"})
        seconds[0] += deps.limits.partner_kept.total_seconds() + 0.1
        assert [await send(door, OLD) for door in doors] == [401, 401]
        again = await operator.post(address, json={"reason": "lost"})
    assert deps.limits.partner_kept <= timedelta(seconds=3)
    assert revoked.json()["state"] == "revoked"
    assert (again.status_code, again.json()["rule"]) == (409, "partner.key_revoked")


async def test_a_key_is_revoked_by_its_own_partners_name_only(
    operator: httpx.AsyncClient,
) -> None:
    (held,) = await keys(operator)
    wrong = f"/v1/partners/center-sz-01/keys/{held['id']}/revoke"
    assert (await operator.post(wrong, json={"reason": "x"})).status_code == 404
    malformed = f"{KEYS}/pk_1/revoke"
    assert (await operator.post(malformed, json={"reason": "x"})).status_code == 404
    assert (await keys(operator))[0]["state"] == "usable"


@pytest.mark.parametrize(
    "body",
    [
        {"overlap_seconds": -1},
        {"overlap_seconds": True},
        {"overlap_seconds": 30 * 86_400 + 1},
        {"overlap": 3},
    ],
)
async def test_an_overlap_is_at_most_thirty_days(
    operator: httpx.AsyncClient, body: dict[str, int]
) -> None:
    answer = await operator.post(f"{KEYS}/rotate", json=body)
    assert answer.status_code == 422
    assert len(await keys(operator)) == 1
