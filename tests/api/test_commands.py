"""Commands: each has a route, and the caller gets the journey's own answer."""

from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncEngine

from api.commands import CATCHES_UP_WITHIN, FOR_ONE_ROLE
from api.journeys_client import CommandRefused, JourneysUnavailable, NoRunningJourney
from domain.commands import COMMANDS, Refusal
from domain.stages import Stage, State
from store.tables import idempotency_keys
from store.tables import journeys as journeys_table
from tests.api.conftest import client_of
from tests.api.issuer import Issuer
from tests.api.people import a_journey
from tests.api.played_journeys import PlayedJourneys

BODIES: dict[str, dict[str, object]] = {
    "plan/approve": {},
    "plan/change": {"providers": ["provider-sz-02"], "reason": "nearer to home"},
    "hold": {"reason": "in hospital"},
    "resume": {},
    "withdraw": {"reason": "moved away"},
    "deadline": {"until": "2026-05-01T00:00:00+08:00", "reason": "holiday"},
    "evidence": {
        "type": "enrollment.confirmed",
        "data": {"cohort": "2026-03"},
        "reason": "told by phone",
    },
    "switch": {"kind": "provider", "to": "provider-sz-02", "reason": "closed down"},
    "lost-contact": {"reason": "three visits"},
    "decide": {"choice": "repeat_training", "reason": "she was ill"},
    "retry": {},
}


@pytest.fixture
async def journey(caseworker: httpx.AsyncClient) -> str:
    answer = await caseworker.post("/v1/journeys", json=a_journey())
    return str(answer.json()["id"])


def test_every_command_has_a_sample() -> None:
    of_supervisors = {kind.model_fields["name"].default for kind in FOR_ONE_ROLE}
    assert set(BODIES) | of_supervisors == {kind.model_fields["name"].default for kind in COMMANDS}


@pytest.mark.parametrize("command", BODIES)
async def test_a_command_reaches_the_journey_with_who_gave_it(
    caseworker: httpx.AsyncClient, journeys: PlayedJourneys, journey: str, command: str
) -> None:
    answer = await caseworker.post(f"/v1/journeys/{journey}/{command}", json=BODIES[command])

    assert answer.status_code == 200, answer.text
    assert answer.json() == journeys.answer.model_dump(mode="json")
    [(asked, order, _)] = journeys.orders
    assert asked == journey
    assert order.command.name == command
    assert (order.by.id, order.by.role) == ("caseworker-1", "caseworker")


@pytest.mark.parametrize("command", ["plan/approve", "resume", "retry"])
async def test_a_command_that_needs_no_words_needs_no_body(
    caseworker: httpx.AsyncClient, journey: str, command: str
) -> None:
    answer = await caseworker.post(f"/v1/journeys/{journey}/{command}")

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("command", "change", "field"),
    [
        ("hold", {"reason": ""}, "reason"),
        ("hold", {"reason": "   "}, "reason"),
        ("hold", {"reason": "x" * 501}, "reason"),
        ("hold", {"reason": 7}, "reason"),
        ("hold", {"name": "withdraw"}, "name"),
        ("hold", {"mood": "bad"}, "mood"),
        ("plan/change", {"providers": ["provider-sz-02"] * 51}, "providers"),
        ("deadline", {"until": "soon"}, "until"),
        ("deadline", {"until": "2026-05-01T00:00:00"}, "until"),
        ("deadline", {"until": "2026-02-30T00:00:00Z"}, "until"),
        ("deadline", {"until": "9999-12-31T23:59:59-14:00"}, "until"),
        ("deadline", {"until": "9999-12-31T23:59:59Z"}, "until"),
        ("deadline", {"until": "0001-01-01T00:00:00+14:00"}, "until"),
        ("deadline", {"until": 4102444800}, "until"),
        ("switch", {"kind": "weather"}, "kind"),
        ("switch", {"to": "two words"}, "to"),
        ("decide", {"choice": "guess"}, "choice"),
        ("evidence", {"type": "trainee.abducted"}, "type"),
        ("evidence", {"data": {"mode": "by pigeon"}}, "data.mode"),
        ("evidence", {"data": {"start": "2026-02-30"}}, "data.start"),
        ("evidence", {"data": "text"}, "data"),
        ("plan/change", {"providers": [""]}, "providers.0"),
        ("plan/change", {"recognize": [{"module": "m", "expires": "x"}]}, "recognize.0.expires"),
    ],
)
async def test_a_command_that_does_not_fit_is_refused_naming_the_field(
    caseworker: httpx.AsyncClient,
    journey: str,
    command: str,
    change: dict[str, object],
    field: str,
) -> None:
    answer = await caseworker.post(
        f"/v1/journeys/{journey}/{command}", json=BODIES[command] | change
    )

    assert answer.status_code == 422, answer.text
    assert field in {error["field"].removesuffix(".date") for error in answer.json()["errors"]}


