"""A partner's own history of deliveries, and what staff see of it: lists, filters, counts."""

from collections import Counter
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.journal import ReceiptStatus, ReceiptUpdate
from store.records import PostgresJournal
from tests.api.conftest import client_of
from tests.api.issuer import Issuer
from tests.api.kept_events import COMPLETED, MISFIT, a_case, kept, partner, send, supervisor
from tests.store.samples import a_batch


async def history(client: httpx.AsyncClient, **params: object) -> list[dict[str, Any]]:
    """Every line, page by page."""
    lines: list[dict[str, Any]] = []
    cursor = None
    while True:
        asked = {"limit": 3, **params} | ({"cursor": cursor} if cursor else {})
        answer = await client.get("/v1/events", params=asked)
        assert answer.status_code == 200, answer.text
        lines += answer.json()["items"]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return lines


async def counts(client: httpx.AsyncClient, **params: object) -> dict[str, Any]:
    answer = await client.get("/v1/events/counts", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def settle(engine: AsyncEngine, journey_id: str, *updates: ReceiptUpdate) -> None:
    await PostgresJournal(engine).record(a_batch(journey_id, 1, receipts=updates))


async def test_each_delivery_is_a_line_and_the_counts_add_up(
    app: FastAPI, issuer: Issuer, engine: AsyncEngine, stranger: httpx.AsyncClient
) -> None:
    first = await send(stranger)
    await send(stranger, **first["event"])
    variant = await send(stranger, **(first["event"] | {"subject": "enr-2"}))
    misfit = await kept(stranger, engine, data=MISFIT)
    await send(stranger, "center-sz-01", type="journeyman.assessment.voided.v1")

    async with partner(app, issuer) as provider:
        lines = await history(provider)
        counted = await counts(provider)
        (other,) = await history(provider, reason="same_id_other_body")
        one = (await provider.get(f"/v1/events/{other['receipt']}")).json()

    assert lines[0]["receipt"] == misfit
    statuses = Counter(line["status"] for line in lines)
    assert statuses == {"quarantined": 2, "duplicate": 1, "rejected": 1}
    assert counted["total"] == len(lines) == 4
    assert {name: n for name, n in counted["by_status"].items() if n} == statuses
    assert variant["code"] == "event_id_reused"
    assert (other["status"], other["of"]) == ("rejected", first["receipt"])
    assert one == other


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"type": "journeyman.training.completed.v1"}, 2),
        ({"status": "quarantined"}, 3),
        ({"status": "duplicate"}, 1),
        ({"status": "applied"}, 0),
        ({"reason": "schema"}, 1),
        ({"subject": "enr-9"}, 1),
        ({"subject": "enr-1"}, 3),
        ({"received_from": "2026-01-01T00:00:00+08:00"}, 4),
        ({"received_to": "2026-01-01T00:00:00+08:00"}, 0),
        ({"status": "quarantined", "subject": "enr-1", "reason": "unknown_subject"}, 1),
    ],
)
async def test_filters_narrow_list_and_counts_alike(
    app: FastAPI,
    issuer: Issuer,
    engine: AsyncEngine,
    stranger: httpx.AsyncClient,
    *,
    params: dict[str, str],
    expected: int,
) -> None:
    completed = await send(stranger, **COMPLETED)
    await send(stranger, **completed["event"])
    await kept(stranger, engine, subject="enr-9")
    await kept(stranger, engine, data=MISFIT)

    async with partner(app, issuer) as provider:
        lines, counted = await history(provider, **params), await counts(provider, **params)

    assert len(lines) == counted["total"] == expected


async def test_a_partner_sees_nothing_of_anothers_and_no_journeys_id(
    app: FastAPI, issuer: Issuer, stranger: httpx.AsyncClient, caseworker: httpx.AsyncClient
) -> None:
    journey_id = await a_case(caseworker)
    await send(stranger, subject=journey_id)

    async with partner(app, issuer, "center-sz-01") as center, partner(app, issuer) as provider:
        assert await history(center) == []
        assert (await counts(center))["total"] == 0
        (line,) = await history(provider)
        by_journey = await provider.get("/v1/events", params={"journey_id": journey_id})

    assert line["journey_id"] is None
    assert (by_journey.status_code, by_journey.json()["errors"][0]["field"]) == (422, "journey_id")


async def test_staff_see_the_events_of_their_regions_journeys(
    app: FastAPI,
    issuer: Issuer,
    engine: AsyncEngine,
    stranger: httpx.AsyncClient,
    caseworker: httpx.AsyncClient,
) -> None:
    here, there = await a_case(caseworker), await a_case(caseworker, home_region="440304")
    receipt = (await send(stranger, subject=here))["receipt"]
    await send(stranger, subject=there)
    await kept(stranger, engine)

    async with client_of(app, issuer.token("caseworker", region="440305")) as local:
        lines, counted = await history(local), await counts(local)
        elsewhere = await history(local, journey_id=there)
    both = await history(caseworker)
    one = await history(caseworker, journey_id=here)

    assert [line["receipt"] for line in lines] == [receipt]
    assert lines[0]["journey_id"] == here
    assert counted["total"] == 1
    assert elsewhere == []
    assert (len(both), len(one)) == (2, 1)


async def test_a_receipt_shows_its_way_and_what_took_its_place(
    app: FastAPI,
    issuer: Issuer,
    engine: AsyncEngine,
    stranger: httpx.AsyncClient,
    caseworker: httpx.AsyncClient,
) -> None:
    journey_id = await a_case(caseworker)
    first = (await send(stranger, subject=journey_id))["receipt"]
    second = (await send(stranger, subject=journey_id))["receipt"]
    superseded = ReceiptUpdate(
        receipt=first, status=ReceiptStatus.SUPERSEDED, reason="corrected", superseded_by=second
    )
    await settle(engine, journey_id, superseded)

    async with partner(app, issuer) as provider:
        shown = (await provider.get(f"/v1/events/{first}")).json()

    assert (shown["status"], shown["superseded_by"]) == ("superseded", second)
    assert shown["received_at"] <= shown["delivered_at"] <= shown["settled_at"]


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0},
        {"limit": 201},
        {"status": "lost"},
        {"cursor": "W10"},
        {"received_from": "yesterday"},
        {"received_from": "0001-01-01T00:00:00+14:00"},
        {"subject": "a b"},
        {"nothing": "here"},
    ],
)
async def test_what_can_not_be_asked_is_told(
    caseworker: httpx.AsyncClient, params: dict[str, str]
) -> None:
    answer = await caseworker.get("/v1/events", params=params)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == next(iter(params))


async def test_supervisors_of_elsewhere_count_nothing(
    app: FastAPI, issuer: Issuer, stranger: httpx.AsyncClient, caseworker: httpx.AsyncClient
) -> None:
    await send(stranger, subject=await a_case(caseworker))

    async with supervisor(app, issuer, "ann", "51") as ann:
        assert (await counts(ann))["total"] == 0
