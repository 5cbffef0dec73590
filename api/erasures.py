"""`/v1/persons/{person_ref}/erase`: asked for by one supervisor, done or withdrawn by another."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncConnection

from api.bodies import Body, JsonObject, parse
from api.dependencies import ApiDependencies, Deps, Supervisor
from api.once import Answer, fingerprint_of, write_once
from api.openapi import takes
from api.paths import NO_SUCH_PERSON, IdempotencyKey, PersonRef
from api.persons import Purpose
from api.problems import NotFound, PersonRuleForbids, SecondPersonMissing, documented
from api.tokens import Caller
from domain.commands import Actor
from store.erasures import HasOpenJourney, NoneAsked, SecondPersonNeeded, erase, withdraw
from store.persons import AskedErasure, UnknownPerson

router = APIRouter(prefix="/v1/persons/{person_ref}/erase", tags=["supervisors"])

NO_OPEN_JOURNEY = "erasure.no_open_journey"
"""Nobody is erased while a journey of hers is open, or waits in a cohort to be opened."""

NONE_ASKED = "erasure.none_asked"
"""What nobody asked for can't be withdrawn."""


class AskedErasing(BaseModel):
    """Why a person is erased, or why not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Purpose


class ErasureAnswer(BaseModel):
    """`awaiting_second_person` (202) after the first request, `erased` (200) after the second.

    `by` asked for it, at `at`; once it is done, `at` is when. `withdrawn`: who did that, and when.
    """

    person_ref: str
    status: Literal["awaiting_second_person", "erased", "withdrawn"]
    at: datetime
    by: Actor | None = None

    def answer(self, status: int = 200) -> Answer:
        """The same as it is kept."""
        return Answer(self.model_dump_json(exclude_none=True), status)


@router.post(
    "",
    response_model=ErasureAnswer,
    response_model_exclude_none=True,
    responses={
        202: {"model": ErasureAnswer, "description": "Another supervisor has to ask for it too"},
        **documented(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
    summary="Erase a person: asked for by one supervisor, done by another",
    openapi_extra=takes(AskedErasing),
)
async def erase_one(
    caller: Supervisor,
    person_ref: PersonRef,
    body: JsonObject,
    deps: Deps,
    key: IdempotencyKey = None,
) -> Response:
    """Her key is destroyed. Journeys, timelines and counts stay; nothing tells any more whose.

    A request lapses after two weeks, and when a journey of hers is opened meanwhile.
    """
    reason = parse(AskedErasing, body.content).reason

    async def write(connection: AsyncConnection) -> Answer:
        try:
            done = await erase(
                connection, caller.region, person_ref, caller.actor, reason, deps.clock()
            )
        except HasOpenJourney:
            why = "a journey of hers is open, or waits in a cohort to be opened"
            raise PersonRuleForbids(why, rule=NO_OPEN_JOURNEY) from None
        except SecondPersonNeeded:
            raise SecondPersonMissing("another supervisor has to ask for it too") from None
        if isinstance(done, AskedErasure):
            told = ErasureAnswer(
                person_ref=person_ref, status="awaiting_second_person", at=done.at, by=done.by
            )
            return told.answer(202)
        return ErasureAnswer(person_ref=person_ref, status="erased", at=done).answer()

    return await _decide(deps, caller, key, f"{person_ref}/erase", body, write)


@router.post(
    "/withdraw",
    response_model=ErasureAnswer,
    response_model_exclude_none=True,
    responses=documented(400, 401, 403, 404, 409, 413, 415, 422, 503),
    summary="Withdraw a request to erase a person, or decline it",
    openapi_extra=takes(AskedErasing),
)
async def withdraw_one(
    caller: Supervisor,
    person_ref: PersonRef,
    body: JsonObject,
    deps: Deps,
    key: IdempotencyKey = None,
) -> Response:
    """By whoever asked for it, or by another supervisor who does not agree."""
    reason = parse(AskedErasing, body.content).reason

    async def write(connection: AsyncConnection) -> Answer:
        try:
            await withdraw(connection, caller.region, person_ref, caller.actor, reason)
        except NoneAsked:
            raise PersonRuleForbids("no erasure of hers is asked for", rule=NONE_ASKED) from None
        told = ErasureAnswer(
            person_ref=person_ref, status="withdrawn", at=deps.clock(), by=caller.actor
        )
        return told.answer()

    return await _decide(deps, caller, key, f"{person_ref}/erase/withdraw", body, write)


async def _decide(  # noqa: PLR0917 (called twice, above)
    deps: ApiDependencies,
    caller: Caller,
    key: str | None,
    what: str,
    body: Body,
    write: Callable[[AsyncConnection], Awaitable[Answer]],
) -> Response:
    try:
        return await write_once(
            deps, caller, key, fingerprint_of(f"POST /v1/persons/{what}", body.raw), write
        )
    except UnknownPerson:
        raise NotFound(NO_SUCH_PERSON) from None
