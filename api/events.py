"""`POST /v1/events`: one signed CloudEvent in, one receipt out, after the commit.

The checks come in the order of what they cost and what they give away: size, signature headers,
JSON, attributes, then source, key, signature and time under the same words, then the type.
"""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, JsonValue, ValidationError

from api.bodies import must_be_media, read_bounded, read_json
from api.cloud_events import MEDIA_TYPE, Attributes, CloudEvent, attributes
from api.database import transaction
from api.dependencies import ApiDependencies, Deps
from api.openapi import signature_parameters, takes
from api.partner_book import PartnerBook, Sender
from api.problems import EventIdReused, MalformedBody, NotGenuine, TypeNotPermitted, documented
from api.request_log import note
from api.signatures import REFUSED, is_fresh, is_signed, signature_headers
from api.validation import field_errors
from domain.events import DATA_OF, EventData, EventType
from domain.journal import KeptBack, ReceiptStatus
from domain.model import bounded
from domain.senders import may_send
from store.inbox import Arrival, Received, Variant, canonical, receive

router = APIRouter(tags=["partners"])


class EventAnswer(BaseModel):
    """What was done with an event; `of` is the first receipt where it is a repeat."""

    receipt: str
    status: ReceiptStatus
    reason: str | None = None
    of: str | None = None


class DoesNotFit(Exception):
    """A well-signed event that does not fit its schema; kept in quarantine with this reason."""


async def genuine_event(
    request: Request, deps: ApiDependencies, book: PartnerBook
) -> tuple[bytes, dict[str, JsonValue], Attributes, Sender]:
    """The event, once it is known who sent it.

    Raises:
        Problem: whichever check fails first.
    """
    body = await read_bounded(request, deps.limits.event_bytes)
    headers = signature_headers(request.headers)
    must_be_media(request, MEDIA_TYPE)
    event = read_json(body)
    if not isinstance(event, dict):
        raise MalformedBody("the body must be a JSON object")
    about = attributes(event)
    sender = await book.find(about.source)
    if not is_fresh(headers, deps.clock(), deps.limits.signature_age):
        raise NotGenuine(REFUSED)
    if sender is None or not is_signed(headers, body, sender.keys):
        sender = await book.read_again(about.source)
        if sender is None or not is_signed(headers, body, sender.keys):
            raise NotGenuine(REFUSED)
    return body, event, about, sender


def fitting_data(about: Attributes, sender: Sender, data: JsonValue, limit: int) -> EventData:
    """The event's data as its type has it.

    Raises:
        TypeNotPermitted: partners of this kind don't report such facts.
        DoesNotFit: an unknown type, or data that its schema does not take.
    """
    event_type = EventType.of_cloud_type(about.type)
    if event_type is None:
        raise DoesNotFit("there is no such type of event")
    if not may_send(sender.kind, event_type):
        raise TypeNotPermitted(f"a partner of kind {sender.kind} does not send {about.type}")
    try:
        fitting = DATA_OF[event_type].model_validate(data)
    except ValidationError as error:
        wrong = "; ".join(
            f"data.{found.field}: {found.message}" for found in field_errors(error.errors())
        )
        raise DoesNotFit(wrong) from None
    if len(fitting.model_dump_json(exclude_unset=True)) > limit:
        raise DoesNotFit(f"data is over {limit} bytes")
    return fitting


@router.post(
    "/v1/events",
    status_code=202,
    response_model=EventAnswer,
    responses={
        200: {"model": EventAnswer, "description": "A repeat; nothing changed"},
        **documented(400, 401, 403, 409, 413, 415, 422, 503),
    },
    summary="Report one event (CloudEvents 1.0, structured mode, Standard Webhooks signature)",
    openapi_extra=takes(CloudEvent, MEDIA_TYPE) | {"parameters": signature_parameters()},
)
async def receive_event(request: Request, deps: Deps) -> Response:
    """Keep one event: verified, stored, committed, then acknowledged.

    A well-signed event that does not fit its schema is kept too, in quarantine, with the reason.
    """
    book: PartnerBook = request.app.state.partner_book
    body, event, about, sender = await genuine_event(request, deps, book)
    note(event_id=about.id, partner=sender.partner)
    data = event.get("data")
    reason = None
    try:
        fitting = fitting_data(about, sender, data, deps.limits.event_data_bytes)
        data = fitting.model_dump(mode="json", exclude_unset=True)
    except DoesNotFit as unfit:
        reason = bounded(str(unfit))
    arrival = Arrival(
        source=about.source,
        event_id=about.id,
        partner=sender.partner,
        type=about.type,
        subject=about.subject,
        time=about.time,
        sequence=about.sequence,
        data=data if isinstance(data, dict) else {},
        canonical=canonical(event),
        raw=body,
        kept_back=None if reason is None else KeptBack.SCHEMA,
        detail=reason or "",
    )
    received = await _keep(deps, arrival)
    note(receipt=received.receipt)
    request.app.state.metrics.event_received(received.status)
    return _answer(received, reason)


async def _keep(deps: ApiDependencies, arrival: Arrival) -> Received:
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        kept = await receive(connection, deps.vault, arrival, deps.clock())
    if isinstance(kept, Variant):
        raise EventIdReused(
            "this source sent another body under the same id; a correction has a new id and "
            "`data.supersedes`",
            receipt=kept.original,
        )
    return kept


def _answer(received: Received, reason: str | None) -> Response:
    answer = EventAnswer(
        receipt=received.receipt,
        status=received.status,
        reason=None if received.repeat else reason,
        of=received.original,
    )
    return Response(
        answer.model_dump_json(exclude_none=True),
        status_code=200 if received.repeat else 202,
        media_type="application/json",
    )
