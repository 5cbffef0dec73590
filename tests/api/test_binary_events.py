"""Binary mode: attributes in headers, the data as the body; otherwise the same event."""

from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.datastructures import Headers

from api.binary_events import binary_event
from api.problems import Unprocessable
from store.intake_tables import inbox
from store.sealed_events import open_event, read_data
from tests.api.partners import an_event, as_body, signed
from tests.vault import VAULT

EVENTS = "/v1/events"


def in_headers(event: dict[str, object]) -> dict[str, str]:
    return {
        f"ce-{name}": quote(str(value), safe="/:+-._~")
        for name, value in event.items()
        if name not in ("data", "datacontenttype")
    }


def binary(event: dict[str, object], **changes: str) -> tuple[bytes, dict[str, str]]:
    body = as_body(event["data"])
    headers = signed(body, message_id=str(event["id"])) | in_headers(event)
    changed = {name.replace("_", "-"): value for name, value in changes.items()}
    return body, headers | {"content-type": "application/json"} | changed


async def test_an_event_in_headers_is_taken_as_the_same_in_a_body(
    stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    event = an_event(data={"cohort": "二〇二六"}, traceparent="00-abc")
    body, headers = binary(event)

    answer = await stranger.post(EVENTS, content=body, headers=headers)
    whole = as_body(event)
    again = await stranger.post(EVENTS, content=whole, headers=signed(whole))

    assert answer.status_code == 202, answer.text
    assert again.status_code == 200, "the same event, in the other mode"
    async with engine.connect() as connection:
        row = (await connection.execute(select(inbox))).one()
    assert (row.source, row.event_id, row.subject) == (event["source"], event["id"], "enr-1")
    assert read_data(VAULT, row.receipt, row.sealed) == event["data"]
    assert body in open_event(VAULT, row.receipt, row.sealed)[1]


@pytest.mark.parametrize("name", ["CE-Subject", "Ce-subject", "ce-SUBJECT"])
async def test_the_case_of_header_names_makes_no_difference(
    stranger: httpx.AsyncClient, name: str
) -> None:
    body, headers = binary(an_event())
    headers[name] = headers.pop("ce-subject")

    answer = await stranger.post(EVENTS, content=body, headers=headers)

    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize(
    ("value", "decoded"),
    [
        ("plain", "plain"),
        ("a%20b", "a b"),
        ("%E4%BA%8C%e3%80%87", "二〇"),
        ('"quoted value"', "quoted value"),
        ('"a \\"b\\" \\\\ c"', 'a "b" \\ c'),
        ('"50%25"', "50%"),
        ("%2525", "%25"),
        ('half"quoted', 'half"quoted'),
        ("a+b", "a+b"),
    ],
)
def test_values_are_decoded_as_the_binding_has_it(value: str, decoded: str) -> None:
    event = binary_event(Headers({"ce-note": value}), None, "application/json")
    assert event["note"] == decoded


@pytest.mark.parametrize(
    "value",
    [b"%", b"%4", b"%zz", b"a%2", b"%ff", b"%c3%28", b"\xe4\xba\x8c", b"a\tb", b"%ED%A0%80"],
)
def test_values_that_can_not_be_decoded_are_named(value: bytes) -> None:
    headers = Headers(raw=[(b"ce-note", value)])
    with pytest.raises(Unprocessable) as refused:
        binary_event(headers, None, "application/json")
    assert [error.field for error in refused.value.errors] == ["ce-note"]


async def test_an_attribute_that_is_given_twice_is_refused(stranger: httpx.AsyncClient) -> None:
    body, headers = binary(an_event())
    doubled = [*headers.items(), ("ce-subject", "enr-2")]

    answer = await stranger.post(EVENTS, content=body, headers=doubled)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "ce-subject"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"ce_specversion": "0.3"}, 422),
        ({"ce_subject": ""}, 422),
        ({"ce_time": "yesterday"}, 422),
        ({"ce_my_extension": "x"}, 422),
        ({"ce_my.extension": "x"}, 422),
        ({"ce_data_base64": "e30="}, 422),
        ({"ce_datacontenttype": "text/xml"}, 422),
        ({"ce_data": "{}"}, 422),
        ({"ce_source": "/partners/nobody"}, 401),
        ({"ce_source": "/partners/center-sz-01"}, 401),
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/xml"}, 415),
    ],
)
async def test_headers_that_make_no_event_of_the_sender_are_refused(
    stranger: httpx.AsyncClient, changes: dict[str, str], status: int
) -> None:
    body, headers = binary(an_event(), **changes)

    answer = await stranger.post(EVENTS, content=body, headers=headers)

    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("attribute", ["id", "source", "type", "subject", "specversion"])
async def test_a_header_that_is_missing_is_named(
    stranger: httpx.AsyncClient, attribute: str
) -> None:
    body, headers = binary(an_event())
    del headers[f"ce-{attribute}"]

    answer = await stranger.post(EVENTS, content=body, headers=headers)

    assert answer.status_code == (401 if attribute == "id" else 422)


async def test_a_signed_body_can_not_be_sent_again_as_another_event(
    stranger: httpx.AsyncClient,
) -> None:
    """The signature covers no attribute; what it covers is bound to the event's id."""
    event = an_event()
    body, headers = binary(event)
    await stranger.post(EVENTS, content=body, headers=headers)

    other_id = await stranger.post(EVENTS, content=body, headers=headers | {"ce-id": "ev-forged"})
    other_subject = await stranger.post(
        EVENTS, content=body, headers=headers | {"ce-subject": "enr-forged"}
    )
    other_type = await stranger.post(
        EVENTS,
        content=body,
        headers=headers | {"ce-type": "journeyman.enrollment.canceled.v1"},
    )

    assert (other_id.status_code, other_id.json()["code"]) == (401, "signature_refused")
    assert (other_subject.status_code, other_subject.json()["code"]) == (409, "event_id_reused")
    assert (other_type.status_code, other_type.json()["code"]) == (409, "event_id_reused")


async def test_data_that_does_not_fit_is_kept_in_quarantine(stranger: httpx.AsyncClient) -> None:
    for data in (None, [1], "text", {"mode": "by pigeon"}):
        body, headers = binary(an_event(data=data))

        answer = await stranger.post(EVENTS, content=body, headers=headers)

        assert answer.json()["reason"] == "schema"
    body, headers = binary(an_event(data=None))
    unsaid = headers | signed(b"", message_id=headers["ce-id"])
    for content, status in ((body, 202), (b"", 200)):
        given = (headers if content else unsaid) | {"content-type": "application/json"}
        answer = await stranger.post(EVENTS, content=content, headers=given)
        assert answer.status_code == status, "no data is the same as null"


async def test_a_body_that_is_no_json_is_refused(stranger: httpx.AsyncClient) -> None:
    event = an_event()
    headers = signed(b"<xml/>", message_id=str(event["id"])) | in_headers(event)

    answer = await stranger.post(
        EVENTS, content=b"<xml/>", headers=headers | {"content-type": "application/json"}
    )

    assert answer.status_code == 400
