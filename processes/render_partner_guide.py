"""The partner guide, rendered from the models that the door reads with."""

import base64
import hmac
import json
from collections.abc import Iterable, Mapping
from typing import Any

from api.asyncapi import data_schema, example_of, senders_of
from domain.event_examples import EXAMPLES
from domain.events import EventType
from domain.file_mappings import DEFAULTS, FileMapping
from domain.journal import KeptBack, ReceiptStatus

VECTOR_KEY = b"the key of the partner guide"
"""Signs the guide's test vector and nothing else."""
VECTOR_SECRET = "whsec_" + base64.b64encode(VECTOR_KEY).decode()
VECTOR_ID = "msg_0001"
VECTOR_TIME = 1772326800
VECTOR_BODY = b'{"specversion":"1.0","id":"ev-1"}'

_GUIDE = """\
# Guide for partners

Rendered by `make docs` from the models that the interface reads with; change them there. The same
is at `/v1/asyncapi.json` for machines, and every HTTP detail is at `/openapi.json`.

You report what happens to trainees as **events**. Each is kept before it is acknowledged, and each
ends in one final state with a reason that you can read. You need your `source`
(`/partners/...`) and a secret (`whsec_...`); an operator gives you both.

## Send an event

`POST /v1/events` with a CloudEvent 1.0, in one of three modes:

| mode | content type | body |
| --- | --- | --- |
| structured | `application/cloudevents+json` | the event |
| binary | `application/json` | its `data`; every attribute is a header `ce-...`, percent-encoded |
| batch | `application/cloudevents-batch+json` | up to 1,000 events of one source, up to 8 MiB |

`id` is yours, and unique within your source. `subject` is the reference that we share
(`enrollment_ref`, `booking_ref`, `referral_ref`), or the journey's id. Data is at most 8 KiB, an
event at most 64 KiB. Personal identity and phone numbers have no place in any of it: in free text
they are masked before anybody reads them.

## Sign it

Standard Webhooks, symmetric: HMAC-SHA256 over `webhook-id`, a dot, `webhook-timestamp`, a dot and
the body as it is sent, under the bytes of your secret (base64 after `whsec_`). Any library for
Standard Webhooks does it. The id holds no dot; the time is now, in whole seconds, at most five
minutes off. Sign anew for each attempt. A batch is signed once, as a whole. In binary mode
`webhook-id` must be the event's id, because the signature covers no other header.

Check your code with this:

| | |
| --- | --- |
| secret | `{secret}` |
| `webhook-id` | `{message_id}` |
| `webhook-timestamp` | `{time}` |
| body | `{body}` |
| `webhook-signature` | `{signature}` |

While a key is rotated, both are good: switch when you like before the old one ends. You may send
several signatures, parted by a space.

## What we answer

| status | means | do |
| --- | --- | --- |
| 202 | kept, with a `receipt` | nothing |
| 200 | you sent the same before; `of` is the first receipt | nothing |
| 400, 413, 415, 422 | it can't be read; `errors` says where | correct it |
| 401 | source, key, signature or time is not accepted | sign anew, look at key and clock |
| 403 | you don't send events of this type | ask us |
| 408 | the body came too slowly | send it again |
| 409 | you sent another event under this id | a new id, and `supersedes` for a correction |
| 429, 503 | too many at once, or something is away | send it again after `Retry-After` seconds |

Send again, with the same `id`, what was answered with 408, 429 or 5xx or not at all, at growing
intervals, for days if need be: the same event counts once, however often it comes, and order makes
no difference. A batch is answered with 202 where something in it is new and with 200 where nothing
is; `items` says for each event, in your order, its receipt or its `problem`, and good ones are kept
where others are bad.

## Correct yourself

A fact is corrected by a new event with a new `id`, whose `data.supersedes` is the `id` of the event
that it replaces. Without it, other values for the same fact are a conflict that a person has to
settle.

## Follow what became of it

`GET /v1/events/{{receipt or your id}}`, with your bearer token, tells the state of an event. On the
way it is {on_the_way}; in the end it is
{final}.
An event that is `quarantined` names its reason:

| reason | means |
| --- | --- |
{reasons}

## Many at once from a file

`POST /v1/event-files?source=/partners/...&kind=results` takes a CSV file (`text/csv`) in UTF-8 or
GB18030, up to 100,000 rows and 32 MiB. Sign its bytes as above, with a `webhook-id` that begins
with the kind and a slash (`results/2026-05`), because the signature covers no part of the
address. 202 means that it is kept, with an id; it counts as one request against your rate. The
same file again is answered with 200 and changes nothing.

The first line names the columns, in any order; those in bold are needed. Where your tables look
different, an operator enters a mapping of your own, which is a kind under a name of its own.

{kinds}

Dates are ISO 8601 or as `2026/5/16`. A file with an unknown, missing or doubled column, or that
can't be decoded, is refused as a whole (400 or 422; `errors` names line and column or byte). A
row that is wrong is refused by itself. Each other row becomes an event under the id in its
`event_id`, or one that is made of what it says: the same row again, in whichever file, is a
repeat. A corrected row names the event id of the row that it corrects in `supersedes`.

With your bearer token `GET /v1/event-files/{{id}}` tells how far the file is read: rows = waiting
+ sent + repeated + refused. `GET /v1/event-files/{{id}}/rows` (`outcome=sent`, `repeated` or
`refused`) tells of each row its event id, its receipt and what that says now, or what is wrong by
line and column; with `Accept: text/csv` it is a table of all that is wrong.

## The events

{events}
"""