async def test_a_refusal_names_the_rule_and_where_the_journey_is(
    caseworker: httpx.AsyncClient, journeys: PlayedJourneys, journey: str
) -> None:
    journeys.refuses_with = CommandRefused(
        Refusal(
            rule="plan.needs_approval",
            detail="there is no plan to approve yet",
            stage=Stage.NEED,
            state=State.ELIGIBILITY,
        )
    )

    answer = await caseworker.post(f"/v1/journeys/{journey}/plan/approve")

    problem = answer.json()
    assert answer.status_code == 409
    assert (problem["code"], problem["rule"]) == ("command_refused", "plan.needs_approval")
    assert (problem["stage"], problem["state"]) == ("need", "eligibility")
    assert problem["detail"] == "there is no plan to approve yet"
    assert problem["retryable"] is False


def no_plan_yet(sequence: int | None) -> CommandRefused:
    """Refused by a journey that knows of so many of its lines."""
    return CommandRefused(
        Refusal(
            rule="plan.awaits_approval",
            detail="no plan awaits approval",
            stage=Stage.NEED,
            state=State.ELIGIBILITY,
            sequence=sequence,
        )
    )


@pytest.fixture
async def recorded(engine: AsyncEngine, journey: str) -> str:
    """A journey whose third line was recorded just now."""
    async with engine.begin() as connection:
        await connection.execute(
            update(journeys_table).values(
                sequence=3, updated_at=datetime.now(UTC), state="planning"
            )
        )
    return journey


@pytest.mark.parametrize(("known", "status"), [(2, 503), (3, 409), (4, 409), (None, 409)])
async def test_a_journey_that_does_not_know_what_was_just_recorded_is_asked_again(
    caseworker: httpx.AsyncClient,
    journeys: PlayedJourneys,
    recorded: str,
    known: int | None,
    status: int,
) -> None:
    journeys.refuses_with = no_plan_yet(known)

    answer = await caseworker.post(f"/v1/journeys/{recorded}/plan/approve")

    assert answer.status_code == status
    assert answer.json()["retryable"] is (status == 503)


async def test_a_journey_that_never_learned_what_was_recorded_refuses_for_good(
    caseworker: httpx.AsyncClient, journeys: PlayedJourneys, recorded: str, engine: AsyncEngine
) -> None:
    before = datetime.now(UTC) - 2 * CATCHES_UP_WITHIN
    async with engine.begin() as connection:
        await connection.execute(update(journeys_table).values(updated_at=before))
    journeys.refuses_with = no_plan_yet(2)

    answer = await caseworker.post(f"/v1/journeys/{recorded}/plan/approve")

    assert answer.status_code == 409


async def test_who_did_not_hear_that_her_command_ended_the_journey_is_told_again(
    caseworker: httpx.AsyncClient, engine: AsyncEngine, journey: str
) -> None:
    address, key = f"/v1/journeys/{journey}/withdraw", {"Idempotency-Key": "k-1"}
    first = await caseworker.post(address, json=BODIES["withdraw"], headers=key)
    async with engine.begin() as connection:
        await connection.execute(delete(idempotency_keys))
        await connection.execute(
            update(journeys_table).values(stage="closed", state="closed", outcome="withdrawn")
        )

    again = await caseworker.post(address, json=BODIES["withdraw"], headers=key)
    other = await caseworker.post(address, json=BODIES["withdraw"])

    assert (again.status_code, again.json()) == (200, first.json())
    assert (other.status_code, other.json()["rule"]) == (409, "journey.closed")


