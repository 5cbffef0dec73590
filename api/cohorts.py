"""`/v1/cohorts`: many journeys from one file, its progress, and what became of each row."""

import asyncio
import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from api.bodies import OptionalJsonObject, parse, read_bounded
from api.cohort_file import JSON, CohortFile, read_csv, read_rows
from api.cohort_rows import check_rows
from api.cohort_views import (
    AskedCohort,
    CancelCohort,
    Cohort,
    Cohorts,
    Row,
    Rows,
    RowsQuery,
    cohort_of,
    row_of,
)
from api.csv_files import CSV, wants_csv
from api.database import transaction
from api.dependencies import ApiDependencies, Deps, Reader, Staff
from api.once import Answer, fingerprint_of, write_once
from api.openapi import takes
from api.paging import PageQuery
from api.paths import NO_SUCH_COHORT, CohortId, IdempotencyKey
from api.problems import FieldError, NotFound, Unprocessable, UnsupportedMedia, documented
from api.request_log import note
from api.row_errors import table_of_errors
from api.tokens import Caller
from domain.commands import Role
from domain.masking import without_personal_numbers
from store.audit import AuditAction, AuditLine, append
from store.caseload import Scope
from store.cohorts import (
    CheckedRow,
    CohortView,
    RowOutcome,
    RowView,
    Sent,
    cancel_waiting,
    find_cohort,
    list_cohorts,
    list_rows,
    receive_cohort,
)

router = APIRouter(prefix="/v1/cohorts", tags=["caseworkers"])

ROWS_AT_ONCE = 500
"""Rows that are read at a time where all refused ones are asked for."""

Name = Annotated[
    str,
    Query(
        max_length=100,
        pattern=r"^[^\x00-\x1f]*$",
        description="What the sender calls a CSV file; in JSON it stands in the body",
    ),
]
_SENT: dict[str, Any] = takes(AskedCohort)
_SENT["requestBody"]["content"][CSV] = {
    "schema": {
        "type": "string",
        "description": "UTF-8 or GB18030; the header names the columns, in English or Chinese",
    }
}
_TABLE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page; as text/csv, what is wrong with every refused row",
        "content": {CSV: {"schema": {"type": "string"}}},
    }
}


@router.post(
    "",
    status_code=202,
    response_model=Cohort,
    responses={
        200: {"model": Cohort, "description": "The same file came before; nothing changed"},
        **documented(400, 401, 403, 409, 413, 415, 422, 503),
    },
    summary="Open many journeys from a CSV file or a JSON list",
    openapi_extra=_SENT,
)
async def send(
    caller: Staff, request: Request, deps: Deps, name: Name = "", key: IdempotencyKey = None
) -> Response:
    """Take a cohort; its journeys are opened one after the other, while running ones go first.

    Every row is checked before the answer: wrong ones are refused, each by itself, and counted in
    it. The same file from the same region again is the same cohort, whatever its key.
    """
    content = await read_bounded(request, deps.limits.cohort_bytes)
    form = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if form not in (CSV, JSON):
        raise UnsupportedMedia(f"send {CSV} or {JSON}")
    file, rows = await asyncio.to_thread(_checked, form, content, caller, deps)
    sent = Sent(
        region=caller.region,
        name=_name(file.name or name),
        form=form,
        content_hash=hashlib.sha256(content).hexdigest(),
        by=caller.actor,
    )

    async def write(connection: AsyncConnection) -> Answer:
        cohort, is_new = await receive_cohort(connection, deps.vault, sent, rows, deps.clock())
        note(cohort=cohort.cohort_id)
        if is_new:
            await _audit(connection, AuditAction.COHORT_RECEIVED, caller, cohort)
        answer = cohort_of(cohort)
        headers = {"Location": answer.links.self}
        return Answer(answer.model_dump_json(), 202 if is_new else 200, headers)

    fingerprint = fingerprint_of(f"POST /v1/cohorts?{request.url.query}", content)
    return await write_once(deps, caller, key, fingerprint, write)


@router.get(
    "",
    response_model=Cohorts,
    responses=documented(401, 403, 422, 503),
    summary="List the cohorts of my region",
)
async def list_all(caller: Reader, query: Annotated[PageQuery, Query()], deps: Deps) -> Cohorts:
    """Newest first: those that staff of the region, or of one within it, have sent."""
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        page = await list_cohorts(
            connection, Scope(region=caller.region), query.limit, query.cursor
        )
    return Cohorts(items=[cohort_of(view) for view in page.items], next_cursor=page.next_cursor)


