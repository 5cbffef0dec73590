"""`/v1/event-files`: a partner's table of results or attendance, of which each row is an event."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response, StreamingResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from api.bodies import must_be_media, read_bounded
from api.csv_files import CSV, wants_csv
from api.database import transaction
from api.dependencies import ApiDependencies, Deps, Partner
from api.door import Door
from api.event_file import check_file
from api.event_file_views import (
    EventFile,
    EventFileRows,
    EventFiles,
    FileRowsQuery,
    event_file_of,
    file_row_of,
)
from api.openapi import signature_parameters
from api.paging import PageQuery
from api.partner_book import Sender
from api.paths import NO_SUCH_FILE, EventFileId
from api.problems import (
    FieldError,
    NotFound,
    NotGenuine,
    TypeNotPermitted,
    Unprocessable,
    documented,
)
from api.request_log import note
from api.row_errors import table_of_errors
from api.signatures import REFUSED, SignatureHeaders, signature_headers
from api.tokens import Caller
from domain.commands import Actor, Role
from domain.file_mappings import DEFAULTS, FileMapping
from domain.senders import may_send
from store.audit import AuditAction, AuditLine, append
from store.event_files import (
    FileRowOutcome,
    FileRowView,
    FileView,
    SentFile,
    find_file,
    list_file_rows,
    list_files,
    receive_file,
)
from store.file_mappings import mappings_of
from store.pages import Page

router = APIRouter(prefix="/v1/event-files", tags=["partners"])

ROWS_AT_ONCE = 500
"""Rows that are read at a time where all refused ones are asked for."""
JSON = "application/json"

_SOURCE = re.compile(r"[\x21-\x7e]{1,120}")

Source = Annotated[str, Query(description="Your CloudEvents source, `/partners/...`; needed")]
Kind = Annotated[
    str,
    Query(
        description=f"How the file is read: {', '.join(f'`{name}`' for name in DEFAULTS)}, or a "
        "mapping of your own; needed. `webhook-id` has to begin with it and a slash"
    ),
]
_SENT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            CSV: {
                "schema": {
                    "type": "string",
                    "description": "UTF-8 or GB18030; the header names the columns",
                }
            }
        },
    },
    "parameters": signature_parameters(),
}
_TABLE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page; as text/csv, what is wrong with every refused row",
        "content": {
            JSON: {"schema": {"$ref": "#/components/schemas/EventFileRows"}},
            CSV: {"schema": {"type": "string"}},
        },
    }
}


@router.post(
    "",
    status_code=202,
    response_model=EventFile,
    responses={
        200: {"model": EventFile, "description": "The same file came before; nothing changed"},
        **documented(400, 401, 403, 413, 415, 422, 503),
    },
    summary="Report many events in one CSV file, signed",
    openapi_extra=_SENT,
)
async def send(request: Request, source: Source = "", kind: Kind = "") -> Response:
    """Take a file; its rows become events one after the other, each with an outcome of its own.

    The same file again is the one of before. It counts as one request against your rate.
    """
    door: Door = request.app.state.door
    deps = door.deps
    headers = signature_headers(request.headers)
    must_be_media(request, CSV)
    content = await read_bounded(request, deps.limits.file_bytes)
    _must_bind(headers, source, kind)
    known = await door.genuine((source,), headers, content)
    note(partner=known.sender.partner)
    door.let_in(known.sender, 1)
    mapping = await _mapping(deps, known.sender, kind)
    await _must_be_permitted(door, known.sender, mapping)
    checked = await asyncio.to_thread(check_file, content, mapping, deps.limits.file_rows)
    sent = SentFile(
        partner=known.sender.partner,
        source=source,
        kind=kind,
        mapping=mapping,
        named=checked.named,
        content_hash=hashlib.sha256(content).hexdigest(),
        rows=checked.rows,
    )
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        view, is_new = await receive_file(connection, deps.vault, sent, content, deps.clock())
        if is_new:
            await append(connection, _received(sent, view))
    note(event_file=view.file_id)
    answer = event_file_of(view)
    return Response(
        answer.model_dump_json(),
        status_code=202 if is_new else 200,
        media_type=JSON,
        headers={"Location": answer.links.self},
        background=door.after(known, kept=False),
    )


@router.get(
    "",
    response_model=EventFiles,
    responses=documented(401, 403, 422, 503),
    summary="List the files that I sent",
)
async def list_all(caller: Partner, query: Annotated[PageQuery, Query()], deps: Deps) -> EventFiles:
    """Newest first."""
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        page = await list_files(connection, caller.partner, query.limit, query.cursor)
    return EventFiles(
        items=[event_file_of(view) for view in page.items], next_cursor=page.next_cursor
    )


@router.get(
    "/{file_id}",
    response_model=EventFile,
    responses=documented(401, 403, 404, 422, 503),
    summary="How far a file is read",
)
async def show(caller: Partner, file_id: EventFileId, deps: Deps) -> EventFile:
    """Counts add up: rows = waiting + sent + repeated + refused."""
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        return event_file_of(await _own(connection, caller, file_id))


@router.get(
    "/{file_id}/rows",
    response_model=EventFileRows,
    responses={**_TABLE, **documented(401, 403, 404, 422, 503)},
    summary="What became of each row",
)
async def show_rows(
    caller: Partner,
    file_id: EventFileId,
    deps: Deps,
    query: Annotated[FileRowsQuery, Query()],
    accept: Annotated[str, Header()] = "",
) -> Response:
    """By line; those that wait are not in it. With `Accept: text/csv`, all that is wrong."""
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        file = await _own(connection, caller, file_id)
        if wants_csv(accept):
            first = await list_file_rows(
                connection, file_id, FileRowOutcome.REFUSED, ROWS_AT_ONCE, None
            )
            return StreamingResponse(_table(deps, file, first), media_type=CSV)
        page = await list_file_rows(connection, file_id, query.outcome, query.limit, query.cursor)
    items = [file_row_of(file, view) for view in page.items]
    content = EventFileRows(items=items, next_cursor=page.next_cursor).model_dump_json()
    return Response(content, media_type=JSON)


def _must_bind(headers: SignatureHeaders, source: str, kind: str) -> None:
    """Refuse a signature of nobody, and one that could be of a file of another kind.

    The signature covers the message's id and the body, and no part of the address; what a column
    means is the kind's to say.

    Raises:
        NotGenuine: the source can be nobody's, or the message's id does not begin with the kind.
    """
    if not _SOURCE.fullmatch(source):
        raise NotGenuine(REFUSED)
    if not headers.message_id.startswith(f"{kind}/"):
        raise NotGenuine(
            "webhook-id must begin with `kind` and a slash, because the signature covers no part "
            "of the address"
        )


async def _mapping(deps: ApiDependencies, sender: Sender, kind: str) -> FileMapping:
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        mappings = await mappings_of(connection, sender.partner)
    if kind not in mappings:
        told = f"there is no such kind of file; there are {', '.join(mappings)}"
        wrong = FieldError(field="kind", message=told)
        raise Unprocessable("the request is not valid; see errors", errors=[wrong])
    return mappings[kind]


async def _must_be_permitted(door: Door, sender: Sender, mapping: FileMapping) -> None:
    if may_send(sender.kind, mapping.type):
        return
    cloud_type = mapping.type.cloud_type
    async with transaction(door.deps.engine, door.deps.limits.database_answer) as connection:
        await append(connection, door.refused_type(sender, cloud_type, 1))
    raise TypeNotPermitted(f"a partner of kind {sender.kind} does not send {cloud_type}")


def _received(sent: SentFile, view: FileView) -> AuditLine:
    return AuditLine(
        action=AuditAction.EVENT_FILE_RECEIVED,
        by=Actor(id=sent.partner, role=Role.PARTNER),
        about=view.file_id,
        detail={"kind": sent.kind, "type": sent.mapping.type.cloud_type, "rows": sent.rows},
    )


async def _own(connection: AsyncConnection, caller: Caller, file_id: str) -> FileView:
    """The file, where the caller sent it.

    Raises:
        NotFound: in the same words for another partner's and for none.
    """
    note(event_file=file_id)
    found = await find_file(connection, caller.partner, file_id)
    if found is None:
        raise NotFound(NO_SUCH_FILE)
    return found


async def _table(
    deps: ApiDependencies, file: FileView, page: Page[FileRowView]
) -> AsyncIterator[str]:
    """All errors of all refused rows, page by page."""
    headed = True
    while True:
        rows = [file_row_of(file, view) for view in page.items]
        yield table_of_errors((error for row in rows for error in row.errors), headed=headed)
        if page.next_cursor is None:
            return
        headed = False
        async with transaction(deps.engine, deps.limits.database_answer) as connection:
            page = await list_file_rows(
                connection, file.file_id, FileRowOutcome.REFUSED, ROWS_AT_ONCE, page.next_cursor
            )
