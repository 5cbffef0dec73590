"""A line for each request: ids and figures, nothing personal."""

import httpx
import pytest
import structlog
from structlog.testing import capture_logs

from tests.api.partners import an_event, as_body, signed
from tests.api.people import a_journey, a_person


@pytest.fixture
def lines() -> object:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as captured:
        yield captured


async def test_a_line_names_the_journey_and_the_request(
    caseworker: httpx.AsyncClient, lines: list[dict[str, object]]
) -> None:
    opened = await caseworker.post(
        "/v1/journeys", json=a_journey(), headers={"X-Request-Id": "ticket-7"}
    )

    [line] = [line for line in lines if line["event"] == "request"]
    assert opened.headers["X-Request-Id"] == "ticket-7" == line["request_id"]
    assert line["journey"] == opened.json()["id"]
    assert (line["method"], line["route"], line["status"]) == ("POST", "/v1/journeys", 201)


async def test_a_line_names_the_event_its_sender_and_its_receipt(
    stranger: httpx.AsyncClient, lines: list[dict[str, object]]
) -> None:
    event = an_event()
    body = as_body(event)
    answer = await stranger.post("/v1/events", content=body, headers=signed(body))

    [line] = lines
    assert (line["event_id"], line["partner"]) == (event["id"], "provider-sz-01")
    assert line["receipt"] == answer.json()["receipt"]


async def test_one_request_does_not_inherit_the_ids_of_another(
    caseworker: httpx.AsyncClient, lines: list[dict[str, object]]
) -> None:
    await caseworker.post("/v1/journeys", json=a_journey())
    await caseworker.get("/v1/journeys")

    assert "journey" not in lines[-1]
    assert lines[0]["request_id"] != lines[1]["request_id"]


@pytest.mark.parametrize("given", ["", "two words", "x" * 65, "a;b", "线"])
async def test_a_request_id_that_is_none_is_replaced(
    stranger: httpx.AsyncClient, given: str
) -> None:
    answer = await stranger.get("/healthz", headers=[(b"x-request-id", given.encode())])

    assert len(answer.headers["X-Request-Id"]) == 32


async def test_no_personal_data_and_no_query_is_logged_or_answered(
    caseworker: httpx.AsyncClient, lines: list[dict[str, object]]
) -> None:
    person = a_person(name="金丝雀", phone="13912345678")
    answers = [
        await caseworker.post("/v1/journeys", json=a_journey(person=person)),
        await caseworker.post("/v1/journeys", json=a_journey(person=person)),
        await caseworker.post("/v1/journeys", json=a_journey(person=person, level="x")),
        await caseworker.post("/v1/journeys", json=a_journey(person=person | {"phone": "x"})),
        await caseworker.get("/v1/journeys?name=13912345678"),
    ]

    told = str(lines) + "".join(answer.text for answer in answers)
    for secret in (person["name"], person["id_number"], "13912345678"):
        assert str(secret) not in str(lines)
    for secret in (person["name"], person["id_number"]):
        assert str(secret) not in told
