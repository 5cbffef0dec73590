"""A body that can't be read is refused before anything is looked up."""

import httpx
import pytest

from tests.api.people import a_journey


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe{}", 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b"null", 400),
        (b'{"program": "\\ud800"}', 400),
        (b'{"program": "a\\u0000b"}', 400),
        (b'{"a\\u0000": 1}', 400),
        (b'{"years_of_service": 1e999}', 400),
        (b'{"years_of_service": NaN}', 400),
        (b'{"groups": ' + b"[" * 2000 + b"]" * 2000 + b"}", 400),
        (b'{"groups": ' + b"[" * 40 + b"]" * 40 + b"}", 400),
        (b'{"level": ' + b"9" * 25 + b"}", 422),
        (b'{"program": "' + b"x" * 70_000 + b'"}', 413),
    ],
)
async def test_a_body_that_can_not_be_read_is_refused(
    caseworker: httpx.AsyncClient, body: bytes, status: int
) -> None:
    answer = await caseworker.post(
        "/v1/journeys", content=body, headers={"content-type": "application/json"}
    )

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_only_json_is_taken(caseworker: httpx.AsyncClient, media: str) -> None:
    answer = await caseworker.post("/v1/journeys", content=b"{}", headers={"content-type": media})

    assert answer.status_code == 415


@pytest.mark.parametrize("key", ["", "two words", "x" * 121, "k\u00e9y"])
async def test_a_key_that_is_none_is_refused(caseworker: httpx.AsyncClient, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode("latin-1"))]

    answer = await caseworker.post("/v1/journeys", json=a_journey(), headers=headers)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
