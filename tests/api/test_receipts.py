"""What became of an event, for those who may know."""

import httpx
import pytest
from fastapi import FastAPI

from tests.api.conftest import client_of
from tests.api.issuer import Issuer
from tests.api.partners import an_event, as_body, signed
from tests.api.people import a_journey


async def sent(client: httpx.AsyncClient, **change: object) -> tuple[dict[str, object], str]:
    event = an_event() | change
    body = as_body(event)
    answer = await client.post("/v1/events", content=body, headers=signed(body))
    assert answer.status_code in (200, 202), answer.text
    return event, str(answer.json()["receipt"])


def partner_client(app: FastAPI, issuer: Issuer, partner: str) -> httpx.AsyncClient:
    return client_of(app, issuer.token("partner", partner=partner))


async def test_a_partner_finds_its_event_by_receipt_and_by_its_own_id(
    app: FastAPI, issuer: Issuer, stranger: httpx.AsyncClient
) -> None:
    event, receipt = await sent(stranger)

    async with partner_client(app, issuer, "provider-sz-01") as provider:
        by_receipt = await provider.get(f"/v1/events/{receipt}")
        by_id = await provider.get(f"/v1/events/{event['id']}")

    assert by_receipt.status_code == by_id.status_code == 200
    assert by_receipt.json() == by_id.json()
    assert by_receipt.json()["status"] == "received"
    assert by_receipt.json()["event_id"] == event["id"]
    assert by_receipt.json()["settled_at"] is None


async def test_a_senders_id_may_hold_a_slash(
    app: FastAPI, issuer: Issuer, stranger: httpx.AsyncClient
) -> None:
    _, receipt = await sent(stranger, id="2026/03/7")

    async with partner_client(app, issuer, "provider-sz-01") as provider:
        found = await provider.get("/v1/events/2026/03/7")

    assert found.json()["receipt"] == receipt


async def test_a_repeat_has_a_receipt_of_its_own(
    app: FastAPI, issuer: Issuer, stranger: httpx.AsyncClient
) -> None:
    event, first = await sent(stranger)
    _, second = await sent(stranger, **event)

    async with partner_client(app, issuer, "provider-sz-01") as provider:
        shown = (await provider.get(f"/v1/events/{second}")).json()

    assert (shown["status"], shown["of"]) == ("duplicate", first)
    assert first in shown["reason"]


async def test_an_event_in_quarantine_tells_its_sender_why(
    app: FastAPI, issuer: Issuer, stranger: httpx.AsyncClient
) -> None:
    _, receipt = await sent(stranger, data={"mode": "by pigeon"})

    async with partner_client(app, issuer, "provider-sz-01") as provider:
        shown = (await provider.get(f"/v1/events/{receipt}")).json()

    assert shown["status"] == "quarantined"
    assert shown["reason"] == "schema"
    assert "data.mode" in shown["detail"]


async def test_another_partners_event_is_not_there_in_the_same_words(
    app: FastAPI, issuer: Issuer, stranger: httpx.AsyncClient
) -> None:
    event, receipt = await sent(stranger)
    unknown = "rc_" + "0" * 32

    async with partner_client(app, issuer, "center-sz-01") as other:
        answers = [
            (await other.get(f"/v1/events/{asked}")) for asked in (receipt, event["id"], unknown)
        ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert len({answer.json()["detail"] for answer in answers}) == 1


async def test_staff_see_the_events_of_journeys_in_their_region(
    app: FastAPI, issuer: Issuer, stranger: httpx.AsyncClient, caseworker: httpx.AsyncClient
) -> None:
    journey = (await caseworker.post("/v1/journeys", json=a_journey())).json()["id"]
    _, receipt = await sent(stranger, subject=journey)
    _, of_nobody = await sent(stranger, subject="enr-unknown")

    async with client_of(app, issuer.token("supervisor", region="51")) as elsewhere:
        hidden = await elsewhere.get(f"/v1/events/{receipt}")
    shown = await caseworker.get(f"/v1/events/{receipt}")
    unknown = await caseworker.get(f"/v1/events/{of_nobody}")

    assert shown.status_code == 200
    assert shown.json()["subject"] == journey
    assert (hidden.status_code, unknown.status_code) == (404, 404)
    assert hidden.json()["detail"] == unknown.json()["detail"]


@pytest.mark.parametrize("wrong", ["%00", "%FF", "a%20b", "x" * 121, "%0A"])
async def test_an_id_that_can_not_be_one_is_not_there(
    caseworker: httpx.AsyncClient, wrong: str
) -> None:
    answer = await caseworker.get(f"/v1/events/{wrong}")

    assert answer.status_code == 404
