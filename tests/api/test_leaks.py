"""What filters, cursors, states, keys and refusals could give away, and do not."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.api.access_house import as_told
from tests.api.conftest import client_of
from tests.api.issuer import Issuer
from tests.api.people import a_journey, a_person
from tests.api.statements import statements
from tests.api.test_reading_journeys import opened, record
from tests.api.two_regions import DISTRICT, MISSING, SIBLING

HOLD = {"reason": "in hospital"}


@pytest.fixture
async def own(app: FastAPI, issuer: Issuer) -> httpx.AsyncClient:
    return client_of(app, issuer.token("caseworker", region=DISTRICT, sub="own"))


@pytest.fixture
async def sibling(app: FastAPI, issuer: Issuer) -> httpx.AsyncClient:
    return client_of(app, issuer.token("caseworker", region=SIBLING, sub="sibling"))


async def told(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    *,
    headers: dict[str, str] | None = None,
    json: Any = None,
) -> dict[str, Any]:
    given = {"X-Request-Id": "the-same"} | (headers or {})
    return as_told(await client.request(method, path, headers=given, json=json))


async def test_a_filter_by_a_region_of_others_finds_what_a_region_of_nobody_finds(
    own: httpx.AsyncClient, sibling: httpx.AsyncClient
) -> None:
    await opened(own, home_region=DISTRICT)

    there, nowhere = [
        await told(sibling, "GET", f"/v1/journeys?region={region}") for region in (DISTRICT, "99")
    ]

    assert there == nowhere
    assert there["body"] == '{"items":[],"next_cursor":null}'


@pytest.mark.parametrize("name", ["partner=registry-gd-01", "stuck=true", "state=eligibility"])
async def test_a_filter_finds_nothing_of_others(
    own: httpx.AsyncClient, sibling: httpx.AsyncClient, engine: AsyncEngine, name: str
) -> None:
    journey = await opened(own, home_region=DISTRICT)
    await record(engine, journey)

    assert (await sibling.get(f"/v1/journeys?{name}")).json()["items"] == []


async def test_a_cursor_of_others_shows_only_my_own(
    own: httpx.AsyncClient, sibling: httpx.AsyncClient
) -> None:
    mine = [await opened(sibling, home_region=SIBLING) for _ in range(2)]
    for _ in range(3):
        await opened(own, home_region=DISTRICT)
    cursor = (await own.get("/v1/journeys?limit=1")).json()["next_cursor"]

    page = (await sibling.get(f"/v1/journeys?cursor={cursor}")).json()

    assert {item["journey_id"] for item in page["items"]} == set(mine)


async def test_a_cursor_opens_no_timeline_of_others(
    own: httpx.AsyncClient, sibling: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    journey = await opened(own, home_region=DISTRICT)
    await record(engine, journey)
    address = "/v1/journeys/{}/timeline?limit=1&cursor={}"
    cursor = (await own.get(f"/v1/journeys/{journey}/timeline?limit=1")).json()["next_cursor"]

    hidden = await told(sibling, "GET", address.format(journey, cursor))
    missing = await told(sibling, "GET", address.format(MISSING["journey_id"], cursor))

    assert hidden == missing
    assert hidden["status"] == 404


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
@pytest.mark.parametrize("tag", ['"0"', '"2"', '"99"', "*"])
async def test_a_state_that_is_guessed_tells_nothing_of_others(
    own: httpx.AsyncClient,
    sibling: httpx.AsyncClient,
    engine: AsyncEngine,
    header: str,
    tag: str,
) -> None:
    journey = await opened(own, home_region=DISTRICT)
    await record(engine, journey)
    for method, path, sent in (
        ("GET", "/v1/journeys/{}", None),
        ("POST", "/v1/journeys/{}/hold", HOLD),
    ):
        hidden, missing = [
            await told(sibling, method, path.format(asked), headers={header: tag}, json=sent)
            for asked in (journey, MISSING["journey_id"])
        ]

        assert hidden == missing
        assert hidden["status"] == 404


async def test_a_key_of_another_caller_is_a_new_key(
    own: httpx.AsyncClient, sibling: httpx.AsyncClient
) -> None:
    key = {"Idempotency-Key": "the-same-key"}
    body = a_journey(home_region=DISTRICT)
    first = await own.post("/v1/journeys", json=body, headers=key)

    same_body = await sibling.post("/v1/journeys", json=body, headers=key)
    own_body = await sibling.post("/v1/journeys", json=a_journey(home_region=SIBLING), headers=key)

    assert first.status_code == 201
    assert (same_body.status_code, same_body.json()["code"]) == (403, "outside_region")
    assert own_body.status_code == 201
    assert own_body.json()["id"] != first.json()["id"]


async def test_a_person_whose_journey_is_open_elsewhere_is_refused_without_its_name(
    own: httpx.AsyncClient, sibling: httpx.AsyncClient
) -> None:
    person = a_person()
    first = await opened(own, home_region=DISTRICT, person=person)

    at_home = await own.post("/v1/journeys", json=a_journey(home_region=DISTRICT, person=person))
    elsewhere = await sibling.post(
        "/v1/journeys", json=a_journey(home_region=SIBLING, person=person)
    )

    assert (at_home.status_code, elsewhere.status_code) == (409, 409)
    assert at_home.json()["journey_id"] == first
    assert "journey_id" not in elsewhere.json()
    assert first not in elsewhere.text + str(elsewhere.headers)
    known, unknown = at_home.json(), elsewhere.json()
    assert known["rule"] == unknown["rule"] == "opening.one_open_journey"
    assert known["detail"].replace(first, "a journey") == unknown["detail"]


async def test_a_reference_to_somebody_elsewhere_names_nobody(
    own: httpx.AsyncClient, sibling: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    answer = await own.post("/v1/journeys", json=a_journey(home_region=DISTRICT))
    person_ref = answer.json()["person_ref"]
    tellings = []
    for asked in (person_ref, MISSING["person_ref"]):
        body = a_journey(home_region=SIBLING, person=None, person_ref=asked, level="senior")
        with statements(engine) as done:
            tellings.append((await told(sibling, "POST", "/v1/journeys", json=body), list(done)))

    assert tellings[0] == tellings[1]
    assert tellings[0][0]["status"] == 422
    here = a_journey(home_region=DISTRICT, person=None, person_ref=person_ref, level="senior")
    assert (await own.post("/v1/journeys", json=here)).status_code == 201


@pytest.mark.parametrize("by", ["id_number", "phone"])
async def test_the_number_of_somebody_elsewhere_finds_nobody(
    own: httpx.AsyncClient, sibling: httpx.AsyncClient, by: str
) -> None:
    person, nobody = a_person(), a_person()
    await opened(own, home_region=DISTRICT, person=person)

    hidden, missing = [
        await told(sibling, "POST", "/v1/persons/find", json={by: asked[by]})
        for asked in (person, nobody)
    ]

    assert hidden == missing
    assert hidden["status"] == 200
