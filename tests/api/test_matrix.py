"""Nobody sees what is not hers: every operation of the document, asked by everybody.

`access_table` says who may do what. An operation that is not in it fails the run.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app
from api.dependencies import ApiDependencies, Limits
from domain.commands import Role
from tests.api.access_bodies import body_of
from tests.api.access_table import TABLE, Operation, Reach, Rule
from tests.api.conftest import client_of
from tests.api.issuer import Issuer
from tests.api.statements import statements
from tests.api.two_regions import (
    CALLERS,
    CITY,
    DISTRICT,
    MISSING,
    OTHER_PARTNER,
    SENDER,
    SIBLING,
    Place,
    Who,
    fill,
)

ALLOWED, UNKNOWN, FORBIDDEN, NOT_THERE = "allowed", "401", "403", "404"
OF_THE_ANSWER = {"x-request-id", "date"}
"""Headers that no two answers share."""


@dataclass
class House:
    """The app over two districts, and somebody to ask it."""

    app: FastAPI
    engine: AsyncEngine
    issuer: Issuer
    district: Place
    sibling: Place

    async def ask(
        self, who: Who, operation: Operation, ids: dict[str, str], query: str = ""
    ) -> httpx.Response:
        method, path = operation
        body = body_of(operation, self.district, who)
        async with client_of(self.app) as client:
            return await client.request(
                method,
                path.format(**ids) + query,
                content=body,
                headers={**who.headers(self.issuer, body), "X-Request-Id": "the-same"},
            )


@pytest.fixture
async def app(deps: ApiDependencies) -> FastAPI:
    """The app without a limit on how often one may ask."""
    unhurried = Limits(caller_requests_per_second=100_000.0, partner_events_per_second=100_000.0)
    return create_app(replace(deps, limits=unhurried))


@pytest.fixture
async def house(app: FastAPI, engine: AsyncEngine, issuer: Issuer) -> House:
    sibling = await fill(app, engine, issuer, SIBLING, OTHER_PARTNER)
    district = await fill(app, engine, issuer, DISTRICT, SENDER)
    return House(app, engine, issuer, district, sibling)


def operations_of(app: FastAPI) -> set[Operation]:
    return {
        (method.upper(), path)
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    }


def expected(rule: Rule, who: Who) -> str:
    """What somebody is to be answered who asks for what is the district's and the sender's."""
    if rule.reach is Reach.OPEN:
        return ALLOWED
    if rule.reach is Reach.SIGNED:
        return ALLOWED if who.signs else UNKNOWN
    if who.role is None:
        return UNKNOWN
    if who.role not in rule.roles:
        return FORBIDDEN
    return ALLOWED if reaches(rule, who) else NOT_THERE


def reaches(rule: Rule, who: Who) -> bool:
    if rule.reach is Reach.OWN_ROLE:
        return True
    if who.role is Role.PARTNER:
        return who.partner == SENDER
    return DISTRICT.startswith(who.region)


def got(answer: httpx.Response) -> str:
    assert answer.status_code < 500, answer.text
    refusals = (UNKNOWN, FORBIDDEN, NOT_THERE)
    return str(answer.status_code) if str(answer.status_code) in refusals else ALLOWED


def as_told(answer: httpx.Response) -> dict[str, Any]:
    """Everything of an answer by which two can be told apart."""
    headers = {name: value for name, value in answer.headers.items() if name not in OF_THE_ANSWER}
    return {"status": answer.status_code, "headers": headers, "body": answer.text}


def may_know_of_district(who: Who) -> bool:
    if who.partner == SENDER and (who.signs or who.role is Role.PARTNER):
        return True
    return who.role in (Role.CASEWORKER, Role.SUPERVISOR, Role.AUDITOR) and DISTRICT.startswith(
        who.region
    )


def test_every_operation_of_the_document_is_in_the_table(app: FastAPI) -> None:
    assert operations_of(app) == set(TABLE)


@pytest.mark.parametrize("operation", TABLE, ids=" ".join)
async def test_everybody_is_answered_as_the_table_says(house: House, operation: Operation) -> None:
    rule = TABLE[operation]
    refused_first = sorted(CALLERS, key=lambda who: expected(rule, who) == ALLOWED)
    found = {}
    for who in refused_first:
        found[who.name] = got(await house.ask(who, operation, house.district.ids))

    assert found == {who.name: expected(rule, who) for who in CALLERS}


@pytest.mark.parametrize(
    "operation",
    [operation for operation, rule in TABLE.items() if rule.reach in (Reach.REGION, Reach.SENDER)],
    ids=" ".join,
)
async def test_what_is_not_mine_is_answered_as_what_does_not_exist(
    house: House, operation: Operation
) -> None:
    """The same status, words and headers, after the same statements."""
    rule = TABLE[operation]
    for who in CALLERS:
        if expected(rule, who) == ALLOWED:
            continue
        with statements(house.engine) as asked_for_hidden:
            hidden = await house.ask(who, operation, house.district.ids)
        with statements(house.engine) as asked_for_missing:
            missing = await house.ask(who, operation, MISSING)

        assert as_told(hidden) == as_told(missing), who.name
        assert asked_for_hidden == asked_for_missing, who.name


@pytest.mark.parametrize("operation", TABLE, ids=" ".join)
async def test_no_answer_names_what_its_reader_may_not_know_of(
    house: House, operation: Operation
) -> None:
    for who in CALLERS:
        if may_know_of_district(who):
            continue
        answer = await house.ask(who, operation, house.sibling.ids)
        told = answer.text + json.dumps(dict(answer.headers))

        assert not [secret for secret in house.district.told_apart() if secret in told], who.name


@pytest.mark.parametrize(
    "operation",
    [
        operation
        for operation, rule in TABLE.items()
        if operation[0] == "GET" and rule.reach is Reach.OWN_ROLE
    ],
    ids=" ".join,
)
async def test_no_list_or_count_changes_with_what_happens_elsewhere(
    app: FastAPI, engine: AsyncEngine, issuer: Issuer, operation: Operation
) -> None:
    sibling = await fill(app, engine, issuer, SIBLING, OTHER_PARTNER)
    house = House(app, engine, issuer, sibling, sibling)
    strangers = [who for who in CALLERS if not may_know_of_district(who)]
    before = [as_told(await house.ask(who, operation, sibling.ids)) for who in strangers]

    await fill(app, engine, issuer, DISTRICT, SENDER)

    after = [as_told(await house.ask(who, operation, sibling.ids)) for who in strangers]
    assert after == before


@pytest.mark.parametrize("region", [CITY, DISTRICT])
async def test_those_above_see_what_lies_below(house: House, region: str) -> None:
    who = Who("one above", Role.SUPERVISOR, region)
    answer = await house.ask(who, ("GET", "/v1/journeys"), {})

    found = {item["journey_id"] for item in answer.json()["items"]}
    both = {house.district.ids["journey_id"], house.sibling.ids["journey_id"]}
    assert found == (both if region == CITY else {house.district.ids["journey_id"]})
