"""Each role is shown the fields that are listed for it, and no other."""

import httpx
import pytest
from fastapi import FastAPI

from api.cases import Case
from api.fields import CASE_FIELDS, narrowed
from domain.commands import Role
from tests.api.conftest import client_of
from tests.api.issuer import Issuer
from tests.api.people import a_journey


async def opened(client: httpx.AsyncClient) -> dict[str, str]:
    answer = await client.post("/v1/journeys", json=a_journey())
    assert answer.status_code == 201, answer.text
    journey: dict[str, str] = answer.json()
    return journey


@pytest.mark.parametrize("role", CASE_FIELDS)
async def test_a_role_is_shown_its_fields_of_a_case_and_no_other(
    app: FastAPI, issuer: Issuer, caseworker: httpx.AsyncClient, role: Role
) -> None:
    journey = await opened(caseworker)
    async with client_of(app, issuer.token(role.value, region="4403")) as client:
        one = (await client.get(f"/v1/journeys/{journey['id']}")).json()
        (listed,) = (await client.get("/v1/journeys")).json()["items"]

    assert one.keys() == listed.keys() == CASE_FIELDS[role]


async def test_an_auditor_learns_who_of_the_staff_acted_and_not_who_the_trainee_is(
    app: FastAPI, issuer: Issuer, caseworker: httpx.AsyncClient
) -> None:
    journey = await opened(caseworker)
    async with client_of(app, issuer.token("auditor", region="44")) as auditor:
        answers = [
            await auditor.get(f"/v1/journeys/{journey['id']}"),
            await auditor.get("/v1/journeys"),
            await auditor.get(f"/v1/journeys/{journey['id']}/timeline"),
        ]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert all(journey["person_ref"] not in answer.text for answer in answers)
    assert answers[0].json()["opened_by"] == {"id": "caseworker-1", "role": "caseworker"}


async def test_an_auditor_of_the_nation_sees_every_region(
    app: FastAPI, issuer: Issuer, caseworker: httpx.AsyncClient
) -> None:
    journey = await opened(caseworker)
    async with client_of(app, issuer.token("auditor")) as nation:
        assert (await nation.get(f"/v1/journeys/{journey['id']}")).status_code == 200
    async with client_of(app, issuer.token("auditor", region="51")) as elsewhere:
        assert (await elsewhere.get(f"/v1/journeys/{journey['id']}")).status_code == 404


def test_somebody_decided_who_is_shown_each_field() -> None:
    assert CASE_FIELDS[Role.SUPERVISOR] == CASE_FIELDS[Role.CASEWORKER] == set(Case.model_fields)


def test_the_document_says_what_an_auditor_is_shown(app: FastAPI) -> None:
    schemas = app.openapi()["components"]["schemas"]

    assert schemas["AuditedCase"]["properties"].keys() == CASE_FIELDS[Role.AUDITOR]
    assert "person_ref" in schemas["Case"]["properties"]


def test_a_list_that_names_a_field_of_nothing_is_a_mistake() -> None:
    with pytest.raises(KeyError, match="shoe_size"):
        narrowed("Narrowed", Case, frozenset({"shoe_size"}))
