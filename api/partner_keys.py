"""`/v1/partners/{id}/keys`: the keys that a partner signs with. A secret is told once.

A key that was revoked is refused by every API process within three seconds (`partner_kept`).
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from api.bodies import JsonObject, OptionalJsonObject, parse
from api.database import transaction
from api.dependencies import ApiDependencies, Deps, Operator
from api.once import Answer, fingerprint_of, write_once
from api.openapi import takes
from api.partner_views import (
    AskedNothing,
    AskedRevocation,
    AskedRotation,
    Key,
    Keys,
    NewKey,
    key_shown,
)
from api.paths import NO_SUCH_KEY, NO_SUCH_PARTNER, IdempotencyKey, KeyId, PartnerId
from api.problems import NotFound, PartnerRuleForbids, documented
from api.request_log import note
from api.tokens import Caller
from domain.masking import without_personal_numbers
from store.audit import AuditAction, AuditLine, append
from store.partner_keys import (
    MOST_USABLE,
    MadeKey,
    TooManyKeys,
    UnknownKey,
    key_lines,
    make_key,
    revoke_key,
    rotate_keys,
)
from store.partner_views import find_partner, lock_partner

router = APIRouter(prefix="/v1/partners/{partner_id}/keys", tags=["operators"])

_ONCE = "the secret is told this once; keep it where secrets are kept"
_AGAIN = "the secret was told in the first answer and is not told again; revoke the key if lost"
_NO_STORE = {"Cache-Control": "no-store"}
Made = tuple[MadeKey, tuple[str, ...]]


@router.get(
    "",
    response_model=Keys,
    responses=documented(401, 403, 404, 422, 503),
    summary="List a partner's keys",
)
async def list_all(caller: Operator, partner_id: PartnerId, deps: Deps) -> Keys:
    """Newest first, those that ended too; never a secret."""
    del caller
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        if await find_partner(connection, partner_id) is None:
            raise NotFound(NO_SUCH_PARTNER)
        lines = await key_lines(connection, partner_id)
    now = deps.clock()
    return Keys(items=[key_shown(line, now) for line in lines])


@router.post(
    "",
    status_code=201,
    response_model=NewKey,
    responses=documented(400, 401, 403, 404, 409, 413, 415, 422, 503),
    summary="Make a key beside the others",
    openapi_extra=takes(AskedNothing, required=False),
)
async def make(
    caller: Operator,
    partner_id: PartnerId,
    body: OptionalJsonObject,
    deps: Deps,
    key: IdempotencyKey = None,
) -> Response:
    """Make a key; its secret is in this answer, and in no other, a repeat of this one included."""
    parse(AskedNothing, body.content)

    async def work(connection: AsyncConnection) -> Made:
        made = await make_key(
            connection, deps.vault, partner_id, by=caller.subject, now=deps.clock()
        )
        await _audit(connection, caller, AuditAction.PARTNER_KEY_CREATED, partner_id, made.key_id)
        return made, ()

    fingerprint = fingerprint_of(f"POST /v1/partners/{partner_id}/keys", body.raw)
    return await _told_once(deps, caller, partner_id, key, fingerprint, work)


@router.post(
    "/rotate",
    status_code=201,
    response_model=NewKey,
    responses=documented(400, 401, 403, 404, 409, 413, 415, 422, 503),
    summary="Make a key, and let the others end",
    openapi_extra=takes(AskedRotation, required=False),
)
async def rotate(
    caller: Operator,
    partner_id: PartnerId,
    body: OptionalJsonObject,
    deps: Deps,
    key: IdempotencyKey = None,
) -> Response:
    """Make a key; the others stay good for the overlap, so that the partner can change over."""
    asked = parse(AskedRotation, body.content)
    overlap = timedelta(seconds=asked.overlap_seconds)

    async def work(connection: AsyncConnection) -> Made:
        made, ending = await rotate_keys(
            connection, deps.vault, partner_id, overlap, by=caller.subject, now=deps.clock()
        )
        await append(
            connection,
            AuditLine(
                action=AuditAction.PARTNER_KEY_ROTATED,
                by=caller.actor,
                about=partner_id,
                detail={
                    "key_id": made.key_id,
                    "ending": list(ending),
                    "overlap_seconds": asked.overlap_seconds,
                },
            ),
        )
        return made, ending

    fingerprint = fingerprint_of(f"POST /v1/partners/{partner_id}/keys/rotate", body.raw)
    return await _told_once(deps, caller, partner_id, key, fingerprint, work)


@router.post(
    "/{key_id}/revoke",
    response_model=Key,
    responses=documented(400, 401, 403, 404, 409, 413, 415, 422, 503),
    summary="Revoke a key",
    openapi_extra=takes(AskedRevocation),
)
async def revoke(  # noqa: PLR0917 (called by FastAPI, by name)
    caller: Operator,
    partner_id: PartnerId,
    key_id: KeyId,
    body: JsonObject,
    deps: Deps,
    key: IdempotencyKey = None,
) -> Response:
    """End a key: every API process refuses it within three seconds. It can't be undone."""
    reason = without_personal_numbers(parse(AskedRevocation, body.content).reason)

    async def write(connection: AsyncConnection) -> Answer:
        now = deps.clock()
        try:
            revoked = await revoke_key(connection, partner_id, key_id, now)
        except UnknownKey:
            raise NotFound(NO_SUCH_KEY) from None
        if not revoked:
            raise PartnerRuleForbids("it was revoked before", rule="partner.key_revoked")
        action = AuditAction.PARTNER_KEY_REVOKED
        await _audit(connection, caller, action, partner_id, key_id, reason)
        (line,) = [
            line for line in await key_lines(connection, partner_id) if line.key_id == key_id
        ]
        return Answer(key_shown(line, now).model_dump_json())

    note(partner=partner_id)
    fingerprint = fingerprint_of(f"POST /v1/partners/{partner_id}/keys/{key_id}/revoke", body.raw)
    return await write_once(deps, caller, key, fingerprint, write)


