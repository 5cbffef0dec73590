"""What the door keeps of an event, and what it refuses of one that is signed."""

import httpx
import pytest
import structlog
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from store.intake_tables import inbox
from store.sealed_events import open_event, read_data
from tests.api.partners import an_event, as_body, signed
from tests.vault import VAULT

EVENTS = "/v1/events"
ID_NUMBER = "440305199901010015"


async def send(client: httpx.AsyncClient, event: object) -> httpx.Response:
    body = as_body(event)
    return await client.post(EVENTS, content=body, headers=signed(body))


async def test_personal_numbers_in_free_text_do_not_reach_a_journey(
    stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    words = f"called 13812345678, id {ID_NUMBER}"
    event = an_event(type="journeyman.enrollment.rejected.v1", data={"reason": words})

    answer = await send(stranger, event)

    assert answer.json()["status"] == "received"
    async with engine.connect() as connection:
        row = (await connection.execute(select(inbox))).one()
    kept = read_data(VAULT, row.receipt, row.sealed)
    assert kept == {"reason": "called [withheld], id [withheld]"}
    assert ID_NUMBER.encode() in open_event(VAULT, row.receipt, row.sealed)[1]


@pytest.mark.parametrize(
    "odd", ["My-Extension", "two words", "Ext", "an_extension", "", "x" * 300 + "!"]
)
async def test_an_extension_with_an_impossible_name_is_refused(
    stranger: httpx.AsyncClient, odd: str
) -> None:
    answer = await send(stranger, an_event() | {odd: "x"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == odd[:120]


@pytest.mark.parametrize("value", [{"a": 1}, [1], 1.5])
async def test_an_extension_with_an_impossible_value_is_refused(
    stranger: httpx.AsyncClient, value: object
) -> None:
    assert (await send(stranger, an_event(extension=value))).status_code == 422


@pytest.mark.parametrize("value", ["text", 7, True, None])
async def test_extensions_and_a_data_schema_are_taken(
    stranger: httpx.AsyncClient, value: object
) -> None:
    event = an_event(extension=value, dataschema="https://example.org/schema")

    assert (await send(stranger, event)).status_code == 202


@pytest.mark.parametrize("schema", ["", 7, "x" * 2001])
async def test_a_data_schema_that_is_no_uri_is_refused(
    stranger: httpx.AsyncClient, schema: object
) -> None:
    assert (await send(stranger, an_event(dataschema=schema))).status_code == 422


async def test_a_type_that_the_partner_does_not_send_is_refused_audited_and_warned_of(
    stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    with structlog.testing.capture_logs() as logs:
        answer = await send(stranger, an_event(type="journeyman.certificate.issued.v1"))

    assert answer.status_code == 403
    assert [line["type"] for line in logs if line["event"] == "event_type_refused"] == [
        "journeyman.certificate.issued.v1"
    ]
    async with engine.connect() as connection:
        lines = await connection.execute(
            text("SELECT actor_id FROM audit_log WHERE action = 'event.type_refused'")
        )
        assert list(lines.scalars()) == ["provider-sz-01"]
        assert (await connection.execute(select(inbox))).first() is None
