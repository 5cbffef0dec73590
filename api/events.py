"""`POST /v1/events`: signed CloudEvents in, a receipt for each out, after the commit.

The checks come in the order of what they cost and what they give away: size, signature headers,
JSON, attributes, then source, key, signature and time under the same words, then the rate, then
the type.
"""

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, JsonValue

from api.arrivals import arrival_of
from api.batches import BatchAnswer, receive_batch
from api.binary_events import binary_event, is_binary, must_bind
from api.bodies import media_of, read_bounded, read_json
from api.cloud_events import BATCH_MEDIA_TYPE, MEDIA_TYPE, Attributes, attributes
from api.database import statement
from api.door import Door, Genuine
from api.openapi import event_bodies, signature_parameters
from api.problems import MalformedBody, TypeNotPermitted, UnsupportedMedia, documented
from api.request_log import note
from api.signatures import SignatureHeaders, signature_headers
from domain.journal import ReceiptStatus
from store.audit import append
from store.inbox import Arrival, Received, Variant


class PlainRoute(APIRoute):
    """A route whose function takes the request and makes the answer.

    FastAPI documents it as any other, and is spared finding out that it has nothing to parse,
    resolve or encode for it.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The function itself."""
        return self.endpoint


router = APIRouter(tags=["partners"], route_class=PlainRoute)


class EventAnswer(BaseModel):
    """What was done with an event; `of` is the first receipt where it is a repeat.

    Where it is kept back, `reason` is the code and `detail` says why in words.
    """

    receipt: str
    status: ReceiptStatus
    reason: str | None = None
    detail: str | None = None
    of: str | None = None


@router.post(
    "/v1/events",
    status_code=202,
    response_model=EventAnswer | BatchAnswer,
    responses={
        200: {"model": EventAnswer | BatchAnswer, "description": "Repeats; nothing changed"},
        **documented(400, 401, 403, 409, 413, 415, 422, 503),
    },
    summary="Report events (CloudEvents 1.0 in structured, binary or batch mode, signed)",
    openapi_extra=event_bodies() | {"parameters": signature_parameters()},
)
async def receive_events(request: Request) -> Response:
    """Keep one event or a batch: verified, stored, committed, then acknowledged.

    A well-signed event that does not fit its schema is kept too, in quarantine, with the reason.
    """
    door: Door = request.app.state.door
    media = media_of(request)
    if media == BATCH_MEDIA_TYPE:
        return await receive_batch(request, door)
    body = await read_bounded(request, door.deps.limits.event_bytes)
    headers = signature_headers(request.headers)
    event, raw = _event(request, media, headers, body)
    about = attributes(event)
    known = await door.genuine((about.source,), headers, body)
    note(event_id=about.id, partner=known.sender.partner)
    door.let_in(known.sender, 1)
    arrival = await _arrival(door, known, event, about, raw)
    kept = await door.keeping.keep(arrival)
    note(receipt=kept.receipt)
    if isinstance(kept, Variant):
        raise door.variant(known.sender, kept)
    door.metrics.event_received(kept.status)
    return _answer(door, known, kept)


def _event(
    request: Request, media: str, headers: SignatureHeaders, body: bytes
) -> tuple[dict[str, JsonValue], bytes]:
    """The event as in structured mode, and how it is kept."""
    if media == MEDIA_TYPE:
        event = read_json(body)
        if not isinstance(event, dict):
            raise MalformedBody("the body must be a JSON object")
        return event, body
    if media != "application/json" or not is_binary(request.headers):
        raise UnsupportedMedia(
            f"send {MEDIA_TYPE}, {BATCH_MEDIA_TYPE}, or application/json with ce- headers"
        )
    data = read_json(body) if body else None
    event = binary_event(request.headers, data, request.headers["content-type"])
    must_bind(headers, event)
    return event, orjson.dumps({**event, "data": orjson.Fragment(body or b"null")})


async def _arrival(
    door: Door, known: Genuine, event: dict[str, JsonValue], about: Attributes, raw: bytes
) -> Arrival:
    limit = door.deps.limits.event_data_bytes
    try:
        return arrival_of(event, about, raw, known.sender, limit)
    except TypeNotPermitted:
        line = door.refused_type(known.sender, about.type, 1)
        async with statement(door.single, door.deps.limits.database_answer) as connection:
            await append(connection, line)
        raise


def _answer(door: Door, known: Genuine, kept: Received) -> Response:
    answer = EventAnswer(
        receipt=kept.receipt,
        status=kept.status,
        reason=None if kept.repeat else kept.reason or None,
        detail=None if kept.repeat else kept.detail or None,
        of=kept.original,
    )
    return Response(
        answer.model_dump_json(exclude_none=True),
        status_code=200 if kept.repeat else 202,
        media_type="application/json",
        background=door.after(known, kept=not kept.repeat),
    )
