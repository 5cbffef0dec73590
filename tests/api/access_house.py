"""The app over two districts: what everybody is answered, and what the table says she should be."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app
from api.dependencies import ApiDependencies, Limits
from domain.commands import Role
from tests.api.access_bodies import sending_of
from tests.api.access_table import TABLE, Operation, Reach, Rule
from tests.api.conftest import client_of
from tests.api.issuer import Issuer
from tests.api.two_regions import CALLERS, DISTRICT, SENDER, Place, Who

OF_REGISTRY = {"partner_id", "key_id"}
ALLOWED, UNKNOWN, FORBIDDEN, NOT_THERE = "allowed", "401", "403", "404"


@dataclass
class House:
    """Two districts, and somebody to ask about them."""

    app: FastAPI
    engine: AsyncEngine
    issuer: Issuer
    district: Place
    sibling: Place

    async def ask(self, who: Who, operation: Operation, ids: Mapping[str, str]) -> httpx.Response:
        """What somebody is answered, under the same request id as everybody."""
        method, path = operation
        sent = sending_of(operation, self.district, who)
        headers = who.headers(self.issuer, sent.body, sent.media_type, sent.message_id)
        async with client_of(self.app) as client:
            return await client.request(
                method,
                path.format(**ids) + sent.query,
                content=sent.body,
                headers=headers | {"X-Request-Id": "the-same"},
            )


def unhurried(deps: ApiDependencies) -> FastAPI:
    """The app without a limit on how often one may ask."""
    limits = Limits(
        caller_requests_per_second=100_000.0,
        address_failures_per_second=100_000.0,
        partner_events_per_second=100_000.0,
    )
    return create_app(replace(deps, limits=limits))


def operations_of(app: FastAPI) -> set[Operation]:
    """Every operation of the OpenAPI document."""
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
    if rule.reach in (Reach.OWN_ROLE, Reach.NATION) or _reaches(who):
        return ALLOWED
    return NOT_THERE


def _reaches(who: Who) -> bool:
    if who.role is Role.PARTNER:
        return who.partner == SENDER
    return DISTRICT.startswith(who.region)


def expected_answers(operations: Iterable[Operation]) -> dict[tuple[str, str, str], str]:
    """What the table says, by method, path and caller."""
    return {
        (*operation, who.name): expected(TABLE[operation], who)
        for operation in operations
        for who in CALLERS
    }


async def answers_of(
    house: House, operations: Iterable[Operation]
) -> dict[tuple[str, str, str], str]:
    """What everybody is really answered; those who are to be refused ask first."""
    found = {}
    for operation in operations:
        rule = TABLE[operation]
        for who in sorted(CALLERS, key=lambda who: expected(rule, who) == ALLOWED):
            answer = await house.ask(who, operation, house.district.ids)
            found[*operation, who.name] = _kind_of(answer)
    return found


def _kind_of(answer: httpx.Response) -> str:
    status = str(answer.status_code)
    if answer.status_code >= 500:
        return f"{status} {answer.text}"
    return status if status in (UNKNOWN, FORBIDDEN, NOT_THERE) else ALLOWED


def as_told(answer: httpx.Response) -> dict[str, Any]:
    """Everything of an answer by which two can be told apart."""
    return {
        "status": answer.status_code,
        "headers": dict(answer.headers),
        "body": answer.text,
    }


def secrets_of_district(house: House, who: Who) -> set[str]:
    """What of the district may not be named to somebody who does not belong there.

    Partners are no secret to operators.
    """
    place = house.district
    hidden = {
        name for name in place.ids if who.role is not Role.OPERATOR or name not in OF_REGISTRY
    }
    return {place.ids[name] for name in hidden} | place.words


def may_know_of_district(who: Who) -> bool:
    """Whether what is the district's or the sender's may be named to her."""
    if who.partner == SENDER:
        return True
    readers = (Role.CASEWORKER, Role.SUPERVISOR, Role.AUDITOR)
    return who.role in readers and DISTRICT.startswith(who.region)
