"""Only genuine, fresh events are taken, each once."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app
from api.dependencies import ApiDependencies, Limits
from api.signatures import SignatureHeaders
from store.intake_tables import inbox
from store.registry import PartnerKey, save_partners
from tests.api.conftest import client_of
from tests.api.partners import MEDIA_TYPE, PARTNERS, SECRETS, an_event, as_body, signed
from tests.vault import VAULT

EVENTS = "/v1/events"
FOREIGN = "whsec_" + base64.b64encode(b"a key that nobody gave out").decode()


async def kept(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return int((await connection.execute(select(func.count()).select_from(inbox))).scalar_one())


async def test_a_signed_event_is_acknowledged_with_a_receipt(
    stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    body = as_body(an_event())

    answer = await stranger.post(EVENTS, content=body, headers=signed(body))

    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "received"
    assert answer.json()["receipt"].startswith("rc_")
    assert await kept(engine) == 1


async def test_a_repeat_changes_nothing_and_names_the_first_receipt(
    stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    body = as_body(an_event())
    first = await stranger.post(EVENTS, content=body, headers=signed(body))

    again = await stranger.post(EVENTS, content=body, headers=signed(body, message_id="msg-2"))

    assert again.status_code == 200
    assert again.json()["status"] == "duplicate"
    assert again.json()["of"] == first.json()["receipt"] != again.json()["receipt"]
    assert await kept(engine) == 1


async def test_the_order_of_names_in_a_body_makes_no_other_event(
    stranger: httpx.AsyncClient,
) -> None:
    event = an_event()
    bodies = [as_body(event), as_body(dict(reversed(event.items())))]

    answers = [await stranger.post(EVENTS, content=body, headers=signed(body)) for body in bodies]

    assert [answer.status_code for answer in answers] == [202, 200]


async def test_another_body_under_the_same_id_is_refused_naming_the_first(
    stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    first, other = (as_body(an_event(id="ev-1", data={"cohort": name})) for name in ("a", "b"))
    receipt = (await stranger.post(EVENTS, content=first, headers=signed(first))).json()["receipt"]

    answer = await stranger.post(EVENTS, content=other, headers=signed(other))

    assert answer.status_code == 409
    assert answer.json()["code"] == "event_id_reused"
    assert answer.json()["receipt"] == receipt
    assert await kept(engine) == 1


async def test_two_sources_may_use_the_same_id(stranger: httpx.AsyncClient) -> None:
    provider = as_body(an_event(id="ev-1"))
    center = as_body(
        an_event("center-sz-01", id="ev-1")
        | {"type": "journeyman.assessment.scheduled.v1", "data": {"component": "theory"}}
    )

    answers = [
        await stranger.post(EVENTS, content=provider, headers=signed(provider)),
        await stranger.post(EVENTS, content=center, headers=signed(center, "center-sz-01")),
    ]

    assert [answer.status_code for answer in answers] == [202, 202]


async def test_a_new_key_is_known_at_once_and_a_revoked_one_soon_refused(
    deps: ApiDependencies, engine: AsyncEngine
) -> None:
    app = create_app(replace(deps, limits=Limits(partner_kept=timedelta(0))))
    patient = create_app(replace(deps, limits=Limits(partner_kept=timedelta(hours=1))))
    old, new = SECRETS["provider-sz-01"][0], FOREIGN

    async def send(to: FastAPI, secret: str) -> int:
        body = as_body(an_event())
        async with client_of(to) as client:
            headers = signed(body, secret=secret)
            return (await client.post(EVENTS, content=body, headers=headers)).status_code

    assert await send(patient, old) == 202
    async with engine.begin() as connection:
        await save_partners(connection, VAULT, PARTNERS, {"provider-sz-01": [new, old]})
    assert await send(patient, new) == 202, "though the page of before is still kept"
    assert await send(app, old) == 202
    async with engine.begin() as connection:
        await save_partners(connection, VAULT, PARTNERS, {"provider-sz-01": [new]})
    assert await send(app, old) == 401
    assert await send(app, new) == 202


async def test_a_partner_without_keys_is_refused(
    stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    async with engine.begin() as connection:
        await save_partners(connection, VAULT, PARTNERS, {"provider-sz-01": []})
    body = as_body(an_event())

    answer = await stranger.post(EVENTS, content=body, headers=signed(body))

    assert answer.status_code == 401


async def test_as_much_is_computed_for_an_unknown_source_as_for_a_known_one(
    stranger: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def counting(headers: SignatureHeaders, body: bytes, keys: Sequence[PartnerKey]) -> None:
        tried.append(len(keys))

    monkeypatch.setattr("api.door.signer", counting)
    for source in ("/partners/provider-sz-01", "/partners/nobody"):
        body = as_body(an_event(source=source))
        answer = await stranger.post("/v1/events", content=body, headers=signed(body))
        assert answer.status_code == 401

    assert tried == [1, 1]


@pytest.mark.parametrize("media", ["application/json", "text/plain", "application/cloudevents"])
async def test_another_media_type_is_refused(stranger: httpx.AsyncClient, media: str) -> None:
    body = as_body(an_event())

    answer = await stranger.post(
        EVENTS, content=body, headers=signed(body) | {"content-type": media}
    )

    assert answer.status_code == 415


async def test_a_charset_beside_the_media_type_is_taken(stranger: httpx.AsyncClient) -> None:
    body = as_body(an_event())
    media = f"{MEDIA_TYPE}; charset=utf-8"

    answer = await stranger.post(
        EVENTS, content=body, headers=signed(body) | {"content-type": media}
    )

    assert answer.status_code == 202
