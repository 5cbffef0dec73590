"""Every write of staff takes a key: one effect, one answer, for the one who asked."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app
from api.dependencies import ApiDependencies
from api.tokens import TokenVerifier
from store.idempotency import KEPT_FOR, purge
from tests.api.cohorts import CSV_HEADERS, a_csv, a_row
from tests.api.conftest import client_of
from tests.api.issuer import Issuer
from tests.api.people import a_journey, a_person
from tests.store.samples import now

WITHOUT_A_KEY = {
    ("POST", "/v1/events"): "a partner's: source and id of an event are its key",
    ("POST", "/v1/event-files"): "a partner's: the file itself is its key",
    ("POST", "/v1/persons/find"): "changes nothing; a POST so that no address holds a person",
    ("POST", "/v1/persons/{person_ref}/reveal"): "each is told anew, and its answer never kept",
}
WRITES = {"post", "put", "patch", "delete"}


def writes_of(app: FastAPI) -> Iterator[tuple[str, str, list[str]]]:
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            if method in WRITES:
                headers = [
                    str(parameter["name"]).lower()
                    for parameter in operation.get("parameters", [])
                    if parameter["in"] == "header"
                ]
                yield method.upper(), path, headers


def test_every_write_of_staff_takes_a_key(app: FastAPI) -> None:
    without = {
        (method, path)
        for method, path, headers in writes_of(app)
        if "idempotency-key" not in headers
    }

    assert without - WITHOUT_A_KEY.keys() == set()


async def test_a_subject_of_another_issuer_is_somebody_else(
    deps: ApiDependencies, issuer: Issuer
) -> None:
    another = TokenVerifier(issuer.key_set, issuer="https://another.test")
    token = issuer.token("caseworker", region="4403")
    body = a_journey()
    async with (
        client_of(create_app(deps), token) as here,
        client_of(
            create_app(replace(deps, tokens=another)),
            issuer.token("caseworker", region="4403", iss="https://another.test"),
        ) as elsewhere,
    ):
        first = await opening(here, body, "one-key")
        other = await opening(elsewhere, body, "one-key")

    assert first.status_code == 201
    assert other.json()["code"] == "journey_already_open"


async def opening(client: httpx.AsyncClient, body: dict[str, object], key: str) -> httpx.Response:
    return await client.post("/v1/journeys", json=body, headers={"Idempotency-Key": key})


async def test_a_key_between_quotes_is_the_same_key(caseworker: httpx.AsyncClient) -> None:
    body, key = a_journey(), str(uuid.uuid4())

    plain = await opening(caseworker, body, key)
    quoted = await opening(caseworker, body, f'"{key}"')

    assert (plain.status_code, quoted.status_code) == (201, 201)
    assert plain.text == quoted.text
    assert plain.headers["Location"] == quoted.headers["Location"]


@pytest.mark.parametrize("key", ["", '""', '"', '"open', 'in"side', "two words", "k" * 121, "\x7f"])
async def test_what_is_no_key_is_refused(caseworker: httpx.AsyncClient, key: str) -> None:
    answer = await opening(caseworker, a_journey(), key)

    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == ["Idempotency-Key"]


async def test_the_same_body_to_another_address_is_another_request(
    caseworker: httpx.AsyncClient,
) -> None:
    content = a_csv([a_row()])
    headers = CSV_HEADERS | {"Idempotency-Key": "one-key"}

    first = await caseworker.post("/v1/cohorts", content=content, headers=headers)
    other = await caseworker.post("/v1/cohorts?name=Spring", content=content, headers=headers)

    assert (first.status_code, other.status_code) == (202, 422)
    assert other.json()["code"] == "idempotency_key_reused"


async def test_a_key_is_her_own_and_as_who_she_was(deps: ApiDependencies, issuer: Issuer) -> None:
    app, body = create_app(deps), a_journey()
    async with (
        client_of(app, issuer.token("caseworker", region="4403")) as her,
        client_of(app, issuer.token("caseworker", region="44")) as her_elsewhere,
        client_of(app, issuer.token("caseworker", region="4403", sub="staff-other")) as other,
    ):
        first = await opening(her, body, "one-key")
        moved = await opening(her_elsewhere, body, "one-key")
        others = await opening(other, body, "one-key")

    assert first.status_code == 201
    assert (moved.status_code, moved.json()["code"]) == (422, "idempotency_key_reused")
    assert others.json()["code"] == "journey_already_open", "another caller's key is another key"


async def test_a_refusal_is_not_kept(caseworker: httpx.AsyncClient) -> None:
    person = a_person()
    first = await opening(caseworker, a_journey(person=person), "first")
    body = a_journey(person=person)
    refused = await opening(caseworker, body, "second")
    again = await opening(caseworker, body | {"level": "junior"}, "second")

    assert (first.status_code, refused.status_code, again.status_code) == (201, 409, 201)


async def test_kept_answers_hold_nothing_personal(
    caseworker: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    person = a_person(name="欧阳春梅")
    await opening(caseworker, a_journey(person=person), "a")
    row = a_row(name="尉迟晨曦")
    await caseworker.post(
        "/v1/cohorts",
        content=a_csv([row, row | {"level": "x"}]),
        headers=CSV_HEADERS | {"Idempotency-Key": "b"},
    )

    async with engine.connect() as connection:
        kept = await connection.scalar(
            text("SELECT string_agg(k::text, ' ') FROM idempotency_keys AS k")
        )
    assert str(kept).count("/v1/") >= 2
    for told in (*person.values(), row["name"], row["id_number"], row["phone"]):
        assert str(told) not in str(kept)


async def test_keys_are_purged_after_their_days_and_a_few_at_a_time(
    deps: ApiDependencies, issuer: Issuer, engine: AsyncEngine
) -> None:
    old = replace(deps, clock=lambda: now() - KEPT_FOR - timedelta(minutes=1))
    token = issuer.token("caseworker", region="4403")
    for made_by, keys in ((old, ("a", "b", "c")), (deps, ("d",))):
        async with client_of(create_app(made_by), token) as client:
            for key in keys:
                assert (await opening(client, a_journey(), key)).status_code == 201

    removed = []
    for _ in range(3):
        async with engine.begin() as connection:
            removed.append(await purge(connection, now() - KEPT_FOR, 2))

    assert removed == [2, 1, 0]
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM idempotency_keys")) == 1
