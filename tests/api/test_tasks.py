"""The open tasks of a region: who sees them, which, and in which order."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from processes.task_sweep import TaskSweep
from tests.api.conftest import client_of
from tests.api.issuer import Issuer
from tests.api.kept_events import COMPLETED, a_case, kept, supervisor

LATER = datetime.now(UTC) + timedelta(days=31)


async def sweep(engine: AsyncEngine) -> None:
    await TaskSweep(engine, timedelta(days=30), clock=lambda: LATER).sweep()


async def test_they_are_listed_by_region_oldest_first_in_pages(
    app: FastAPI,
    issuer: Issuer,
    engine: AsyncEngine,
    stranger: httpx.AsyncClient,
    caseworker: httpx.AsyncClient,
) -> None:
    receipts = [await kept(stranger, engine, subject=f"enr-{n}") for n in range(3)]
    await sweep(engine)

    first = (await caseworker.get("/v1/tasks", params={"limit": 2})).json()
    rest = (await caseworker.get("/v1/tasks", params={"cursor": first["next_cursor"]})).json()
    async with client_of(app, issuer.token("caseworker", region="51")) as elsewhere:
        hidden = (await elsewhere.get("/v1/tasks")).json()

    tasks = first["items"] + rest["items"]
    assert sorted(task["about"] for task in tasks) == sorted(receipts)
    assert {task["kind"] for task in tasks} == {"unknown_subject"}
    assert all(task["id"].startswith("tk_") for task in tasks)
    assert rest["next_cursor"] is None
    assert hidden["items"] == []


async def test_they_can_be_narrowed_to_kinds(
    app: FastAPI,
    issuer: Issuer,
    engine: AsyncEngine,
    stranger: httpx.AsyncClient,
    caseworker: httpx.AsyncClient,
) -> None:
    journey_id = await a_case(caseworker)
    await kept(stranger, engine)
    result = await kept(stranger, engine, **COMPLETED)
    await sweep(engine)
    async with supervisor(app, issuer, "ann") as ann:
        body = {"reason": "a typo", "subject": journey_id}
        await ann.post(f"/v1/quarantine/{result}/release", json=body)

    both = (await caseworker.get("/v1/tasks")).json()["items"]
    second = (await caseworker.get("/v1/tasks", params={"kind": "second_person"})).json()["items"]

    assert sorted(task["kind"] for task in both) == [
        "second_person",
        "unknown_subject",
        "unknown_subject",
    ]
    assert [task["about"] for task in second] == [result]


async def test_a_task_is_done_when_its_event_leaves_quarantine(
    app: FastAPI,
    issuer: Issuer,
    engine: AsyncEngine,
    stranger: httpx.AsyncClient,
    caseworker: httpx.AsyncClient,
) -> None:
    journey_id = await a_case(caseworker)
    released, rejected = [await kept(stranger, engine, subject=f"enr-{n}") for n in range(2)]
    await sweep(engine)

    async with supervisor(app, issuer, "ann") as ann:
        body = {"reason": "a typo", "subject": journey_id}
        await ann.post(f"/v1/quarantine/{released}/release", json=body)
        await ann.post(f"/v1/quarantine/{rejected}/reject", json={"reason": "nobody's"})
    left = (await caseworker.get("/v1/tasks")).json()["items"]

    assert left == []


@pytest.mark.parametrize(
    "params", [{"kind": "lost"}, {"limit": 0}, {"cursor": "W10"}, {"kinds": "x"}]
)
async def test_what_can_not_be_asked_is_told(
    caseworker: httpx.AsyncClient, params: dict[str, str]
) -> None:
    assert (await caseworker.get("/v1/tasks", params=params)).status_code == 422
