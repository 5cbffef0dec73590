"""Auditors read and export who did what: of the whole nation, or of their region."""

import csv
import hashlib
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.commands import Actor
from store.audit import AuditAction, AuditLine, append
from tests.api.conftest import client_of
from tests.api.issuer import Issuer
from tests.api.partners import an_event, as_body, signed
from tests.api.people import a_journey

SHENZHEN, GUANGZHOU = "440305", "440106"
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@pytest.fixture
async def auditor(app: FastAPI, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    """An auditor of the whole nation, who asks for what a test itself does."""
    async with client_of(app, issuer.token("auditor")) as client:
        client.params = httpx.QueryParams({"from": datetime.now(UTC).isoformat()})
        yield client


@pytest.fixture
async def local_auditor(app: FastAPI, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    """An auditor of Shenzhen."""
    async with client_of(app, issuer.token("auditor", region="4403")) as client:
        yield client


async def write(engine: AsyncEngine, about: str, **others: object) -> None:
    fields: dict[str, object] = {
        "action": AuditAction.JOURNEY_COMMANDED,
        "by": Actor(id="staff-7", role="caseworker"),
        "about": about,
        "detail": {"command": "hold"},
    }
    async with engine.begin() as connection:
        await append(connection, AuditLine.model_validate(fields | others))


async def opened(app: FastAPI, issuer: Issuer, region: str) -> dict[str, Any]:
    async with client_of(app, issuer.token("caseworker", region=region)) as client:
        answer = await client.post("/v1/journeys", json=a_journey(home_region=region))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def read(client: httpx.AsyncClient, **query: str | int) -> list[dict[str, Any]]:
    answer = await client.get("/v1/audit", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def exported(client: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    answer = await client.get("/v1/audit/export", params=query)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.content.splitlines()]


def fits(line: dict[str, Any]) -> bool:
    """Verified from what was exported alone, as anybody could."""
    microseconds = (datetime.fromisoformat(line["at"]) - EPOCH) // timedelta(microseconds=1)
    content = [int(line["strand"]), int(line["sequence"]), microseconds]
    content += [line[name] for name in ("action", "actor", "role", "about", "detail")]
    hashed = bytes.fromhex(line["before"]) + json.dumps(content, ensure_ascii=False).encode()
    return hashlib.sha256(hashed).hexdigest() == line["hash"]


async def test_an_auditor_reads_who_did_what(
    auditor: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await write(engine, "jn_1")
    (act,) = await read(auditor)
    assert {key: act[key] for key in ("action", "actor", "role", "about", "detail")} == {
        "action": "journey.commanded",
        "actor": "staff-7",
        "role": "caseworker",
        "about": "jn_1",
        "detail": {"command": "hold"},
    }


async def test_pages_hold_every_line_once_and_in_order(
    auditor: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    async with engine.begin() as other:
        for number in range(7):
            await write(engine, f"jn_{number}")
            line = AuditLine(
                action=AuditAction.JOURNEY_OPENED,
                by=Actor(id="staff-8", role="caseworker"),
                about=f"jn_{number + 7}",
            )
            await append(other, line)
    seen: list[str] = []
    query: dict[str, str | int] = {"limit": 3}
    while True:
        page = (await auditor.get("/v1/audit", params=query)).json()
        seen += [act["about"] for act in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == [f"jn_{number + more}" for number in range(7) for more in (0, 7)]


async def test_each_filter_narrows(auditor: httpx.AsyncClient, engine: AsyncEngine) -> None:
    await write(engine, "jn_1")
    await write(engine, "jn_2", action=AuditAction.JOURNEY_OPENED)
    await write(engine, "jn_3", by=Actor(id="staff-8", role="supervisor"))
    acts = await read(auditor)
    for query, about in (
        ({"about": "jn_1"}, ["jn_1"]),
        ({"action": "journey.opened"}, ["jn_2"]),
        ({"actor": "staff-8"}, ["jn_3"]),
        ({"from": acts[1]["at"]}, ["jn_2", "jn_3"]),
        ({"to": acts[1]["at"]}, ["jn_1"]),
        ({"actor": "staff-7", "from": acts[1]["at"]}, ["jn_2"]),
    ):
        assert [act["about"] for act in await read(auditor, **query)] == about, query


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "bm8"},
        {"cursor": "WyIyMDI2LTAxLTAxVDAwOjAwOjAwWiIsIDEsICJ4Il0"},
        {"action": "journey.eaten"},
        {"from": "yesterday"},
        {"to": "2026-01-01T00:00:00"},
        {"limit": 0},
        {"who": "me"},
    ],
)
async def test_a_query_that_makes_no_sense_is_told(
    auditor: httpx.AsyncClient, query: dict[str, str]
) -> None:
    answer = await auditor.get("/v1/audit", params=query)
    assert answer.status_code == 422
    assert answer.json()["errors"]


async def test_a_local_auditor_reads_of_her_region_only(  # noqa: PLR0917 (two of each)
    app: FastAPI,
    issuer: Issuer,
    auditor: httpx.AsyncClient,
    local_auditor: httpx.AsyncClient,
    stranger: httpx.AsyncClient,
    engine: AsyncEngine,
) -> None:
    here, there = [await opened(app, issuer, region) for region in (SHENZHEN, GUANGZHOU)]
    for journey in (here, there):
        await write(engine, journey["person_ref"], action=AuditAction.PERSON_REVEALED)
        body = as_body(an_event(subject=journey["id"]))
        answer = await stranger.post("/v1/events", content=body, headers=signed(body))
        assert answer.status_code == 202, answer.text
        journey["receipt"] = answer.json()["receipt"]
    await write(engine, "cohort_1", action=AuditAction.COHORT_RECEIVED)
    mine = {here["id"], here["person_ref"], here["receipt"]}
    theirs = {there["id"], there["person_ref"], there["receipt"]}
    assert {act["about"] for act in await read(local_auditor)} == mine
    assert {line["about"] for line in await exported(local_auditor)} == mine
    assert await read(local_auditor, about=there["person_ref"]) == []
    assert {act["about"] for act in await read(auditor)} >= {"cohort_1", *mine, *theirs}


@pytest.mark.parametrize("role", ["caseworker", "supervisor", "operator", "partner"])
@pytest.mark.parametrize("path", ["/v1/audit", "/v1/audit/export"])
async def test_nobody_but_an_auditor_reads_it(
    app: FastAPI, issuer: Issuer, engine: AsyncEngine, role: str, path: str
) -> None:
    await write(engine, "jn_1")
    async with client_of(app, issuer.token(role, region="44", partner="p-1")) as client:
        answer = await client.get(path)
    assert answer.status_code == 403
    assert "jn_1" not in answer.text


async def test_an_exported_line_can_be_verified_by_itself(
    auditor: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    for number in range(3):
        await write(engine, f"jn_{number}", detail={"odd": '\x1f\x7f \\ " 中文 \u2028'})
    lines = await exported(auditor)
    assert len(lines) == 3
    assert [line["before"] for line in lines[1:]] == [line["hash"] for line in lines[:2]]
    assert all(fits(line) for line in lines)
    assert not fits(lines[0] | {"about": "jn_9"})
    assert [fits(line) for line in await exported(auditor, about="jn_1")] == [True]


@pytest.mark.parametrize("asked", ["query", "header"])
async def test_an_export_can_be_csv(
    auditor: httpx.AsyncClient, engine: AsyncEngine, asked: str
) -> None:
    await write(engine, "jn_1", detail={"words": 'a "quoted", 中文\nline'})
    answer = await auditor.get(
        "/v1/audit/export",
        params={"format": "csv"} if asked == "query" else {},
        headers={"Accept": "text/csv"} if asked == "header" else {},
    )
    assert answer.headers["content-type"].startswith("text/csv")
    (line,) = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert fits(dict(line))


async def test_an_export_of_many_lines_is_whole(
    auditor: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    async with engine.begin() as connection:
        for number in range(4_500):
            await append(
                connection,
                AuditLine(
                    action=AuditAction.EVENT_RECEIVED,
                    by=Actor(id="p-1", role="partner"),
                    about=f"rc_{number}",
                ),
            )
    lines = await exported(auditor)
    assert [line["about"] for line in lines] == [f"rc_{number}" for number in range(4_500)]


async def test_an_export_is_written_into_the_log(
    auditor: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await write(engine, "jn_1")
    assert len(await exported(auditor, about="jn_1")) == 1
    (act,) = await read(auditor, action="audit.exported")
    assert (act["actor"], act["role"], act["about"]) == ("auditor-1", "auditor", "audit")
    assert act["detail"].items() >= {"format": "ndjson", "about": "jn_1"}.items()
