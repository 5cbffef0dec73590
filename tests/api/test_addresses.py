"""Addresses beyond a reasonable length are refused before anything is made of them."""

import httpx
import pytest

from api.addresses import LONGEST_ADDRESS, MOST_PARAMETERS


@pytest.mark.parametrize(
    "address",
    [
        "/v1/journeys/" + "a" * LONGEST_ADDRESS,
        "/v1/journeys?program=" + "a" * LONGEST_ADDRESS,
        "/nowhere?" + "a" * LONGEST_ADDRESS,
        "/v1/journeys?" + "&".join(["stage=need"] * (MOST_PARAMETERS + 1)),
        "/v1/journeys?" + "&" * MOST_PARAMETERS,
    ],
)
async def test_an_address_that_is_too_long_is_refused(
    caseworker: httpx.AsyncClient, address: str
) -> None:
    answer = await caseworker.get(address)

    assert answer.status_code == 414
    assert answer.json()["code"] == "address_too_long"
    assert answer.json()["instance"] == answer.headers["X-Request-Id"]


async def test_an_address_of_a_reasonable_length_is_taken(caseworker: httpx.AsyncClient) -> None:
    answer = await caseworker.get("/v1/journeys?program=" + "a" * 100)

    assert answer.status_code == 200