async def _told_once(  # noqa: PLR0917 - one request, taken apart
    deps: ApiDependencies,
    caller: Caller,
    partner_id: str,
    key: str | None,
    fingerprint: str,
    work: Callable[[AsyncConnection], Awaitable[Made]],
) -> Response:
    """The answer with the secret; what is kept for a repeat of the request is without it."""
    told: list[NewKey] = []

    async def write(connection: AsyncConnection) -> Answer:
        if await lock_partner(connection, partner_id) is None:
            raise NotFound(NO_SUCH_PARTNER)
        try:
            made, ending = await work(connection)
        except TooManyKeys:
            raise PartnerRuleForbids(
                f"{MOST_USABLE} keys are good already; revoke one, or rotate without overlap",
                rule="partner.most_keys",
            ) from None
        new = NewKey(
            id=made.key_id,
            created_at=made.created_at,
            secret=made.secret,
            ending=list(ending),
            note=_ONCE,
        )
        told.append(new)
        again = new.model_copy(update={"secret": None, "note": _AGAIN})
        return Answer(again.model_dump_json(), 201, _NO_STORE)

    note(partner=partner_id)
    answer = await write_once(deps, caller, key, fingerprint, write)
    if not told:
        return answer
    return Answer(told[0].model_dump_json(), 201, _NO_STORE).response()


async def _audit(  # noqa: PLR0917 - the parts of a line
    connection: AsyncConnection,
    caller: Caller,
    action: AuditAction,
    partner_id: str,
    key_id: str,
    reason: str = "",
) -> None:
    detail = {"key_id": key_id, **({"reason": reason} if reason else {})}
    await append(
        connection, AuditLine(action=action, by=caller.actor, about=partner_id, detail={**detail})
    )
