"""What staff do with journeys stands in the audit log."""

from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from api.journeys_client import CommandRefused, JourneysUnavailable
from domain.commands import Refusal
from domain.stages import Stage, State
from store.audit_tables import audit_log
from tests.api.people import a_journey
from tests.api.played_journeys import PlayedJourneys

REFUSED = CommandRefused(
    Refusal(rule="hold.once", detail="on hold", stage=Stage.NEED, state=State.AGREED)
)


@pytest.fixture
async def journey(caseworker: httpx.AsyncClient) -> str:
    answer = await caseworker.post("/v1/journeys", json=a_journey())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def acts(engine: AsyncEngine, about: str) -> list[tuple[str, str, dict[str, Any]]]:
    query = select(audit_log).where(audit_log.c.about == about).order_by(audit_log.c.at)
    async with engine.connect() as connection:
        rows = (await connection.execute(query)).all()
    return [(row.action, row.actor_id, orjson.loads(row.detail)) for row in rows]


async def test_an_opening_is_told_once(caseworker: httpx.AsyncClient, engine: AsyncEngine) -> None:
    body, headers = a_journey(), {"Idempotency-Key": "k-1"}
    answers = [await caseworker.post("/v1/journeys", json=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    ((action, actor, detail),) = await acts(engine, answers[0].json()["id"])
    assert (action, actor) == ("journey.opened", "caseworker-1")
    assert body["person"]["id_number"] not in str(detail)  # type: ignore[index]


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k-1"}])
async def test_a_command_is_told_with_its_name(
    caseworker: httpx.AsyncClient, journey: str, engine: AsyncEngine, headers: dict[str, str]
) -> None:
    hold = {"reason": "in hospital"}
    answer = await caseworker.post(f"/v1/journeys/{journey}/hold", json=hold, headers=headers)
    assert answer.status_code == 200
    _, told = await acts(engine, journey)
    assert told == (
        "journey.commanded",
        "caseworker-1",
        {"command": "hold", "outcome": "done"},
    )


async def test_a_command_that_is_repeated_is_told_once(
    caseworker: httpx.AsyncClient, journey: str, engine: AsyncEngine
) -> None:
    for _ in range(3):
        await caseworker.post(
            f"/v1/journeys/{journey}/resume", json={}, headers={"Idempotency-Key": "k-1"}
        )
    assert len(await acts(engine, journey)) == 2


@pytest.mark.parametrize(
    ("fault", "status", "outcome"),
    [
        (REFUSED, 409, {"outcome": "refused", "rule": "hold.once"}),
        (JourneysUnavailable("Temporal is away"), 503, {"outcome": "unknown"}),
    ],
)
async def test_a_command_without_effect_is_told_as_such(  # noqa: PLR0917 (cases)
    caseworker: httpx.AsyncClient,
    journeys: PlayedJourneys,
    journey: str,
    engine: AsyncEngine,
    fault: Exception,
    status: int,
    outcome: dict[str, str],
) -> None:
    journeys.refuses_with = fault
    answer = await caseworker.post(f"/v1/journeys/{journey}/resume", json={})
    assert answer.status_code == status
    _, (_, _, detail) = await acts(engine, journey)
    assert detail == {"command": "resume", **outcome}


async def test_a_command_to_a_journey_that_is_not_there_is_not_told(
    caseworker: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    nobody = "jn_" + "0" * 32
    answer = await caseworker.post(f"/v1/journeys/{nobody}/resume", json={})
    assert answer.status_code == 404
    assert await acts(engine, nobody) == []
