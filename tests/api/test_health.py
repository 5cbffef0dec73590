"""Alive, able to work, and in which figures."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from api.app import create_app
from api.dependencies import ApiDependencies, Limits
from api.journeys_client import JourneysUnavailable
from api.tokens import TokenVerifier
from processes.embedded.ports import free_port
from store.database import create_engine
from tests.api.conftest import client_of
from tests.api.partners import an_event, as_body, signed
from tests.api.people import a_journey
from tests.api.played_journeys import PlayedJourneys


async def figures(client: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_the_process_is_alive(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/healthz")

    assert (answer.status_code, answer.text) == (200, "ok")


async def test_it_is_ready_when_every_dependency_is(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["ready"] is True
    assert [found["name"] for found in answer.json()["dependencies"]] == [
        "postgresql",
        "temporal",
        "issuer",
    ]


async def test_what_is_away_is_named(stranger: httpx.AsyncClient, journeys: PlayedJourneys) -> None:
    journeys.away = JourneysUnavailable("Temporal can't be reached")

    answer = await stranger.get("/readyz")

    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    found = {one["name"]: (one["ok"], one.get("wrong")) for one in answer.json()["dependencies"]}
    assert found["temporal"] == (False, "Temporal can't be reached")
    assert found["postgresql"][0] is True


async def test_everything_away_is_named_at_once(
    deps: ApiDependencies, journeys: PlayedJourneys, tmp_path: Path
) -> None:
    journeys.away = JourneysUnavailable("Temporal can't be reached")
    engine = create_engine(f"postgresql+asyncpg://nobody@127.0.0.1:{free_port()}/nothing")
    app = create_app(
        replace(
            deps,
            engine=engine,
            tokens=TokenVerifier(tmp_path / "missing.json", issuer="https://issuer.test"),
            limits=Limits(database_answer=timedelta(seconds=2)),
        )
    )

    async with client_of(app) as client:
        answer = await client.get("/readyz")
        still_alive = await client.get("/healthz")
        still_counted = await client.get("/metrics")
    await engine.dispose()

    assert answer.status_code == 503
    assert [found["ok"] for found in answer.json()["dependencies"]] == [False] * 3
    assert (still_alive.status_code, still_counted.status_code) == (200, 200)


async def test_requests_are_counted_by_route_and_status(
    stranger: httpx.AsyncClient, caseworker: httpx.AsyncClient
) -> None:
    await caseworker.get("/v1/journeys/jn_" + "0" * 32)
    await caseworker.get("/v1/journeys/jn_" + "1" * 32)
    await stranger.get("/v1/journeys")
    await stranger.get("/some/path/that/is/nowhere")

    counted = await figures(stranger)

    name = "journeyman_http_requests_total"
    assert counted[(name, "GET", "/v1/journeys/{journey_id}", "404")] == 2
    assert counted[(name, "GET", "/v1/journeys", "401")] == 1
    assert counted[(name, "GET", "unknown", "404")] == 1
    assert counted[("journeyman_http_request_seconds_count", "/v1/journeys")] == 1


async def test_events_are_counted_by_what_was_answered(stranger: httpx.AsyncClient) -> None:
    body, unfit = as_body(an_event()), as_body(an_event(data=None))
    for sent in (body, body, unfit):
        await stranger.post("/v1/events", content=sent, headers=signed(sent))
    await stranger.post("/v1/events", content=body)

    counted = await figures(stranger)

    name = "journeyman_events_received_total"
    by_status = {key[1]: value for key, value in counted.items() if key[0] == name}
    assert by_status == {"received": 1, "duplicate": 1, "quarantined": 1}


async def test_journeys_are_counted_by_stage_and_cause(
    stranger: httpx.AsyncClient, caseworker: httpx.AsyncClient
) -> None:
    for _ in range(2):
        await caseworker.post("/v1/journeys", json=a_journey())

    counted = await figures(stranger)

    assert counted[("journeyman_journeys", "need")] == 2
    assert counted[("journeyman_journeys", "closed")] == 0
    assert counted[("journeyman_journeys_stuck", "PARTNER_SILENT")] == 0
