"""`GET /v1/asyncapi.json`: what partners may send, as an AsyncAPI 3 document.

Rendered from the models that the door reads with (`domain.events`), so that it can't tell anything
else; `docs/partner-guide.md` is rendered from the same (`processes.render_docs`).
"""

from functools import cache
from typing import Any

import orjson
from fastapi import APIRouter, Response
from pydantic import JsonValue
from pydantic.json_schema import models_json_schema

from api.cloud_events import MEDIA_TYPE, CloudEvent
from domain.event_examples import EXAMPLES
from domain.events import DATA_OF, EventType
from domain.senders import SENDERS_OF, SenderKind

router = APIRouter(tags=["partners"])

PATH = "/v1/asyncapi.json"
_VERSION = "1.0"
_SCHEMAS = "#/components/schemas/"
_MESSAGES = "#/components/messages/"
_CHANNEL = {"$ref": "#/channels/events"}
_SIGNED = {"$ref": "#/components/securitySchemes/signature"}


@router.get(
    PATH,
    response_model=dict[str, JsonValue],
    summary="What partners may send, as an AsyncAPI 3 document",
)
async def asyncapi() -> Response:
    """Each event type with its schema, an example, who may send it and how it is signed."""
    return Response(_rendered(), media_type="application/json")


@cache
def _rendered() -> bytes:
    return orjson.dumps(document())


def document() -> dict[str, Any]:
    """The document."""
    names = [event.cloud_type for event in EventType]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Journeyman, events from partners",
            "version": _VERSION,
            "description": (
                "What training providers, exam centers, issuers, employers and others report of "
                "trainees. Events are CloudEvents 1.0 over HTTP, signed after Standard Webhooks; "
                "each is answered with a receipt."
            ),
        },
        "defaultContentType": MEDIA_TYPE,
        "servers": {
            "journeyman": {
                "host": "{host}",
                "protocol": "https",
                "description": "Where Journeyman runs for you",
                "variables": {"host": {"description": "Told with your key"}},
                "security": [_SIGNED],
            }
        },
        "channels": {
            "events": {
                "address": "/v1/events",
                "title": "Events",
                "description": (
                    "One event in structured or binary mode, or a batch "
                    "(`application/cloudevents-batch+json`), in one POST"
                ),
                "messages": {name: {"$ref": _MESSAGES + name} for name in names},
            }
        },
        "operations": {
            "receiveEvents": {
                "action": "receive",
                "channel": _CHANNEL,
                "summary": "Journeyman takes what partners report",
                "security": [_SIGNED],
                "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
                "messages": [{"$ref": f"#/channels/events/messages/{name}"} for name in names],
            }
        },
        "components": {
            "messages": {event.cloud_type: _message(event) for event in EventType},
            "schemas": _data_schemas(),
            "securitySchemes": {"signature": _SIGNATURE},
        },
    }


def senders_of(event: EventType) -> list[SenderKind]:
    """The kinds of partner that may send an event type, in the order of their names."""
    return sorted(SENDERS_OF[event])


def example_of(event: EventType) -> dict[str, JsonValue]:
    """A complete event of a type, in structured mode."""
    sender = senders_of(event)[0]
    return {
        "specversion": "1.0",
        "id": f"{event.value}-000001",
        "source": f"/partners/example-{sender}",
        "type": event.cloud_type,
        "subject": EXAMPLES[event].subject,
        "time": "2026-06-30T17:00:00+08:00",
        "datacontenttype": "application/json",
        "data": EXAMPLES[event].data,
    }


def data_schema(event: EventType) -> dict[str, Any]:
    """The JSON Schema of a type's data, with what it refers to below `$defs`."""
    return DATA_OF[event].model_json_schema()


def _message(event: EventType) -> dict[str, Any]:
    senders = [kind.value for kind in senders_of(event)]
    return {
        "name": event.cloud_type,
        "title": event.value,
        "summary": EXAMPLES[event].tells,
        "description": f"Sent by: {', '.join(senders)}.",
        "contentType": MEDIA_TYPE,
        "headers": _HEADERS,
        "payload": _envelope(event),
        "examples": [{"name": "complete", "payload": example_of(event)}],
        "x-senders": senders,
    }


def _envelope(event: EventType) -> dict[str, Any]:
    """The CloudEvent, with this type's name and data in their places."""
    shape = CloudEvent.model_json_schema()
    shape["title"] = f"CloudEvent of type {event.cloud_type}"
    shape["properties"] |= {
        "type": {"const": event.cloud_type},
        "data": {"$ref": _SCHEMAS + DATA_OF[event].__name__},
    }
    return shape


def _data_schemas() -> dict[str, Any]:
    _, shapes = models_json_schema(
        [(DATA_OF[event], "validation") for event in EventType],
        ref_template=_SCHEMAS + "{model}",
    )
    schemas: dict[str, Any] = shapes["$defs"]
    return schemas


_HEADERS = {
    "type": "object",
    "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
    "properties": {
        "webhook-id": {
            "type": "string",
            "description": "The message's id, without a dot; in binary mode the event's id",
            "pattern": r"^[\x21-\x2d\x2f-\x7e]{1,200}$",
        },
        "webhook-timestamp": {
            "type": "string",
            "description": "When it was signed: whole seconds since 1970, at most 5 minutes off",
            "pattern": "^[1-9][0-9]{0,11}$",
        },
        "webhook-signature": {
            "type": "string",
            "description": "`v1,` and the base64 signature; several are parted by a space",
        },
    },
}
_SIGNATURE = {
    "type": "httpApiKey",
    "name": "webhook-signature",
    "in": "header",
    "description": (
        "Standard Webhooks, symmetric: HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{body}` "
        "under the key of the event's source"
    ),
}
