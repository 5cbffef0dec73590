"""Nobody sees what is not hers: every operation of the document, asked by everybody.

`access_table` says who may do what. An operation that is not in it fails the run.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import get_args

import pytest
from fastapi import FastAPI, Request
from sqlalchemy.ext.asyncio import AsyncEngine

from api import dependencies
from api.dependencies import AnyCaller, Reader, Staff
from api.tokens import Caller
from domain.commands import Role
from tests.api.access_house import (
    ALLOWED,
    House,
    answers_of,
    as_told,
    expected,
    expected_answers,
    may_know_of_district,
    operations_of,
    secrets_of_district,
    unhurried,
)
from tests.api.access_table import TABLE, Reach
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
    Who,
    fill,
)


@pytest.fixture
def app(deps: dependencies.ApiDependencies) -> FastAPI:
    return unhurried(deps)


@pytest.fixture
async def house(app: FastAPI, engine: AsyncEngine, issuer: Issuer) -> House:
    sibling = await fill(app, engine, issuer, SIBLING, OTHER_PARTNER)
    district = await fill(app, engine, issuer, DISTRICT, SENDER)
    return House(app, engine, issuer, district, sibling)


def test_every_operation_of_the_document_is_in_the_table(app: FastAPI) -> None:
    assert operations_of(app) == set(TABLE)


async def test_everybody_is_answered_as_the_table_says(house: House) -> None:
    found = await answers_of(house, TABLE)

    assert differing(found) == {}


async def test_what_is_not_mine_is_answered_as_what_does_not_exist(house: House) -> None:
    """The same status, words and headers, after the same statements."""
    told_apart = []
    for operation, rule in TABLE.items():
        if rule.reach not in (Reach.REGION, Reach.SENDER):
            continue
        for who in CALLERS:
            if expected(rule, who) == ALLOWED:
                continue
            with statements(house.engine) as asked_for_hidden:
                hidden = await house.ask(who, operation, house.district.ids)
            with statements(house.engine) as asked_for_missing:
                missing = await house.ask(who, operation, MISSING)
            if as_told(hidden) != as_told(missing) or asked_for_hidden != asked_for_missing:
                told_apart.append((*operation, who.name))

    assert told_apart == []


async def test_no_answer_names_what_its_reader_may_not_know_of(house: House) -> None:
    named = []
    for operation in TABLE:
        for who in CALLERS:
            if may_know_of_district(who):
                continue
            answer = await house.ask(who, operation, house.sibling.ids)
            told = f"{answer.text} {dict(answer.headers)}"
            named += [
                (*operation, who.name, secret)
                for secret in sorted(secrets_of_district(house, who))
                if secret in told
            ]

    assert named == []


async def test_no_list_count_or_export_changes_with_what_happens_elsewhere(
    app: FastAPI, engine: AsyncEngine, issuer: Issuer
) -> None:
    sibling = await fill(app, engine, issuer, SIBLING, OTHER_PARTNER)
    house = House(app, engine, issuer, sibling, sibling)
    asked = [
        (who, operation)
        for operation, rule in TABLE.items()
        if operation[0] == "GET" and rule.reach is Reach.OWN_ROLE
        for who in CALLERS
        if not may_know_of_district(who)
    ]
    before = [as_told(await house.ask(who, operation, sibling.ids)) for who, operation in asked]

    await fill(app, engine, issuer, DISTRICT, SENDER)

    after = [as_told(await house.ask(who, operation, sibling.ids)) for who, operation in asked]
    changed = [
        (*operation, who.name)
        for (who, operation), first, second in zip(asked, before, after, strict=True)
        if first != second
    ]
    assert changed == []


@pytest.mark.parametrize("region", [CITY, DISTRICT])
async def test_those_above_see_what_lies_below(house: House, region: str) -> None:
    who = Who("one above", Role.SUPERVISOR, region)
    answer = await house.ask(who, ("GET", "/v1/journeys"), {})

    found = {item["journey_id"] for item in answer.json()["items"]}
    both = {house.district.ids["journey_id"], house.sibling.ids["journey_id"]}
    assert found == (both if region == CITY else {house.district.ids["journey_id"]})


Guard = Callable[..., Awaitable[Caller]]


async def _whatever_her_role(caller: AnyCaller) -> Caller:
    return caller


async def _of_the_whole_nation(caller: AnyCaller) -> Caller:
    return replace(caller, region="")


async def _without_a_token(_: Request) -> Caller:
    return Caller(subject="somebody", role=Role.SUPERVISOR, region=DISTRICT)


def guard_of(kind: object) -> Guard:
    guard: Guard = get_args(kind)[1].dependency
    return guard


@pytest.mark.parametrize(
    ("guard", "instead"),
    [
        (guard_of(Reader), _whatever_her_role),
        (guard_of(Staff), _whatever_her_role),
        (guard_of(Reader), _of_the_whole_nation),
        (guard_of(Staff), _of_the_whole_nation),
        (guard_of(AnyCaller), _without_a_token),
    ],
)
async def test_the_matrix_finds_a_guard_that_is_gone(
    house: House, guard: Guard, instead: Guard
) -> None:
    house.app.dependency_overrides[guard] = instead
    of_journeys = {
        operation: rule for operation, rule in TABLE.items() if "journeys" in operation[1]
    }

    assert differing(await answers_of(house, of_journeys)) != {}


def differing(found: dict[tuple[str, str, str], str]) -> dict[tuple[str, str, str], str]:
    """What was answered otherwise than the table says, and how."""
    wanted = expected_answers(TABLE)
    return {
        asked: f"{answer}, and not {wanted[asked]}"
        for asked, answer in found.items()
        if answer != wanted[asked]
    }
