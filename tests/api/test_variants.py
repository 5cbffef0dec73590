"""Another body under a known id: refused, kept, and an alarm raised."""

import httpx
import structlog
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from store.intake_tables import inbox_variants
from store.sealed_events import open_event
from tests.api.partners import an_event, as_body, signed
from tests.vault import VAULT

EVENTS = "/v1/events"


async def send(client: httpx.AsyncClient, event: object) -> httpx.Response:
    body = as_body(event)
    return await client.post(EVENTS, content=body, headers=signed(body))


async def test_a_variant_is_kept_audited_warned_of_and_counted(
    stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    event = an_event(data={"cohort": "a"})
    first = (await send(stranger, event)).json()["receipt"]

    with structlog.testing.capture_logs() as logs:
        answer = await send(stranger, event | {"data": {"cohort": "b"}})

    assert (answer.status_code, answer.json()["receipt"]) == (409, first)
    (warned,) = (line for line in logs if line["event"] == "event_variant")
    assert (warned["log_level"], warned["original"]) == ("warning", first)
    async with engine.connect() as connection:
        (row,) = (await connection.execute(select(inbox_variants))).all()
        lines = await connection.execute(
            text("SELECT about FROM audit_log WHERE action = 'event.variant_refused'")
        )
        assert list(lines.scalars()) == [row.receipt] == [warned["receipt"]]
    assert row.original == first
    assert b'"b"' in open_event(VAULT, row.receipt, row.sealed)[1]
    metrics = (await stranger.get("/metrics")).text
    assert 'journeyman_event_variants_total{partner="provider-sz-01"} 1.0' in metrics


async def test_the_first_is_still_known_after_a_variant(stranger: httpx.AsyncClient) -> None:
    event = an_event(data={"cohort": "a"})
    first = (await send(stranger, event)).json()["receipt"]
    await send(stranger, event | {"data": {"cohort": "b"}})

    again = await send(stranger, event)

    assert (again.status_code, again.json()["of"]) == (200, first)


async def test_an_attribute_that_differs_makes_a_variant_too(stranger: httpx.AsyncClient) -> None:
    event = an_event()
    await send(stranger, event)

    changes = [{"subject": "enr-2"}, {"sequence": "2"}, {"time": None}, {"extension": "x"}]
    answers = [await send(stranger, event | change) for change in changes]

    assert [answer.status_code for answer in answers] == [409] * 4


async def test_how_the_same_is_written_makes_none(stranger: httpx.AsyncClient) -> None:
    event = an_event()
    await send(stranger, event)
    without = {name: value for name, value in event.items() if name != "datacontenttype"}

    answers = [
        await send(stranger, same)
        for same in (
            dict(reversed(event.items())),
            without,
            event | {"datacontenttype": "application/json; charset=utf-8"},
            event | {"sequence": None, "extension": None},
        )
    ]

    assert [answer.status_code for answer in answers] == [200] * 4
