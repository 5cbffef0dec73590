"""What the routes are given: the composition root's objects, and who calls."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncEngine

from api.journeys_client import JourneyClient
from api.problems import (
    FieldError,
    RoleNotPermitted,
    TooManyRequests,
    Unauthenticated,
    Unprocessable,
)
from api.rates import Rates, Refusals
from api.tokens import Caller, TokenVerifier
from domain.catalog import Catalog
from domain.commands import Role
from domain.outgoing import OutgoingRules
from policies.loader import Policies
from store.vault import Vault


@dataclass(frozen=True)
class Limits:
    """How much the door takes, and how long it waits."""

    event_bytes: int = 64 * 1024
    event_data_bytes: int = 8 * 1024
    """What of an event enters a journey's history."""
    body_bytes: int = 64 * 1024
    batch_events: int = 1000
    batch_bytes: int = 8 * 1024 * 1024
    file_rows: int = 100_000
    file_bytes: int = 32 * 1024 * 1024
    cohort_rows: int = 10_000
    cohort_bytes: int = 8 * 1024 * 1024
    body_within: timedelta = timedelta(seconds=30)
    """How long a client may take to send a body."""
    caller_requests_per_second: float = 50.0
    address_failures_per_second: float = 5.0
    """Tokens of one address that are looked at and not accepted; ten times as many at once."""
    partner_events_per_second: float = 500.0
    signature_age: timedelta = timedelta(minutes=5)
    """How far a signature's time may be from ours, before and after (Standard Webhooks)."""
    partner_kept: timedelta = timedelta(seconds=3)
    """How long a partner's keys are believed before they are read again."""
    database_answer: timedelta = timedelta(seconds=10)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class ApiDependencies:
    """Everything that the app needs, made by the composition root.

    `clock` gives the current time with an offset, `monotonic` the seconds of a clock that never
    goes back.
    """

    engine: AsyncEngine
    journeys: JourneyClient
    catalog: Catalog
    policies: Policies
    tokens: TokenVerifier
    vault: Vault
    limits: Limits = field(default_factory=Limits)
    outgoing: OutgoingRules = field(default_factory=OutgoingRules)
    clock: Callable[[], datetime] = _now
    monotonic: Callable[[], float] = time.monotonic


class Turnstile:
    """How often each caller asks, and how often each address fails to say who calls."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self.callers = Rates(limits.caller_requests_per_second, monotonic=monotonic)
        self.refusals = Refusals(limits.address_failures_per_second, monotonic)


async def _dependencies(request: Request) -> ApiDependencies:
    dependencies: ApiDependencies = request.app.state.dependencies
    return dependencies


Deps = Annotated[ApiDependencies, Depends(_dependencies)]

_bearer = HTTPBearer(auto_error=False, description="A JWT of the issuer: RS256, PS256 or ES256")
_Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def _caller(request: Request, bearer: _Bearer, deps: Deps) -> Caller:
    if bearer is None or len(request.headers.getlist("Authorization")) > 1:
        raise Unauthenticated("send a bearer token")
    turnstile: Turnstile = request.app.state.turnstile
    caller = await _known(turnstile.refusals, request, bearer.credentials, deps.tokens)
    wait = turnstile.callers.take(f"{caller.role}:{caller.subject}")
    if wait:
        raise TooManyRequests("you ask more often than one caller may", wait=wait)
    _must_be_said_once(request)
    return caller


def _must_be_said_once(request: Request) -> None:
    """Refuse a header of which only one could be heeded, and nobody knows which was meant."""
    errors = [
        FieldError(field=name, message="must be sent once")
        for name in ("Idempotency-Key", "If-Match")
        if len(request.headers.getlist(name)) > 1
    ]
    if errors:
        raise Unprocessable("the request is not valid; see errors", errors=errors)


async def _known(refusals: Refusals, request: Request, token: str, tokens: TokenVerifier) -> Caller:
    address = request.client.host if request.client else None
    wait = refusals.wait(address, token)
    if wait:
        raise TooManyRequests("too many tokens from your address were not accepted", wait=wait)
    try:
        caller = await tokens.verify(token)
    except Unauthenticated:
        refusals.failed(address)
        raise
    refusals.succeeded(token)
    return caller


AnyCaller = Annotated[Caller, Depends(_caller)]
"""Somebody with a token, whatever her role."""


def _one_of(*roles: Role) -> Callable[[Caller], Awaitable[Caller]]:
    async def check(caller: AnyCaller) -> Caller:
        if caller.role not in roles:
            raise RoleNotPermitted(f"this is for: {', '.join(roles)}")
        return caller

    return check


Staff = Annotated[Caller, Depends(_one_of(Role.CASEWORKER, Role.SUPERVISOR))]
"""A caseworker or supervisor, limited to her region."""

a_supervisor = _one_of(Role.SUPERVISOR)
"""Lets supervisors through; for routes that are made from a table."""

Supervisor = Annotated[Caller, Depends(a_supervisor)]
"""A supervisor, limited to her region."""

Auditor = Annotated[Caller, Depends(_one_of(Role.AUDITOR))]
"""An auditor, limited to her region where she has one; she reads and changes nothing."""

Reader = Annotated[Caller, Depends(_one_of(Role.CASEWORKER, Role.SUPERVISOR, Role.AUDITOR))]
"""Whoever may read cases of her region."""

Operator = Annotated[Caller, Depends(_one_of(Role.OPERATOR))]
"""Somebody who runs Journeyman; she sees no trainee."""

StaffOrOperator = Annotated[
    Caller, Depends(_one_of(Role.CASEWORKER, Role.SUPERVISOR, Role.OPERATOR))
]
"""Staff, limited to their region, or an operator, who is limited to none."""

Partner = Annotated[Caller, Depends(_one_of(Role.PARTNER))]
"""A partner's own system, limited to what it sent and was asked."""

StaffOrPartner = Annotated[Caller, Depends(_one_of(Role.CASEWORKER, Role.SUPERVISOR, Role.PARTNER))]
