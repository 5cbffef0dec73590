"""Two people at one case: who did not see the latest is refused, and told what changed."""

import httpx
import pytest
from fastapi import FastAPI

from api.journeys_client import CommandRefused
from domain.commands import CASE_CHANGED, Refusal
from domain.stages import Stage, State
from tests.api.conftest import client_of
from tests.api.issuer import Issuer
from tests.api.people import a_journey
from tests.api.played_journeys import PlayedJourneys


@pytest.fixture
async def journey(caseworker: httpx.AsyncClient) -> str:
    answer = await caseworker.post("/v1/journeys", json=a_journey())
    return str(answer.json()["id"])


def went_on() -> CommandRefused:
    return CommandRefused(
        Refusal(
            rule=CASE_CHANGED,
            detail="the journal is at line 4 by now, not 0",
            stage=Stage.NEED,
            state=State.PLANNING,
        )
    )


async def test_a_case_tells_which_state_of_it_one_has_seen(
    caseworker: httpx.AsyncClient, journey: str
) -> None:
    answer = await caseworker.get(f"/v1/journeys/{journey}")

    assert answer.headers["ETag"] == f'"{answer.json()["sequence"]}"'


async def test_what_was_seen_goes_to_the_journey_with_the_command(
    caseworker: httpx.AsyncClient, journeys: PlayedJourneys, journey: str
) -> None:
    await caseworker.post(f"/v1/journeys/{journey}/resume", headers={"If-Match": '"7"'})
    await caseworker.post(f"/v1/journeys/{journey}/resume", headers={"If-Match": "*"})
    await caseworker.post(f"/v1/journeys/{journey}/resume")

    assert [order.seen for _, order, _ in journeys.orders] == [7, None, None]


async def test_the_loser_is_told_what_changed_and_where_the_case_is(
    caseworker: httpx.AsyncClient, journeys: PlayedJourneys, journey: str
) -> None:
    journeys.refuses_with = went_on()

    answer = await caseworker.post(
        f"/v1/journeys/{journey}/hold", json={"reason": "ill"}, headers={"If-Match": '"0"'}
    )

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (412, "case_changed")
    assert problem["rule"] == CASE_CHANGED
    assert problem["changes"] == []
    assert answer.headers["ETag"] == '"0"'


@pytest.mark.parametrize(
    "header", ["7", "W/x", '"7', '"-1"', '"7", "8"', '"seven"', '""', "٧", 'W/"7"', '"07"']
)
async def test_a_tag_that_is_none_of_ours_is_told(
    caseworker: httpx.AsyncClient, journeys: PlayedJourneys, journey: str, header: str
) -> None:
    answer = await caseworker.post(
        f"/v1/journeys/{journey}/resume", headers={"If-Match": header.encode()}
    )

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "If-Match"
    assert journeys.orders == []


@pytest.mark.parametrize("name", ["If-Match", "Idempotency-Key"])
async def test_a_header_that_comes_twice_is_told(
    caseworker: httpx.AsyncClient, journeys: PlayedJourneys, journey: str, name: str
) -> None:
    answer = await caseworker.post(
        f"/v1/journeys/{journey}/resume", headers=[(name, '"1"'), (name, '"2"')]
    )

    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": name, "message": "must be sent once"}]
    assert journeys.orders == []


async def test_one_key_does_not_stand_for_two_states_seen(
    caseworker: httpx.AsyncClient, journey: str
) -> None:
    headers = {"Idempotency-Key": "k-1", "If-Match": '"1"'}
    first = await caseworker.post(f"/v1/journeys/{journey}/resume", headers=headers)
    again = await caseworker.post(f"/v1/journeys/{journey}/resume", headers=headers)
    other = await caseworker.post(
        f"/v1/journeys/{journey}/resume", headers=headers | {"If-Match": '"2"'}
    )

    assert [first.status_code, again.status_code, other.status_code] == [200, 200, 422]


async def test_only_a_supervisor_chooses_between_facts(
    app: FastAPI, issuer: Issuer, caseworker: httpx.AsyncClient, journey: str
) -> None:
    body = {"receipt": "rc_1", "reason": "the center was asked"}
    address = f"/v1/journeys/{journey}/choose"

    assert (await caseworker.post(address, json=body)).status_code == 403
    async with client_of(app, issuer.token("supervisor", region="44")) as supervisor:
        assert (await supervisor.post(address, json=body)).status_code == 200