@router.get(
    "/{cohort_id}",
    response_model=Cohort,
    responses=documented(401, 403, 404, 422, 503),
    summary="How far a cohort has come",
)
async def show(caller: Reader, cohort_id: CohortId, deps: Deps) -> Cohort:
    """Counts add up: rows = waiting + opened + refused + canceled."""
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        return cohort_of(await _in_scope(connection, caller, cohort_id))


@router.get(
    "/{cohort_id}/rows",
    response_model=Rows,
    responses={**_TABLE, **documented(401, 403, 404, 422, 503)},
    summary="What became of each row",
)
async def show_rows(
    caller: Reader,
    cohort_id: CohortId,
    deps: Deps,
    query: Annotated[RowsQuery, Query()],
    accept: Annotated[str, Header()] = "",
) -> Response:
    """By line. With `Accept: text/csv`, a table of all that is wrong with all refused rows."""
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        cohort = await _in_scope(connection, caller, cohort_id)
        if wants_csv(accept):
            refused = await _all_refused(connection, cohort)
            return Response(
                table_of_errors(error for row in refused for error in row.errors), media_type=CSV
            )
        page = await list_rows(connection, cohort_id, query.outcome, query.limit, query.cursor)
    items = [_shown(caller, cohort, view) for view in page.items]
    content = Rows(items=items, next_cursor=page.next_cursor).model_dump_json()
    return Response(content, media_type=JSON)


@router.post(
    "/{cohort_id}/cancel",
    response_model=Cohort,
    responses=documented(400, 401, 403, 404, 409, 413, 415, 422, 503),
    summary="Open none of the rows that still wait",
    openapi_extra=takes(CancelCohort, required=False),
)
async def cancel(
    caller: Staff,
    cohort_id: CohortId,
    body: OptionalJsonObject,
    deps: Deps,
    key: IdempotencyKey = None,
) -> Response:
    """Journeys that are open stay open. Again, it changes nothing."""
    reason = without_personal_numbers(parse(CancelCohort, body.content).reason)

    async def write(connection: AsyncConnection) -> Answer:
        await _in_scope(connection, caller, cohort_id)
        canceled = await cancel_waiting(connection, cohort_id, deps.clock())
        cohort = await _in_scope(connection, caller, cohort_id)
        if canceled:
            await _audit(connection, AuditAction.COHORT_CANCELED, caller, cohort, reason)
        return Answer(cohort_of(cohort).model_dump_json())

    fingerprint = fingerprint_of(f"POST /v1/cohorts/{cohort_id}/cancel", body.raw)
    return await write_once(deps, caller, key, fingerprint, write)


def _checked(
    form: str, content: bytes, caller: Caller, deps: ApiDependencies
) -> tuple[CohortFile, list[CheckedRow]]:
    read = read_csv if form == CSV else read_rows
    file = read(content, deps.limits.cohort_rows)
    return file, check_rows(file.rows, caller, deps)


def _name(given: str) -> str:
    name = without_personal_numbers(given).strip()
    if len(name) > 100:
        wrong = FieldError(field="name", message="at most 100 characters")
        raise Unprocessable("the body does not fit; see errors", errors=[wrong])
    return name


async def _in_scope(connection: AsyncConnection, caller: Caller, cohort_id: str) -> CohortView:
    """The cohort, where it was sent within the caller's region.

    Raises:
        NotFound: in the same words for one sent elsewhere and for none.
    """
    note(cohort=cohort_id)
    found = await find_cohort(connection, Scope(region=caller.region), cohort_id)
    if found is None:
        raise NotFound(NO_SUCH_COHORT)
    return found


async def _all_refused(connection: AsyncConnection, cohort: CohortView) -> list[Row]:
    rows: list[Row] = []
    cursor: str | None = None
    while True:
        page = await list_rows(
            connection, cohort.cohort_id, RowOutcome.REFUSED, ROWS_AT_ONCE, cursor
        )
        rows += [row_of(cohort.form, view) for view in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return rows


def _shown(caller: Caller, cohort: CohortView, view: RowView) -> Row:
    """A row as the caller may see it: the key to the person is not the auditor's."""
    row = row_of(cohort.form, view)
    return row.model_copy(update={"person_ref": None}) if caller.role is Role.AUDITOR else row


async def _audit(
    connection: AsyncConnection,
    action: AuditAction,
    caller: Caller,
    cohort: CohortView,
    reason: str = "",
) -> None:
    counts = cohort.model_dump(include={"rows", "opened", "refused", "canceled"})
    detail = counts | {"region": cohort.region} | ({"reason": reason} if reason else {})
    await append(
        connection,
        AuditLine(action=action, by=caller.actor, about=cohort.cohort_id, detail=detail),
    )
