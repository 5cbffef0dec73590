"""The attributes of a CloudEvent 1.0, checked one by one.

An event is the JSON object of structured mode; `api.binary_events` makes one of a binary request.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue

from api.problems import FieldError, Unprocessable
from api.validation import shown
from domain.model import Ref

MEDIA_TYPE = "application/cloudevents+json"
BATCH_MEDIA_TYPE = "application/cloudevents-batch+json"

_REFERENCE = re.compile(r"[\x21-\x7e]{1,120}")
_REFERENCE_WORDS = "1 to 120 printable ASCII characters without a space"
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,30})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_NAME = re.compile(r"[a-z0-9]+")
_JSON = re.compile(r"application/json *(;.*)?", re.IGNORECASE)
_LONGEST_SCHEMA = 2000
_MOST_ERRORS = 20
"""How many are named, so that the answer to an event that nobody signed stays small."""


class CloudEvent(BaseModel):
    """A CloudEvent 1.0 in structured mode, as the interface's document describes it.

    `type` is `journeyman.` + the event's name + `.v1`; `subject` the journey's id or a reference
    that partner and Journeyman share; `data` as the type's schema has it. Extension attributes are
    taken and not looked at.
    """

    model_config = ConfigDict(extra="allow")

    specversion: Literal["1.0"]
    id: Ref
    source: Ref
    type: Ref
    subject: Ref
    time: AwareDatetime | None = None
    sequence: Ref | None = None
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str | None = None
    data: dict[str, JsonValue]


@dataclass(frozen=True)
class Attributes:
    """What an event says about itself; `time` is the sender's, in UTC."""

    id: str
    source: str
    type: str
    subject: str
    time: datetime | None
    sequence: str | None


def attributes(event: dict[str, JsonValue]) -> Attributes:
    """The event's attributes.

    Raises:
        Unprocessable: naming those missing or not as CloudEvents 1.0 has them, at most 20.
    """
    errors: list[FieldError] = []
    if event.get("specversion") != "1.0":
        errors.append(_error(event, "specversion", 'must be "1.0"'))
    if "data_base64" in event:
        errors.append(FieldError(field="data_base64", message="send JSON in `data`"))
    content_type = event.get("datacontenttype")
    if content_type is not None and not _is_json(content_type):
        errors.append(_error(event, "datacontenttype", "must be application/json"))
    schema = event.get("dataschema")
    if schema is not None and not (isinstance(schema, str) and 0 < len(schema) <= _LONGEST_SCHEMA):
        errors.append(_error(event, "dataschema", f"must be a URI, at most {_LONGEST_SCHEMA} long"))
    required = {name: _reference(event, name, errors) for name in _REQUIRED}
    sequence = None if event.get("sequence") is None else _reference(event, "sequence", errors)
    time = _time(event, errors)
    errors.extend(islice(_odd_extensions(event), _MOST_ERRORS - len(errors)))
    if errors:
        raise Unprocessable("the event's attributes are not valid; see errors", errors=errors)
    return Attributes(**required, time=time, sequence=sequence)


_REQUIRED = ("id", "source", "type", "subject")
_OWN = frozenset(CloudEvent.model_fields) | {"data_base64"}


def essence(event: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """What makes the event the same one, in whichever mode it comes: no nulls, no media type."""
    return {
        name: value
        for name, value in event.items()
        if value is not None and name != "datacontenttype"
    }


def _is_json(content_type: JsonValue) -> bool:
    return isinstance(content_type, str) and _JSON.fullmatch(content_type.strip()) is not None


def _odd_extensions(event: dict[str, JsonValue]) -> Iterator[FieldError]:
    for name, value in event.items():
        if name in _OWN:
            continue
        if not _NAME.fullmatch(name):
            yield FieldError(field=name[:120], message="must be named by a to z and 0 to 9")
        elif isinstance(value, dict | list | float):
            yield FieldError(field=name[:120], message="must be a text, an integer or a boolean")


def _reference(event: dict[str, JsonValue], name: str, errors: list[FieldError]) -> str:
    value = event.get(name)
    if isinstance(value, str) and _REFERENCE.fullmatch(value):
        return value
    errors.append(_error(event, name, f"must be {_REFERENCE_WORDS}"))
    return ""


def _time(event: dict[str, JsonValue], errors: list[FieldError]) -> datetime | None:
    value = event.get("time")
    if value is None:
        return None
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            return _moment(value.upper())
        except (ValueError, OverflowError):
            pass
    errors.append(_error(event, "time", "must be an RFC 3339 time with offset"))
    return None


def _moment(written: str) -> datetime:
    """The moment in UTC; a leap second (RFC 3339, 5.6) is the second before it."""
    seconds = slice(17, 19)
    leaps = written[seconds] == "60"
    if leaps:
        written = f"{written[: seconds.start]}59{written[seconds.stop :]}"
    moment = datetime.fromisoformat(written).astimezone(UTC)
    if leaps and (moment.hour, moment.minute) != (23, 59):
        raise ValueError("no leap second ever was then")
    return moment


def _error(event: dict[str, JsonValue], name: str, message: str) -> FieldError:
    if name not in event:
        return FieldError(field=name, message=f"is missing; {message}")
    return FieldError(field=name, message=message, value=shown(event[name]))
