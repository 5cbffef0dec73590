"""Binary mode (CloudEvents 1.0, HTTP binding): attributes in `ce-` headers, the body is the data.

The signature does not cover these headers. So the message's id, which it does cover, has to be the
event's: whoever repeats a signed body under other attributes can't give it another id, and under
the same id it is a variant of the event that came before.
"""

import re

from pydantic import JsonValue
from starlette.datastructures import Headers

from api.problems import FieldError, NotGenuine, Unprocessable
from api.signatures import SignatureHeaders

PREFIX = "ce-"

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_PERCENT = re.compile(rb"%(..?)?", re.DOTALL)
_WORDS = "must be printable ASCII, everything else percent-encoded as UTF-8"


def is_binary(headers: Headers) -> bool:
    """Whether the request says what event it is in its headers."""
    return any(name.startswith(PREFIX) for name in headers)


def binary_event(headers: Headers, data: JsonValue, content_type: str) -> dict[str, JsonValue]:
    """The same event in structured mode.

    Args:
        data: the body, parsed.
        content_type: the request's, which is the data's.

    Raises:
        Unprocessable: naming each header that is given twice or can't be decoded.
    """
    event: dict[str, JsonValue] = {}
    errors: list[FieldError] = []
    for header, value in headers.items():
        if not header.startswith(PREFIX):
            continue
        name = header.removeprefix(PREFIX)
        decoded = _decoded(value)
        if name in event or name in _NOT_HEADERS:
            errors.append(FieldError(field=header[:120], message=_NOT_HEADERS.get(name, _TWICE)))
        elif decoded is None:
            errors.append(FieldError(field=header[:120], message=_WORDS))
        else:
            event[name] = decoded
    if errors:
        raise Unprocessable("the event's headers are not valid; see errors", errors=errors)
    return {**event, "datacontenttype": content_type, "data": data}


_TWICE = "is given twice"
_NOT_HEADERS = {
    "data": "the data is the body",
    "data_base64": "the data is the body",
    "datacontenttype": "is the header content-type",
}


def must_bind(headers: SignatureHeaders, event: dict[str, JsonValue]) -> None:
    """Refuse a signature that could have been made for another event.

    Raises:
        NotGenuine: the message's id is not the event's.
    """
    if event.get("id") != headers.message_id:
        raise NotGenuine(
            "in binary mode webhook-id must be the event's id, because the signature covers no "
            "other header"
        )


def _decoded(value: str) -> str | None:
    """A header's value without quotes and percent-encoding; None where it can't be one."""
    if not _PRINTABLE.fullmatch(value):
        return None
    quoted = _QUOTED.fullmatch(value)
    if quoted is not None:
        value = _ESCAPED.sub(r"\1", quoted[1])
    try:
        return _PERCENT.sub(_octet, value.encode("ascii")).decode("utf-8")
    except ValueError:
        return None


def _octet(found: re.Match[bytes]) -> bytes:
    digits = found[1] or b""
    if not re.fullmatch(rb"[0-9A-Fa-f]{2}", digits):
        raise ValueError("no percent-encoding")
    return bytes([int(digits, 16)])
