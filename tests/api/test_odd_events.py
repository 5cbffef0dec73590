"""Events that are unusual and yet as the standards have them, and some that only look right."""

import httpx
import pytest

from tests.api.partners import an_event, as_body, signed

EVENTS = "/v1/events"
CENTER = "center-sz-01"


async def send(client: httpx.AsyncClient, event: dict[str, object], partner: str) -> httpx.Response:
    body = as_body(event)
    return await client.post(EVENTS, content=body, headers=signed(body, partner))


def a_result(**data: object) -> dict[str, object]:
    """A result of a center's."""
    return an_event(
        CENTER,
        type="journeyman.assessment.result.v1",
        subject="bkg-1",
        data={"component": "theory", "raw": 75} | data,
    )


@pytest.mark.parametrize(
    ("time", "status"),
    [
        ("2016-12-31T23:59:60Z", 202),
        ("2017-01-01T07:59:60.5+08:00", 202),
        ("2026-03-01T09:00:00.1234567890123Z", 202),
        ("2026-03-01t09:00:00z", 202),
        ("2026-03-01T09:00:60Z", 422),
        ("2026-03-01T24:00:00Z", 422),
        ("2026-03-01T09:00:00+24:00", 422),
    ],
)
async def test_each_time_of_rfc_3339_is_taken(
    stranger: httpx.AsyncClient, time: str, status: int
) -> None:
    answer = await send(stranger, an_event(time=time), "provider-sz-01")

    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"raw": "75"}, "data.raw"),
        ({"raw": True}, "data.raw"),
        ({"sat_at": "20260612"}, "data.sat_at"),
        ({"sat_at": 1772326800}, "data.sat_at"),
        ({"raw": 101}, "data.raw"),
    ],
)
async def test_data_that_a_reader_would_have_to_guess_is_kept_in_quarantine(
    stranger: httpx.AsyncClient, data: dict[str, object], field: str
) -> None:
    answer = await send(stranger, a_result(**data), CENTER)

    assert (answer.status_code, answer.json()["reason"]) == (202, "schema")
    assert answer.json()["detail"].startswith(field)


async def test_an_event_can_not_correct_itself(stranger: httpx.AsyncClient) -> None:
    event = a_result(supersedes="ev-1") | {"id": "ev-1"}

    answer = await send(stranger, event, CENTER)

    assert (answer.status_code, answer.json()["reason"]) == (202, "schema")
    assert answer.json()["detail"].startswith("data.supersedes")


async def test_signatures_of_other_schemes_take_no_room_from_ours(
    stranger: httpx.AsyncClient,
) -> None:
    body = as_body(an_event())
    headers = signed(body)
    others = " ".join(["v1a,AAAA"] * 40)
    headers["webhook-signature"] = f"{others} {headers['webhook-signature']}"

    answer = await stranger.post(EVENTS, content=body, headers=headers)

    assert answer.status_code == 202, answer.text
