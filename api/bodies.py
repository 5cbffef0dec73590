"""Reading a request's body: bounded before it is parsed, and only JSON that we can keep."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, TypeVar

import orjson
from fastapi import Depends, Request
from pydantic import BaseModel, JsonValue, ValidationError
from starlette.requests import ClientDisconnect

from api.dependencies import Deps
from api.problems import BodyTooLarge, BodyTooSlow, MalformedBody, Unprocessable, UnsupportedMedia
from api.validation import field_errors

DEEPEST = 32
"""How deep JSON may nest; every schema of ours needs less."""

Model = TypeVar("Model", bound=BaseModel)


async def read_bounded(request: Request, limit: int) -> bytes:
    """The body, refused as soon as it is known to be over `limit` bytes or to come too slowly.

    Raises:
        BodyTooLarge: by Content-Length before a byte is read, or while the body streams in.
        BodyTooSlow: it is not complete within `Limits.body_within`.
        MalformedBody: the client went away.
    """
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and (len(declared) > 12 or int(declared) > limit):
        raise BodyTooLarge(f"at most {limit} bytes are taken")
    within: timedelta = request.app.state.dependencies.limits.body_within
    try:
        async with asyncio.timeout(within.total_seconds()):
            return await _read_up_to(request, limit)
    except TimeoutError:
        raise BodyTooSlow(f"send the body within {within.total_seconds():g} s") from None
    except ClientDisconnect:
        raise MalformedBody("the body is not complete") from None


async def _read_up_to(request: Request, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(f"at most {limit} bytes are taken")
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def read_json(body: bytes) -> JsonValue:
    """Parse UTF-8 JSON, and refuse what PostgreSQL or a reader of ours could not hold.

    Raises:
        MalformedBody: as in `parse_json` and `must_be_keepable`.
    """
    value = parse_json(body)
    if b"\\u0000" in body or body.count(b"{") + body.count(b"[") > DEEPEST:
        must_be_keepable(value)
    return value


def parse_json(body: bytes) -> JsonValue:
    """Parse UTF-8 JSON.

    Raises:
        MalformedBody: no JSON, lone surrogates, numbers beyond a double.
    """
    try:
        value: JsonValue = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"no JSON at line {error.lineno} column {error.colno}") from None
    return value


def must_be_keepable(value: JsonValue, depth: int = 0) -> None:
    """Refuse what PostgreSQL or a reader of ours could not hold.

    Raises:
        MalformedBody: nested deeper than 32, or a NUL character in a text.
    """
    if isinstance(value, str):
        if "\0" in value:
            raise MalformedBody("a text holds a NUL character")
        return
    if not isinstance(value, dict | list):
        return
    if depth == DEEPEST:
        raise MalformedBody(f"nested deeper than {DEEPEST}")
    if isinstance(value, dict):
        for key, inner in value.items():
            if "\0" in key:
                raise MalformedBody("a name holds a NUL character")
            must_be_keepable(inner, depth + 1)
    else:
        for inner in value:
            must_be_keepable(inner, depth + 1)


def media_of(request: Request) -> str:
    """The body's media type in lower case, without parameters such as a charset; "" if unsaid."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def must_be_media(request: Request, media_type: str) -> None:
    """Refuse a body of another media type; parameters such as a charset are not looked at.

    Raises:
        UnsupportedMedia: naming the one that is taken.
    """
    if media_of(request) != media_type:
        raise UnsupportedMedia(f"send {media_type}")


@dataclass(frozen=True)
class Body:
    """A body as read: its bytes for the fingerprint, its JSON object for the model."""

    raw: bytes
    content: dict[str, JsonValue]


async def _json_object(request: Request, deps: Deps) -> Body:
    return _object_of(request, await read_bounded(request, deps.limits.body_bytes))


async def _optional_json_object(request: Request, deps: Deps) -> Body:
    raw = await read_bounded(request, deps.limits.body_bytes)
    return _object_of(request, raw) if raw else Body(raw=raw, content={})


def _object_of(request: Request, raw: bytes) -> Body:
    must_be_media(request, "application/json")
    content = read_json(raw)
    if not isinstance(content, dict):
        raise MalformedBody("the body must be a JSON object")
    return Body(raw=raw, content=content)


JsonObject = Annotated[Body, Depends(_json_object)]
"""The request's JSON object; declare it after the caller, so that strangers are told nothing."""

OptionalJsonObject = Annotated[Body, Depends(_optional_json_object)]
"""The same where nothing needs to be said: no body is an empty object."""


def parse(model: type[Model], content: dict[str, JsonValue]) -> Model:
    """`content` as the model.

    Raises:
        Unprocessable: naming each field that does not fit.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise Unprocessable(
            "the body does not fit; see errors", errors=field_errors(error.errors())
        ) from None