def partner_guide() -> str:
    """The text of `docs/partner-guide.md`."""
    return _GUIDE.format(
        secret=VECTOR_SECRET,
        message_id=VECTOR_ID,
        time=VECTOR_TIME,
        body=VECTOR_BODY.decode(),
        signature=vector_signature(),
        on_the_way=_listed(status for status in ReceiptStatus if not status.final),
        final=_listed(status for status in ReceiptStatus if status.final),
        reasons="\n".join(f"| `{reason}` | {_REASONS[reason]} |" for reason in KeptBack),
        kinds="\n\n".join(_kind(name, mapping) for name, mapping in DEFAULTS.items()),
        events="\n".join(_event(event) for event in EventType),
    )


def _listed(statuses: Iterable[ReceiptStatus]) -> str:
    *most, last = (f"`{status}`" for status in statuses)
    return f"{', '.join(most)} or {last}"


def vector_signature() -> str:
    """The signature of the guide's test vector."""
    signed = f"{VECTOR_ID}.{VECTOR_TIME}.".encode() + VECTOR_BODY
    return "v1," + base64.b64encode(hmac.digest(VECTOR_KEY, signed, "sha256")).decode()


_REASONS = {
    KeptBack.UNKNOWN_SUBJECT: "nobody knows its subject yet; it goes on by itself once we do",
    KeptBack.SCHEMA: "it does not fit its type; `detail` says where",
    KeptBack.UNDELIVERABLE: "it could not be handed to its journey; we look into it",
    KeptBack.TOO_EARLY: "its turn did not come in time",
    KeptBack.NOT_YOURS: "another partner shares that reference with us, and you do not",
}


def _kind(name: str, mapping: FileMapping) -> str:
    """A kind of file: its columns, and the words that its cells may have instead of ours."""
    columns = "\n".join(
        f"| {f'**`{names[0]}`**' if field in mapping.needed else f'`{names[0]}`'} | "
        f"{', '.join(names[1:])} | {_words(mapping.values.get(field, {}))} |"
        for field, names in mapping.columns.items()
    )
    return (
        f"`{name}`, for `{mapping.type.cloud_type}`:\n\n"
        f"| column | or | cells |\n| --- | --- | --- |\n{columns}"
    )


def _words(values: Mapping[str, str]) -> str:
    return ", ".join(f"{word} (`{value}`)" for word, value in values.items())


def _event(event: EventType) -> str:
    senders = ", ".join(f"`{kind}`" for kind in senders_of(event))
    fields = "\n".join(_fields(data_schema(event)))
    example = json.dumps(example_of(event), ensure_ascii=False, indent=2)
    return f"""\
### `{event.cloud_type}`

{EXAMPLES[event].tells} Sent by {senders}.

| field of `data` | is | needed |
| --- | --- | --- |
{fields}

```json
{example}
```
"""


def _fields(schema: dict[str, Any]) -> list[str]:
    needed = schema.get("required", ())
    definitions = schema.get("$defs", {})
    shapes = schema["properties"].items()
    in_order = sorted(shapes, key=lambda field: (field[0] == "supersedes", field[0] not in needed))
    return [
        f"| `{name}` | {_told(name, shape, definitions)} | {'yes' if name in needed else ''} |"
        for name, shape in in_order
    ]


def _told(name: str, shape: dict[str, Any], definitions: dict[str, Any]) -> str:
    if name == "supersedes":
        return "the `id` of your event that this one corrects"
    return " or ".join(dict.fromkeys(_kinds(shape, definitions)))


def _kinds(shape: dict[str, Any], definitions: dict[str, Any]) -> list[str]:
    if "$ref" in shape:
        return _kinds(definitions[shape["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in shape:
        return [kind for each in shape["anyOf"] for kind in _kinds(each, definitions)]
    if "enum" in shape:
        return [", ".join(f"`{value}`" for value in shape["enum"])]
    match shape.get("type"):
        case "null":
            return []
        case "array":
            inner = " or ".join(_kinds(shape["items"], definitions))
            return [f"list, each: {inner}"]
        case "string":
            return [_FORMATS.get(shape.get("format", ""), _text(shape))]
        case "number" | "integer" as kind:
            return [_number("whole number" if kind == "integer" else "number", shape)]
        case "boolean":
            return ["`true`, `false`"]
        case "object":
            return ["object"]
        case _:
            return ["any JSON"]


_FORMATS = {
    "date": "date (`2026-03-01`)",
    "date-time": "time with offset (`2026-03-01T09:00:00+08:00`)",
}


def _text(shape: dict[str, Any]) -> str:
    longest = shape.get("maxLength")
    kind = "reference without a space" if "pattern" in shape else "text"
    return f"{kind}, up to {longest} characters" if longest else kind


def _number(kind: str, shape: dict[str, Any]) -> str:
    lowest, highest = shape.get("minimum"), shape.get("maximum")
    if "exclusiveMinimum" in shape:
        kind += f" over {shape['exclusiveMinimum']:g}"
    elif lowest is not None:
        kind += f" from {lowest:g}"
    return kind if highest is None else f"{kind} up to {highest:g}"
