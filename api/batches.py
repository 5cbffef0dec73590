"""A batch of events (`application/cloudevents-batch+json`): one signature, an outcome for each.

Good events are kept where others are bad, all in one transaction. The request itself is refused
only where nobody can say what it holds or who signed it.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import orjson
from fastapi import Request, Response
from pydantic import BaseModel, JsonValue

from api.arrivals import arrival_of
from api.bodies import must_be_keepable, parse_json, read_bounded
from api.cloud_events import attributes
from api.database import transaction
from api.dependencies import Limits
from api.door import Door, Genuine
from api.problems import (
    BodyTooLarge,
    FieldError,
    MalformedBody,
    NotGenuine,
    Problem,
    TypeNotPermitted,
    Unprocessable,
)
from api.request_log import note
from api.signatures import REFUSED, signature_headers
from domain.journal import ReceiptStatus
from store.audit import append
from store.inbox import Arrival, Received, Variant
from store.inbox_batches import receive_all

_MOST_SOURCES = 5
"""How many sources of one batch are tried to find who signed it, the commonest first."""
_VALUES_OF_AN_EVENT = 128
"""How many values an event of a full batch may hold on average: several times what any type has."""
_BREATH = 50
"""Events that are read in one go before other requests get their turn."""


class EventProblem(BaseModel):
    """Why an event of a batch was refused, as the answer to it alone would have said."""

    code: str
    status: int
    detail: str
    errors: list[FieldError] | None = None
    receipt: str | None = None


class BatchItem(BaseModel):
    """What was done with one event, in the order of the batch; see `EventAnswer` and `Problem`."""

    id: str | None = None
    receipt: str | None = None
    status: ReceiptStatus | Literal["refused"]
    reason: str | None = None
    detail: str | None = None
    of: str | None = None
    problem: EventProblem | None = None


class BatchAnswer(BaseModel):
    """How many events are new, repeats of earlier ones, and refused; and what became of each."""

    kept: int
    repeated: int
    refused: int
    items: list[BatchItem]


async def receive_batch(request: Request, door: Door) -> Response:
    """Keep what is good of a batch: 202 where something is new, 200 where nothing is.

    Raises:
        Problem: the batch as a whole can't be read, or is not genuine.
    """
    limits = door.deps.limits
    body = await read_bounded(request, limits.batch_bytes)
    headers = signature_headers(request.headers)
    events = _events(body, limits.batch_events)
    known = await door.genuine(_sources(events), headers, body)
    note(partner=known.sender.partner)
    door.let_in(known.sender, len(events))
    read = await _read(events, known, limits)
    kept = iter(await _keep(door, known, events, read))
    items = [
        _refused(event, outcome)
        if isinstance(outcome, Problem)
        else _item(door, known, event, next(kept))
        for event, outcome in zip(events, read, strict=True)
    ]
    return _answer(door, known, items)


def _events(body: bytes, most: int) -> list[JsonValue]:
    _must_be_cheap(body, most)
    events = parse_json(body)
    if not isinstance(events, list):
        raise MalformedBody("a batch is a JSON array of events")
    if not events:
        raise Unprocessable("a batch holds at least one event")
    if len(events) > most:
        raise BodyTooLarge(f"at most {most} events are taken in one batch")
    return events


def _must_be_cheap(body: bytes, most: int) -> None:
    """Refuse what would hold everybody up while it is parsed, before anybody has signed for it.

    Each value of JSON but the first of a whole needs a comma or opens something; those in texts are
    counted too, which the bound leaves room for.
    """
    values = body.count(b",") + body.count(b"{") + body.count(b"[")
    if values > most * _VALUES_OF_AN_EVENT:
        raise BodyTooLarge("the batch holds too many values; send it in parts")


def _sources(events: Sequence[JsonValue]) -> list[str]:
    named: Counter[str] = Counter()
    for event in events:
        source = event.get("source") if isinstance(event, dict) else None
        if isinstance(source, str) and len(source) <= 120:
            named[source] += 1
    return [source for source, _ in named.most_common(_MOST_SOURCES)]


async def _read(
    events: Sequence[JsonValue], known: Genuine, limits: Limits
) -> list[Arrival | Problem]:
    read: list[Arrival | Problem] = []
    for number, event in enumerate(events):
        if number % _BREATH == 0:
            await asyncio.sleep(0)
        try:
            read.append(_arrival(event, known, limits))
        except Problem as problem:
            read.append(problem)
    return read


def _arrival(event: JsonValue, known: Genuine, limits: Limits) -> Arrival:
    if not isinstance(event, dict):
        raise MalformedBody("an event must be a JSON object")
    must_be_keepable(event)
    raw = orjson.dumps(event)
    if len(raw) > limits.event_bytes:
        raise BodyTooLarge(f"at most {limits.event_bytes} bytes are taken for one event")
    about = attributes(event)
    if about.source != known.source:
        raise NotGenuine(REFUSED)
    return arrival_of(event, about, raw, known.sender, limits.event_data_bytes)


async def _keep(
    door: Door,
    known: Genuine,
    events: Sequence[JsonValue],
    read: Sequence[Arrival | Problem],
) -> tuple[Received | Variant, ...]:
    arrivals = [each for each in read if isinstance(each, Arrival)]
    refused = Counter(
        str(event["type"])
        for event, each in zip(events, read, strict=True)
        if isinstance(each, TypeNotPermitted) and isinstance(event, dict)
    )
    if not arrivals and not refused:
        return ()
    async with transaction(door.deps.engine, door.deps.limits.database_answer) as connection:
        for cloud_type, count in refused.items():
            await append(connection, door.refused_type(known.sender, cloud_type, count))
        if not arrivals:
            return ()
        return await receive_all(connection, door.deps.vault, arrivals, door.deps.clock())


def _item(door: Door, known: Genuine, event: JsonValue, kept: Received | Variant) -> BatchItem:
    if isinstance(kept, Variant):
        return _refused(event, door.variant(known.sender, kept))
    door.metrics.event_received(kept.status)
    return BatchItem(
        id=_id_of(event),
        receipt=kept.receipt,
        status=kept.status,
        reason=None if kept.repeat else kept.reason or None,
        detail=None if kept.repeat else kept.detail or None,
        of=kept.original,
    )


def _refused(event: JsonValue, problem: Problem) -> BatchItem:
    return BatchItem(
        id=_id_of(event),
        status="refused",
        problem=EventProblem(
            code=problem.code,
            status=problem.status,
            detail=problem.detail,
            errors=problem.errors or None,
            receipt=problem.receipt,
        ),
    )


def _id_of(event: JsonValue) -> str | None:
    given = event.get("id") if isinstance(event, dict) else None
    return given if isinstance(given, str) and len(given) <= 120 else None


def _answer(door: Door, known: Genuine, items: list[BatchItem]) -> Response:
    refused = sum(item.problem is not None for item in items)
    repeated = sum(item.of is not None for item in items)
    answer = BatchAnswer(
        kept=len(items) - refused - repeated, repeated=repeated, refused=refused, items=items
    )
    return Response(
        answer.model_dump_json(exclude_none=True),
        status_code=202 if answer.kept else 200,
        media_type="application/json",
        background=door.after(known, kept=False),
    )
