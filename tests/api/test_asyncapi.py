"""What partners are told to send is what the door takes, type by type."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from sqlalchemy.ext.asyncio import AsyncEngine
from standardwebhooks.webhooks import Webhook

from api.asyncapi import document, example_of, senders_of
from api.dependencies import ApiDependencies
from domain.events import EventType
from domain.senders import SENDERS_OF, SenderKind
from processes.render_docs import GUIDE_FILE
from processes.render_partner_guide import (
    VECTOR_BODY,
    VECTOR_ID,
    VECTOR_SECRET,
    VECTOR_TIME,
    vector_signature,
)
from store.registry import PartnerRow, save_partners
from tests.api.partners import SECRETS, as_body, signed
from tests.vault import VAULT

SECRET = SECRETS["provider-sz-01"][0]


def resolved(place: str, within: dict[str, Any]) -> Any:
    found: Any = within
    for step in place.removeprefix("#/").split("/"):
        found = found[step.replace("~1", "/")]
    return found


def references(part: object) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [ref for value in part.values() for ref in references(value)]
    if isinstance(part, list):
        return [ref for value in part for ref in references(value)]
    return []


@pytest.fixture
async def everybody(deps: ApiDependencies, engine: AsyncEngine) -> None:
    """A partner of every kind, under the source that the examples name."""
    rows = [
        PartnerRow(
            id=f"example-{kind}",
            organization=f"org-{kind}",
            kind=kind,
            name=kind,
            region="44",
            source=f"/partners/example-{kind}",
        )
        for kind in SenderKind
    ]
    async with engine.begin() as connection:
        await save_partners(connection, VAULT, rows, {row.id: [SECRET] for row in rows})


async def test_the_document_is_there_for_everybody(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/v1/asyncapi.json")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == json.loads(json.dumps(document()))


def test_every_type_is_there_with_who_may_send_it() -> None:
    told = document()
    messages = told["components"]["messages"]
    names = {event.cloud_type for event in EventType}
    assert set(messages) == set(told["channels"]["events"]["messages"]) == names
    for event in EventType:
        assert set(messages[event.cloud_type]["x-senders"]) == SENDERS_OF[event]
        assert messages[event.cloud_type]["payload"]["properties"]["type"] == {
            "const": event.cloud_type
        }


def test_the_document_has_the_structure_of_asyncapi_3() -> None:
    told = document()
    assert told["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(told["info"])
    assert set(told) <= {
        "asyncapi",
        "info",
        "defaultContentType",
        "servers",
        "channels",
        "operations",
        "components",
    }
    for reference in references(told):
        assert resolved(reference, told) is not None
    for operation in told["operations"].values():
        assert operation["action"] in ("send", "receive")
        for message in operation["messages"]:
            assert message["$ref"].startswith(operation["channel"]["$ref"] + "/messages/")
    for name, message in told["components"]["messages"].items():
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
        Draft202012Validator.check_schema(message["payload"])
        Draft202012Validator.check_schema(message["headers"])
    for name, schema in told["components"]["schemas"].items():
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
        Draft202012Validator.check_schema(schema)


@pytest.mark.usefixtures("everybody")
@pytest.mark.parametrize("event", list(EventType))
async def test_every_example_fits_its_schema_and_is_taken(
    stranger: httpx.AsyncClient, event: EventType
) -> None:
    told = document()
    message = told["components"]["messages"][event.cloud_type]
    (example,) = [each["payload"] for each in message["examples"]]
    schema = message["payload"] | {"components": told["components"]}
    Draft202012Validator(schema).validate(example)
    body = as_body(example)

    answer = await stranger.post("/v1/events", content=body, headers=signed(body, secret=SECRET))

    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "received", answer.text
    every_field = set(
        resolved(message["payload"]["properties"]["data"]["$ref"], told)["properties"]
    )
    assert set(example["data"]) <= every_field, "an example names no field that is not there"


@pytest.mark.usefixtures("everybody")
@pytest.mark.parametrize("event", list(EventType))
async def test_an_example_is_refused_from_whoever_may_not_send_it(
    stranger: httpx.AsyncClient, event: EventType
) -> None:
    kind = next(kind for kind in SenderKind if kind not in SENDERS_OF[event])
    body = as_body(example_of(event) | {"source": f"/partners/example-{kind}"})

    answer = await stranger.post("/v1/events", content=body, headers=signed(body, secret=SECRET))

    assert answer.status_code == 403


def test_the_guide_holds_every_example_and_names_every_sender() -> None:
    guide = GUIDE_FILE.read_text(encoding="utf-8")
    shown = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", guide, re.DOTALL)]
    assert shown == [example_of(event) for event in EventType]
    for event in EventType:
        section = guide.partition(f"### `{event.cloud_type}`")[2].partition("###")[0]
        assert all(f"`{kind}`" in section for kind in senders_of(event))


def test_the_guides_vector_is_what_a_library_makes_of_it() -> None:
    moment = datetime.fromtimestamp(VECTOR_TIME, UTC)
    made = Webhook(VECTOR_SECRET).sign(VECTOR_ID, moment, VECTOR_BODY.decode())
    assert made == vector_signature()
    guide = GUIDE_FILE.read_text(encoding="utf-8")
    assert all(text in guide for text in (made, VECTOR_SECRET, VECTOR_ID, VECTOR_BODY.decode()))
