"""`/v1/partners`: the partner registry, as operators write it and staff may read it."""

from collections.abc import Collection
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from api.bodies import JsonObject, parse
from api.database import transaction
from api.dependencies import ApiDependencies, Deps, Operator, StaffOrOperator
from api.etags import ETAG, Seen, etag_of
from api.once import Answer, fingerprint_of, write_once
from api.openapi import takes
from api.partner_views import (
    AskedChange,
    AskedPartner,
    Partner,
    PartnerInFull,
    Partners,
    PartnersQuery,
    PublicPartner,
    in_full,
    partner_shown,
    public_of,
)
from api.paths import NO_SUCH_PARTNER, IdempotencyKey, PartnerId
from api.problems import (
    FieldError,
    NotFound,
    PartnerChanged,
    PartnerRuleForbids,
    Unprocessable,
    documented,
)
from api.request_log import note
from api.tokens import Caller
from domain.commands import Role
from domain.outgoing import NotPermitted
from store.audit import AuditAction, AuditLine, append
from store.partner_views import (
    AlreadyThere,
    PartnerFilter,
    PartnerView,
    change_partner,
    create_partner,
    find_partner,
    list_partners,
    lock_partner,
)
from store.pauses import held_for
from store.registry import PartnerRow

router = APIRouter(prefix="/v1/partners", tags=["operators"])

SHOWN: dict[int | str, dict[str, Any]] = {200: {"headers": ETAG}}
"""What the document says of answers that show a partner."""


@router.get(
    "",
    response_model=Partners,
    responses=documented(401, 403, 422, 503),
    summary="List partners",
)
async def list_all(
    caller: Operator,
    query: Annotated[PartnersQuery, Query()],
    deps: Deps,
) -> Partners:
    """By id; of one kind, of a region and what lies in it, paused or not."""
    del caller
    asked = PartnerFilter(**query.model_dump(exclude={"limit", "cursor"}))
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        page = await list_partners(connection, asked, query.limit, query.cursor)
    return Partners(
        items=[partner_shown(view) for view in page.items], next_cursor=page.next_cursor
    )


@router.post(
    "",
    status_code=201,
    response_model=Partner,
    responses=documented(400, 401, 403, 409, 413, 415, 422, 503),
    summary="Enter a partner",
    openapi_extra=takes(AskedPartner),
)
async def create(
    caller: Operator, body: JsonObject, deps: Deps, key: IdempotencyKey = None
) -> Response:
    """Enter a partner; it can send nothing before it has a key."""
    asked = parse(AskedPartner, body.content)
    fields = asked.model_dump(exclude={"authorizations", "source"})
    row = PartnerRow(
        **fields,
        source=asked.sends_under,
        authorizations=tuple(each.authorization() for each in asked.authorizations),
    )
    _must_fit(deps, row, asked.model_fields_set)

    async def write(connection: AsyncConnection) -> Answer:
        try:
            await create_partner(connection, row, deps.clock())
        except AlreadyThere as taken:
            raise _taken(taken) from None
        await _audit(connection, caller, row.id, sorted(asked.model_fields_set))
        return await answer_of(connection, row.id, 201)

    note(partner=row.id)
    return await write_once(deps, caller, key, fingerprint_of("POST /v1/partners", body.raw), write)


@router.get(
    "/{partner_id}",
    response_model=PartnerInFull | PublicPartner,
    responses={**SHOWN, **documented(401, 403, 404, 422, 503)},
    summary="Read a partner",
)
async def show(caller: StaffOrOperator, partner_id: PartnerId, deps: Deps) -> Response:
    """All of it for operators, with what waits for it; for staff of its region the public part."""
    shown: BaseModel
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        view = await find_partner(connection, partner_id, caller.region)
        if view is None:
            raise NotFound(NO_SUCH_PARTNER)
        if caller.role is Role.OPERATOR:
            shown = in_full(view, await held_for(connection, partner_id))
        else:
            shown = public_of(view)
    headers = {"ETag": etag_of(view.revision)}
    return Answer(shown.model_dump_json(), headers=headers).response()


