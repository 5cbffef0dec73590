"""`POST /v1/journeys`: open a journey, once for each Idempotency-Key."""

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from api.bodies import JsonObject, parse
from api.dependencies import ApiDependencies, Deps, Staff
from api.next_steps import next_step
from api.once import Answer, fingerprint_of, write_once
from api.openapi import takes
from api.opening import AskedJourney, open_asked, opening_of
from api.paths import IdempotencyKey
from api.problems import documented
from api.request_log import note
from api.tokens import Caller
from domain.stages import Stage, State
from store.caseload import Scope, find_case
from store.openings import Opening

router = APIRouter(tags=["caseworkers"])


class Links(BaseModel):
    """Where to look next."""

    self: str
    timeline: str


class OpenedJourney(BaseModel):
    """A journey that was just opened; its workflow starts within seconds."""

    id: str
    person_ref: str
    stage: Stage
    state: State
    policy_version: str
    next: str
    links: Links


@router.post(
    "/v1/journeys",
    status_code=201,
    response_model=OpenedJourney,
    responses=documented(400, 401, 403, 409, 413, 415, 422, 503),
    summary="Open a journey",
    openapi_extra=takes(AskedJourney),
)
async def open_one(
    caller: Staff, body: JsonObject, deps: Deps, key: IdempotencyKey = None
) -> Response:
    """Open a journey for a trainee, under the policy that her region and program have today."""
    opening = opening_of(parse(AskedJourney, body.content), caller, deps)
    fingerprint = fingerprint_of("POST /v1/journeys", body.raw)

    async def write(connection: AsyncConnection) -> Answer:
        opened = await _open(connection, deps, caller, opening)
        note(journey=opened.id)
        return Answer(opened.model_dump_json(), 201, {"Location": opened.links.self})

    return await write_once(deps, caller, key, fingerprint, write)


async def _open(
    connection: AsyncConnection, deps: ApiDependencies, caller: Caller, opening: Opening
) -> OpenedJourney:
    journey_id = await open_asked(connection, deps.vault, opening, caller, deps.clock())
    case = await find_case(connection, Scope(region=opening.home_region), journey_id)
    assert case is not None, "it was written in this transaction"
    address = f"/v1/journeys/{journey_id}"
    return OpenedJourney(
        id=journey_id,
        person_ref=case.person_ref,
        stage=case.stage,
        state=case.state,
        policy_version=case.policy_version,
        next=next_step(case.state),
        links=Links(self=address, timeline=f"{address}/timeline"),
    )