async def test_a_closed_journey_takes_no_command(
    caseworker: httpx.AsyncClient, journeys: PlayedJourneys, journey: str, engine: AsyncEngine
) -> None:
    async with engine.begin() as connection:
        await connection.execute(
            update(journeys_table).values(stage="closed", state="closed", outcome="withdrawn")
        )

    answer = await caseworker.post(f"/v1/journeys/{journey}/hold", json=BODIES["hold"])

    assert answer.status_code == 409
    assert answer.json()["rule"] == "journey.closed"
    assert journeys.orders == []


@pytest.mark.parametrize(
    ("away", "code"),
    [
        (JourneysUnavailable("Temporal can't be reached"), "unavailable"),
        (NoRunningJourney("jn"), "journey_not_started"),
    ],
)
async def test_no_answer_is_a_503_that_says_when_to_ask_again(
    caseworker: httpx.AsyncClient,
    journeys: PlayedJourneys,
    journey: str,
    away: Exception,
    code: str,
) -> None:
    journeys.refuses_with = away

    answer = await caseworker.post(f"/v1/journeys/{journey}/resume")

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert (answer.json()["code"], answer.json()["retryable"]) == (code, True)


async def test_the_same_key_gets_the_same_answer_and_one_effect(
    caseworker: httpx.AsyncClient, journeys: PlayedJourneys, journey: str
) -> None:
    address, key = f"/v1/journeys/{journey}/hold", {"Idempotency-Key": "k-1"}
    first = await caseworker.post(address, json=BODIES["hold"], headers=key)
    journeys.answer = journeys.answer.model_copy(update={"sequence": 99})

    again = await caseworker.post(address, json=BODIES["hold"], headers=key)
    other = await caseworker.post(address, json={"reason": "another"}, headers=key)
    elsewhere = await caseworker.post(f"/v1/journeys/{journey}/resume", headers=key)

    assert again.json() == first.json()
    assert len(journeys.orders) == 1
    assert [other.status_code, elsewhere.status_code] == [422, 422]
    assert other.json()["code"] == "idempotency_key_reused"


async def test_after_a_503_the_same_key_asks_again_under_the_same_update(
    caseworker: httpx.AsyncClient, journeys: PlayedJourneys, journey: str
) -> None:
    address, key = f"/v1/journeys/{journey}/hold", {"Idempotency-Key": "k-1"}
    journeys.refuses_with = JourneysUnavailable("Temporal can't be reached")
    away = await caseworker.post(address, json=BODIES["hold"], headers=key)
    journeys.refuses_with = None

    back = await caseworker.post(address, json=BODIES["hold"], headers=key)
    await caseworker.post(address, json=BODIES["hold"], headers=key)

    assert (away.status_code, back.status_code) == (503, 200)
    assert len(journeys.orders) == 1


async def test_without_a_key_a_command_is_given_anew(
    caseworker: httpx.AsyncClient, journeys: PlayedJourneys, journey: str
) -> None:
    for _ in range(2):
        await caseworker.post(f"/v1/journeys/{journey}/retry")

    assert len({update_id for _, _, update_id in journeys.orders}) == 2


async def test_a_journey_of_another_region_takes_no_command_and_is_not_there(
    app: FastAPI, issuer: Issuer, journeys: PlayedJourneys, journey: str
) -> None:
    async with client_of(app, issuer.token("supervisor", region="51")) as elsewhere:
        answer = await elsewhere.post(f"/v1/journeys/{journey}/resume")

    assert answer.status_code == 404
    assert answer.json()["detail"] == "there is no such journey"
    assert journeys.orders == []


async def test_an_unknown_command_is_not_there(caseworker: httpx.AsyncClient, journey: str) -> None:
    answer = await caseworker.post(f"/v1/journeys/{journey}/dance")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