@router.patch(
    "/{partner_id}",
    response_model=Partner,
    responses={**SHOWN, **documented(400, 401, 403, 404, 409, 412, 413, 415, 422, 503)},
    summary="Change a partner",
    openapi_extra=takes(AskedChange),
)
async def change(  # noqa: PLR0917 (called by FastAPI, by name)
    caller: Operator,
    partner_id: PartnerId,
    body: JsonObject,
    deps: Deps,
    seen: Seen,
    key: IdempotencyKey = None,
) -> Response:
    """Change what is named. With `If-Match`, only where nobody has changed it meanwhile."""
    given = parse(AskedChange, body.content).given()
    for field, value in given.items():
        if value is None and field != "events_per_second":
            raise _invalid(FieldError(field=field, message="must not be null"))

    async def write(connection: AsyncConnection) -> Answer:
        before = await locked(connection, partner_id)
        if seen is not None and seen != before.revision:
            current = partner_shown(before).model_dump(mode="json")
            raise PartnerChanged(
                "look at what it is now, and decide again",
                revision=before.revision,
                current=current,
            )
        row = PartnerRow.model_validate(before.row.model_dump() | given)
        _must_fit(deps, row, given)
        try:
            await change_partner(connection, row, deps.clock())
        except AlreadyThere as taken:
            raise _taken(taken) from None
        await _audit(connection, caller, partner_id, sorted(given))
        return await answer_of(connection, partner_id)

    note(partner=partner_id)
    known = "" if seen is None else f" {etag_of(seen)}"
    fingerprint = fingerprint_of(f"PATCH /v1/partners/{partner_id}{known}", body.raw)
    return await write_once(deps, caller, key, fingerprint, write)


async def locked(connection: AsyncConnection, partner_id: str) -> PartnerView:
    """A partner that nobody else changes meanwhile.

    Raises:
        NotFound: there is none.
    """
    view = await lock_partner(connection, partner_id)
    if view is None:
        raise NotFound(NO_SUCH_PARTNER)
    return view


async def answer_of(connection: AsyncConnection, partner_id: str, status: int = 200) -> Answer:
    """What is answered to a change: the partner as it is now."""
    view = await find_partner(connection, partner_id)
    assert view is not None, "it was written in this transaction"
    headers = {"ETag": etag_of(view.revision)}
    if status == 201:
        headers["Location"] = f"/v1/partners/{partner_id}"
    return Answer(partner_shown(view).model_dump_json(), status, headers)


async def _audit(
    connection: AsyncConnection, caller: Caller, partner_id: str, fields: list[str]
) -> None:
    await append(
        connection,
        AuditLine(
            action=AuditAction.PARTNER_WRITTEN,
            by=caller.actor,
            about=partner_id,
            detail={"fields": list(fields)},
        ),
    )


def _must_fit(deps: ApiDependencies, row: PartnerRow, fields: Collection[str]) -> None:
    wrong = []
    if "region" in fields and row.region and deps.catalog.division(row.region) is None:
        wrong.append(FieldError(field="region", message="there is no such division"))
    if "authorizations" in fields:
        wrong += [
            FieldError(
                field=f"authorizations.{number}.occupation",
                message="there is no such occupation",
                value=each.occupation,
            )
            for number, each in enumerate(row.authorizations)
            if deps.catalog.occupation("gbm", each.occupation) is None
        ]
    if "service_url" in fields and row.service_url:
        try:
            deps.outgoing.require_url(row.service_url)
        except NotPermitted as reason:
            wrong.append(FieldError(field="service_url", message=str(reason)))
    if wrong:
        raise _invalid(*wrong)


def _taken(taken: AlreadyThere) -> PartnerRuleForbids:
    return PartnerRuleForbids(
        f"another partner has this {taken.field}", rule=f"partner.one_{taken.field}"
    )


def _invalid(*errors: FieldError) -> Unprocessable:
    return Unprocessable("the request is not valid; see errors", errors=errors[:50])
