"""`/v1/partners/{id}/pause` and `/resume`: a failing partner is left alone, then drained."""

from typing import Literal

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from api.bodies import Body, JsonObject, parse
from api.dependencies import ApiDependencies, Deps, Operator
from api.once import Answer, fingerprint_of, write_once
from api.openapi import takes
from api.partner_views import AskedPause, Partner
from api.partners import SHOWN, answer_of, locked
from api.paths import IdempotencyKey, PartnerId
from api.problems import PartnerRuleForbids, documented
from api.request_log import note
from api.tokens import Caller
from domain.masking import without_personal_numbers
from store.pauses import pause, resume

CHANGES = {"pause": pause, "resume": resume}

router = APIRouter(prefix="/v1/partners/{partner_id}", tags=["operators"])


@router.post(
    "/pause",
    response_model=Partner,
    responses={**SHOWN, **documented(400, 401, 403, 404, 409, 413, 415, 422, 503)},
    summary="Pause a partner",
    openapi_extra=takes(AskedPause),
)
async def pause_partner(
    caller: Operator,
    partner_id: PartnerId,
    body: JsonObject,
    deps: Deps,
    key: IdempotencyKey = None,
) -> Response:
    """Stop calling it, and keep its events: within a second or so, until it is resumed."""
    forbidden = PartnerRuleForbids("it is paused already", rule="partner.paused")
    return await _change(deps, caller, partner_id, body, key, "pause", forbidden)


@router.post(
    "/resume",
    response_model=Partner,
    responses={**SHOWN, **documented(400, 401, 403, 404, 409, 413, 415, 422, 503)},
    summary="Resume a partner",
    openapi_extra=takes(AskedPause),
)
async def resume_partner(
    caller: Operator,
    partner_id: PartnerId,
    body: JsonObject,
    deps: Deps,
    key: IdempotencyKey = None,
) -> Response:
    """Let it go on: its events in the order of arrival, calls to it a few at a time, in order."""
    forbidden = PartnerRuleForbids("it is not paused", rule="partner.not_paused")
    return await _change(deps, caller, partner_id, body, key, "resume", forbidden)


async def _change(  # noqa: PLR0917 (called twice, above)
    deps: ApiDependencies,
    caller: Caller,
    partner_id: str,
    body: Body,
    key: str | None,
    verb: Literal["pause", "resume"],
    forbidden: PartnerRuleForbids,
) -> Response:
    """Pause or resume, once for each key; `forbidden` where there is nothing to change."""
    reason = without_personal_numbers(parse(AskedPause, body.content).reason)

    async def write(connection: AsyncConnection) -> Answer:
        await locked(connection, partner_id)
        if not await CHANGES[verb](
            connection, partner_id, reason, by=caller.actor, now=deps.clock()
        ):
            raise forbidden
        return await answer_of(connection, partner_id)

    note(partner=partner_id)
    fingerprint = fingerprint_of(f"POST /v1/partners/{partner_id}/{verb}", body.raw)
    return await write_once(deps, caller, key, fingerprint, write)
