"""Times in queries: RFC 3339 with an offset, within our calendars; anything else is a 422."""

import httpx
import pytest
from fastapi import FastAPI

from tests.api.conftest import client_of
from tests.api.issuer import Issuer

FILTERS = [
    ("supervisor", "/v1/journeys", "due_before"),
    ("supervisor", "/v1/quarantine", "older_than"),
    ("supervisor", "/v1/events", "received_from"),
    ("auditor", "/v1/audit", "from"),
    ("auditor", "/v1/audit", "to"),
    ("auditor", "/v1/audit/export", "from"),
    ("auditor", "/v1/audit/export", "to"),
]


def client(app: FastAPI, issuer: Issuer, role: str) -> httpx.AsyncClient:
    return client_of(app, issuer.token(role, region="44"))


@pytest.mark.parametrize("narrowed", FILTERS)
@pytest.mark.parametrize(
    "written",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "1772326800",
        "-1",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "infinity",
        "",
    ],
)
async def test_what_is_no_time_of_ours_is_told_by_its_field(
    app: FastAPI, issuer: Issuer, narrowed: tuple[str, str, str], written: str
) -> None:
    role, address, name = narrowed
    async with client(app, issuer, role) as caller:
        answer = await caller.get(address, params={name: written})

    assert answer.status_code == 422, answer.text
    assert [error["field"].split(".")[0] for error in answer.json()["errors"]] == [name]


@pytest.mark.parametrize("narrowed", FILTERS)
@pytest.mark.parametrize("written", ["1900-01-01T00:00:00+14:00", "2200-12-31T23:59:59.9-12:00"])
async def test_the_first_and_the_last_of_them_are_read(
    app: FastAPI, issuer: Issuer, narrowed: tuple[str, str, str], written: str
) -> None:
    role, address, name = narrowed
    async with client(app, issuer, role) as caller:
        assert (await caller.get(address, params={name: written})).status_code == 200
