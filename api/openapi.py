"""The OpenAPI document: FastAPI's, completed with the bodies that we read ourselves."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.cloud_events import BATCH_MEDIA_TYPE, MEDIA_TYPE, CloudEvent
from api.problems import ProblemDetails
from domain.commands import COMMANDS

_PLACE = "#/components/schemas/"
_VERSION = "1.0"


def takes(
    model: type[BaseModel], media_type: str = "application/json", *, required: bool = True
) -> dict[str, Any]:
    """What a route adds to the document to say that its body is this model."""
    schema = {"$ref": _PLACE + model.__name__}
    return {"requestBody": {"required": required, "content": {media_type: {"schema": schema}}}}


def event_bodies() -> dict[str, Any]:
    """The bodies of the route for events: one event, a batch, or one event's data."""
    event = {"$ref": _PLACE + CloudEvent.__name__}
    data = {
        "type": "object",
        "description": "Binary mode: the event's data; its attributes are headers named `ce-…`, "
        "percent-encoded, and `webhook-id` is its id",
    }
    content = {
        MEDIA_TYPE: {"schema": event},
        BATCH_MEDIA_TYPE: {"schema": {"type": "array", "minItems": 1, "items": event}},
        "application/json": {"schema": data},
    }
    return {"requestBody": {"required": True, "content": content}}


def signature_parameters() -> list[dict[str, Any]]:
    """The headers of a Standard Webhooks signature, none of them optional."""
    described = {
        "webhook-id": "The message's id, without a dot",
        "webhook-timestamp": "When it was signed: whole seconds since 1970, at most 5 minutes off",
        "webhook-signature": "`v1,` and the base64 HMAC-SHA256; several are parted by a space",
    }
    return [
        {
            "name": name,
            "in": "header",
            "required": True,
            "description": text,
            "schema": {"type": "string"},
        }
        for name, text in described.items()
    ]


def describe(app: FastAPI, bodies: Sequence[type[BaseModel]]) -> None:
    """Make the app's document hold the schemas of `bodies` and of problems; built once."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, bodies)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI, bodies: Sequence[type[BaseModel]]) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=_VERSION,
        description=app.description,
        routes=app.routes,
    )
    _, shapes = models_json_schema(
        [*((body, "validation") for body in bodies), (ProblemDetails, "serialization")],
        ref_template=_PLACE + "{model}",
    )
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(shapes["$defs"])
    for command in COMMANDS:
        schemas[command.__name__]["properties"].pop("name", None)
    return document
