"""Events that end in quarantine, and the supervisors who look at them."""

from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from store.sorting import sort
from tests.api.conftest import client_of
from tests.api.issuer import Issuer
from tests.api.partners import an_event, as_body, signed
from tests.api.people import a_journey

MISFIT = {"enrollment_ref": "enr-1", "cohort": 7}
"""Data that does not fit `enrollment.confirmed`."""
COMPLETED = {
    "type": "journeyman.training.completed.v1",
    "data": {"enrollment_ref": "enr-1", "attendance_pct": 88},
}
"""An event that changes a result."""


async def send(
    client: httpx.AsyncClient, partner: str = "provider-sz-01", **change: object
) -> dict[str, Any]:
    """Send an event; the door's answer, with the event's id."""
    event = an_event(partner) | change
    body = as_body(event)
    answer = await client.post("/v1/events", content=body, headers=signed(body, partner))
    assert answer.status_code in (200, 202, 409), answer.text
    told: dict[str, Any] = answer.json()
    return told | {"event": event}


async def sort_all(engine: AsyncEngine) -> None:
    """What the relay does with events whose subject is not known."""
    async with engine.begin() as connection:
        while await sort(connection, 100):
            pass


async def kept(client: httpx.AsyncClient, engine: AsyncEngine, **change: object) -> str:
    """The receipt of an event that lies in quarantine."""
    receipt = str((await send(client, **change))["receipt"])
    await sort_all(engine)
    return receipt


async def a_case(caseworker: httpx.AsyncClient, **asked: object) -> str:
    """The id of an open journey of Shenzhen."""
    answer = await caseworker.post("/v1/journeys", json=a_journey(**asked))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def supervisor(app: FastAPI, issuer: Issuer, name: str, region: str = "4403") -> httpx.AsyncClient:
    """A supervisor's client."""
    return client_of(app, issuer.token("supervisor", sub=name, region=region))


def partner(app: FastAPI, issuer: Issuer, name: str = "provider-sz-01") -> httpx.AsyncClient:
    """A client of a partner's own system."""
    return client_of(app, issuer.token("partner", partner=name))


async def audited(engine: AsyncEngine, about: str) -> list[tuple[str, str]]:
    """What the audit log tells of it: action and who."""
    async with engine.connect() as connection:
        rows = await connection.execute(
            text("SELECT action, actor_id FROM audit_log WHERE about = :about ORDER BY at"),
            {"about": about},
        )
        return [(row.action, row.actor_id) for row in rows]
