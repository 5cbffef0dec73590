"""Opening a journey over HTTP: what is taken, what is refused, and that nothing happens twice."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Table, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app
from api.dependencies import ApiDependencies
from store.person_tables import persons
from store.tables import journeys, outbox
from tests.api.conftest import client_of
from tests.api.issuer import Issuer
from tests.api.people import a_journey, a_person


async def count_of(engine: AsyncEngine, table: Table) -> int:
    async with engine.connect() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def test_a_caseworker_opens_a_journey(
    caseworker: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    answer = await caseworker.post("/v1/journeys", json=a_journey())

    assert answer.status_code == 201, answer.text
    opened = answer.json()
    assert answer.headers["Location"] == f"/v1/journeys/{opened['id']}" == opened["links"]["self"]
    assert (opened["stage"], opened["state"]) == ("need", "intake")
    shown = (await caseworker.get(answer.headers["Location"])).json()
    assert shown["journey_id"] == opened["id"]
    assert shown["policy_version"] == opened["policy_version"]
    assert shown["opened_by"] == {"id": "caseworker-1", "role": "caseworker"}
    assert await count_of(engine, outbox) == 1


async def test_delivery_and_job_region_are_the_home_region_unless_given(
    caseworker: httpx.AsyncClient,
) -> None:
    first = await caseworker.post("/v1/journeys", json=a_journey())
    second = await caseworker.post(
        "/v1/journeys", json=a_journey(delivery_region="51", job_region="1101")
    )

    near = (await caseworker.get(first.headers["Location"])).json()
    far = (await caseworker.get(second.headers["Location"])).json()
    assert (near["delivery_region"], near["job_region"]) == ("440305", "440305")
    assert (far["delivery_region"], far["job_region"]) == ("51", "1101")


async def test_a_person_known_before_is_named_by_her_reference(
    caseworker: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    first = (await caseworker.post("/v1/journeys", json=a_journey())).json()

    again = a_journey(person=None, person_ref=first["person_ref"], level="senior")
    second = await caseworker.post("/v1/journeys", json=again)

    assert second.status_code == 201, second.text
    assert second.json()["person_ref"] == first["person_ref"]
    assert await count_of(engine, persons) == 1


async def test_the_same_key_and_body_get_the_same_answer_and_open_one_journey(
    caseworker: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    asked, key = a_journey(), {"Idempotency-Key": "k-1"}

    first = await caseworker.post("/v1/journeys", json=asked, headers=key)
    again = await caseworker.post("/v1/journeys", json=asked, headers=key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["Location"] == first.headers["Location"]
    assert await count_of(engine, journeys) == 1


async def test_another_body_under_the_same_key_is_refused(caseworker: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "k-1"}
    await caseworker.post("/v1/journeys", json=a_journey(), headers=key)

    other = await caseworker.post("/v1/journeys", json=a_journey(), headers=key)

    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_key_reused"


async def test_a_key_belongs_to_its_caller(app: FastAPI, issuer: Issuer) -> None:
    key = {"Idempotency-Key": "k-1"}
    tokens = [issuer.token("caseworker", region="44", sub=name) for name in ("ann", "bo")]
    answers = []
    for token in tokens:
        async with client_of(app, token) as client:
            answers.append(await client.post("/v1/journeys", json=a_journey(), headers=key))

    assert [answer.status_code for answer in answers] == [201, 201]


async def test_the_same_start_sent_at_once_opens_one_journey(
    caseworker: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    asked, key = a_journey(), {"Idempotency-Key": "k-1"}

    answers = await asyncio.gather(
        *(caseworker.post("/v1/journeys", json=asked, headers=key) for _ in range(8))
    )

    statuses = {answer.status_code for answer in answers}
    assert 201 in statuses
    assert statuses <= {201, 409}
    in_flight = [answer.json() for answer in answers if answer.status_code == 409]
    assert all(problem["code"] == "request_in_flight" for problem in in_flight)
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert await count_of(engine, journeys) == 1


async def test_a_second_open_journey_is_refused_naming_the_first(
    caseworker: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    person = a_person()
    first = (await caseworker.post("/v1/journeys", json=a_journey(person=person))).json()

    second = await caseworker.post("/v1/journeys", json=a_journey(person=person))

    problem = second.json()
    assert second.status_code == 409
    assert (problem["code"], problem["rule"]) == (
        "journey_already_open",
        "opening.one_open_journey",
    )
    assert problem["journey_id"] == first["id"]
    assert first["id"] in problem["detail"]
    assert await count_of(engine, journeys) == 1


async def test_twenty_openings_at_once_open_one_journey(
    caseworker: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    asked = a_journey()

    answers = await asyncio.gather(
        *(caseworker.post("/v1/journeys", json=asked) for _ in range(20))
    )

    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 19]
    assert await count_of(engine, journeys) == 1


@pytest.mark.parametrize("pathway", ["apprenticeship", "self_employment", "continuing_education"])
async def test_a_pathway_of_later_is_refused_as_not_yet_offered(
    caseworker: httpx.AsyncClient, pathway: str
) -> None:
    answer = await caseworker.post("/v1/journeys", json=a_journey(pathway=pathway))

    assert answer.status_code == 422
    assert answer.json()["code"] == "pathway_not_offered"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"occupation": {"scheme": "gbm", "code": "9-99-99-99"}}, "occupation.code"),
        ({"occupation": {"scheme": "isco", "code": "4-02-06-01"}}, "occupation.scheme"),
        ({"occupation": "4-02-06-01"}, "occupation"),
        ({"level": "grandmaster"}, "level"),
        ({"level": 4}, "level"),
        ({"pathway": "shortcut"}, "pathway"),
        ({"home_region": "999999"}, "home_region"),
        ({"home_region": "44030"}, "home_region"),
        ({"delivery_region": "99"}, "delivery_region"),
        ({"job_region": "00"}, "job_region"),
        ({"program": "moon-program"}, "program"),
        ({"program": ""}, "program"),
        ({"program": 7}, "program"),
        ({"groups": ["astronaut"]}, "groups.0"),
        ({"groups": "unemployed"}, "groups"),
        ({"years_of_service": -1}, "years_of_service"),
        ({"years_of_service": "many"}, "years_of_service"),
        ({"employer": "two words"}, "employer"),
        ({"employer": "x" * 121}, "employer"),
        ({"recognized_modules": [{"module": "no-such"}]}, "recognized_modules.0.module"),
        (
            {"recognized_modules": [{"module": "m", "expires": "2026-02-30"}]},
            "recognized_modules.0.expires",
        ),
        (
            {"recognized_modules": [{"module": "m", "expires": "next year"}]},
            "recognized_modules.0.expires",
        ),
        ({"surprise": 1}, "surprise"),
        ({"person_ref": "pr_1"}, ""),
        ({"person": None}, ""),
        ({"person": None, "person_ref": "pr_unknown"}, "person_ref"),
        ({"person": []}, "person"),
        ({"home_region": "51"}, None),
    ],
)
async def test_what_does_not_exist_or_fit_is_named_and_opens_nothing(
    caseworker: httpx.AsyncClient,
    engine: AsyncEngine,
    change: dict[str, object],
    field: str | None,
) -> None:
    answer = await caseworker.post("/v1/journeys", json=a_journey(**change))

    problem = answer.json()
    if field is None:
        assert (answer.status_code, problem["code"]) == (403, "outside_region")
    else:
        assert answer.status_code == 422, answer.text
        assert field in [error["field"] for error in problem["errors"]]
    assert await count_of(engine, journeys) == 0
    assert await count_of(engine, persons) == 0


async def test_everything_unknown_is_named_at_once(caseworker: httpx.AsyncClient) -> None:
    answer = await caseworker.post(
        "/v1/journeys",
        json=a_journey(
            program="none", home_region="98", job_region="99", occupation={"code": "0-00-00-00"}
        ),
    )

    named = {error["field"]: error.get("value") for error in answer.json()["errors"]}
    assert named == {
        "program": "none",
        "home_region": "98",
        "job_region": "99",
        "occupation.code": "0-00-00-00",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id_number", "440305199901010019"),
        ("id_number", "440305199913010012"),
        ("id_number", "44030519990101001"),
        ("id_number", "４４０３０５１９９９０１０１００１５"),
        ("id_number", 440305199901010015),
        ("phone", "call me"),
        ("phone", "+12"),
        ("phone", "139001380001390013800013900138000"),
        ("name", ""),
        ("name", "陈" * 101),
        ("name", {"first": "小梅"}),
        ("nickname", "Meimei-the-canary"),
    ],
)
async def test_personal_data_is_refused_without_being_repeated(
    caseworker: httpx.AsyncClient, field: str, value: object
) -> None:
    answer = await caseworker.post(
        "/v1/journeys", json=a_journey(person=a_person(**{field: value}))
    )

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [f"person.{field}"]
    if value:
        assert str(value) not in answer.text


async def test_no_journey_opens_under_a_program_outside_its_dates(
    deps: ApiDependencies, issuer: Issuer
) -> None:
    late = replace(deps, clock=lambda: datetime(2027, 12, 31, 16, 0, tzinfo=UTC))
    in_time = replace(deps, clock=lambda: datetime(2027, 12, 31, 15, 59, tzinfo=UTC))
    asked = a_journey(program="skills-initiative-2025")
    token = issuer.token("caseworker", region="44")

    async with client_of(create_app(late), token) as client:
        refused = await client.post("/v1/journeys", json=asked)
    async with client_of(create_app(in_time), token) as client:
        taken = await client.post("/v1/journeys", json=asked)

    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    assert error["field"] == "program"
    assert "2027-12-31" in error["message"]
    assert taken.status_code == 201, "the last day counts, by the clock of the program's zone"


async def test_a_region_without_a_registry_is_refused(
    deps: ApiDependencies, issuer: Issuer
) -> None:
    async with client_of(create_app(deps), issuer.token("caseworker", region="51")) as client:
        answer = await client.post("/v1/journeys", json=a_journey(home_region="5101"))

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "home_region"
