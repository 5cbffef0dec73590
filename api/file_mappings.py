"""`/v1/partners/{id}/file-mappings`: how the columns of a partner's files become events."""

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from api.bodies import JsonObject, parse
from api.database import transaction
from api.dependencies import Deps, Operator
from api.once import Answer, fingerprint_of, write_once
from api.openapi import takes
from api.partners import locked
from api.paths import NO_SUCH_MAPPING, IdempotencyKey, MappingName, PartnerId
from api.problems import FieldError, NotFound, Unprocessable, documented
from api.request_log import note
from api.tokens import Caller
from api.validation import shown
from domain.file_mappings import FileMapping, faults_in
from domain.senders import SenderKind, may_send
from store.audit import AuditAction, AuditLine, append
from store.file_mappings import delete_mapping, own_mappings, put_mapping
from store.partner_views import find_partner

router = APIRouter(prefix="/v1/partners/{partner_id}/file-mappings", tags=["operators"])

MOST_MAPPINGS = 50
"""Of one partner."""


class FileMappings(BaseModel):
    """A partner's own mappings by their names; kinds of file that everybody has are not among them.

    One of the same name goes before everybody's.
    """

    items: dict[str, FileMapping]


@router.get(
    "",
    response_model=FileMappings,
    responses=documented(401, 403, 404, 422, 503),
    summary="List a partner's file mappings",
)
async def list_all(caller: Operator, partner_id: PartnerId, deps: Deps) -> FileMappings:
    """Its own; every partner has `results` and `attendance` besides."""
    del caller
    return FileMappings(items=await _mappings(deps, partner_id))


@router.get(
    "/{name}",
    response_model=FileMapping,
    responses=documented(401, 403, 404, 422, 503),
    summary="Read a file mapping",
)
async def show(
    caller: Operator, partner_id: PartnerId, name: MappingName, deps: Deps
) -> FileMapping:
    """One of the partner's own."""
    del caller
    mapping = (await _mappings(deps, partner_id)).get(name)
    if mapping is None:
        raise NotFound(NO_SUCH_MAPPING)
    return mapping


@router.put(
    "/{name}",
    response_model=FileMapping,
    responses=documented(400, 401, 403, 404, 409, 413, 415, 422, 503),
    summary="Write a file mapping",
    openapi_extra=takes(FileMapping),
)
async def put(  # noqa: PLR0917 (called by FastAPI, by name)
    caller: Operator,
    partner_id: PartnerId,
    name: MappingName,
    body: JsonObject,
    deps: Deps,
    key: IdempotencyKey = None,
) -> Response:
    """New, or in the place of the one of this name. Files that came before are read as before."""
    mapping = parse(FileMapping, body.content)
    errors = [FieldError(field=str(shown(field)), message=why) for field, why in faults_in(mapping)]
    if errors:
        raise Unprocessable("the mapping can't be used; see errors", errors=errors[:50])

    async def write(connection: AsyncConnection) -> Answer:
        partner = await locked(connection, partner_id)
        _must_send(partner.row.kind, mapping)
        known = await own_mappings(connection, partner_id)
        if name not in known and len(known) >= MOST_MAPPINGS:
            wrong = FieldError(field="name", message=f"a partner has at most {MOST_MAPPINGS}")
            raise Unprocessable("there are too many mappings", errors=[wrong])
        await put_mapping(connection, partner_id, name, mapping)
        await _audit(connection, caller, partner_id, name)
        return Answer(mapping.model_dump_json())

    note(partner=partner_id)
    fingerprint = fingerprint_of(f"PUT /v1/partners/{partner_id}/file-mappings/{name}", body.raw)
    return await write_once(deps, caller, key, fingerprint, write)


@router.delete(
    "/{name}",
    response_model=FileMappings,
    responses=documented(401, 403, 404, 409, 422, 503),
    summary="Take a file mapping away",
)
async def delete(
    caller: Operator,
    partner_id: PartnerId,
    name: MappingName,
    deps: Deps,
    key: IdempotencyKey = None,
) -> Response:
    """Answers with those that are left. Files that came before are read as before."""

    async def write(connection: AsyncConnection) -> Answer:
        await locked(connection, partner_id)
        if not await delete_mapping(connection, partner_id, name):
            raise NotFound(NO_SUCH_MAPPING)
        await _audit(connection, caller, partner_id, name)
        left = FileMappings(items=await own_mappings(connection, partner_id))
        return Answer(left.model_dump_json())

    note(partner=partner_id)
    fingerprint = fingerprint_of(f"DELETE /v1/partners/{partner_id}/file-mappings/{name}", b"")
    return await write_once(deps, caller, key, fingerprint, write)


async def _mappings(deps: Deps, partner_id: str) -> dict[str, FileMapping]:
    note(partner=partner_id)
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        if await find_partner(connection, partner_id) is None:
            raise NotFound(NO_SUCH_MAPPING)
        return await own_mappings(connection, partner_id)


def _must_send(kind: SenderKind, mapping: FileMapping) -> None:
    if not may_send(kind, mapping.type):
        wrong = FieldError(
            field="type", message=f"a {kind} does not send such events", value=mapping.type
        )
        raise Unprocessable("the mapping can't be used; see errors", errors=[wrong])


async def _audit(connection: AsyncConnection, caller: Caller, partner_id: str, name: str) -> None:
    await append(
        connection,
        AuditLine(
            action=AuditAction.PARTNER_WRITTEN,
            by=caller.actor,
            about=partner_id,
            detail={"fields": [f"file_mappings.{name}"]},
        ),
    )
