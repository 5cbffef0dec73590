"""Whatever is sent as an event gets a clear 4xx or is kept in quarantine; never a 5xx."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.events import DATA_OF, EventType
from domain.senders import SENDERS_OF
from store.intake_tables import inbox
from store.sealed_events import open_event, read_data
from tests.api.partners import MEDIA_TYPE, PARTNERS, an_event, as_body, signed
from tests.vault import VAULT

EVENTS = "/v1/events"


async def send(
    client: httpx.AsyncClient, body: bytes, partner: str = "provider-sz-01"
) -> httpx.Response:
    headers = {"content-type": MEDIA_TYPE, **_signed_as_bytes(body, partner)}
    return await client.post(EVENTS, content=body, headers=headers)


def _signed_as_bytes(body: bytes, partner: str) -> dict[str, str]:
    try:
        return signed(body, partner)
    except UnicodeDecodeError:
        return signed(b"{}", partner)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"\xef\xbb\xbf{}", 400),
        (b"[]", 400),
        (b"null", 400),
        (b"NaN", 400),
        (b'{"specversion": "1.0"', 400),
        (as_body(an_event()) + b"x", 400),
        (b'{"id": "\\ud800"}', 400),
        (b'{"data": {"reason": "\\u0000"}}', 400),
        (b'{"data": {"\\u0000": 1}}', 400),
        (b'{"data": 1e999}', 400),
        (b'{"data": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400),
        (b'{"data": ' + b'{"a":' * 33 + b"1" + b"}" * 33 + b"}", 400),
        (b"{}", 422),
        (b'{"data": "' + b"x" * 65_536 + b'"}', 413),
    ],
)
async def test_a_body_that_is_no_event_is_refused(
    stranger: httpx.AsyncClient, body: bytes, status: int
) -> None:
    answer = await send(stranger, body)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


async def test_a_body_over_the_limit_is_refused_while_it_streams_in(
    stranger: httpx.AsyncClient,
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 8192
            yield b"x" * 8192

    answer = await stranger.post(EVENTS, content=endless())

    assert answer.status_code == 413


async def test_size_is_looked_at_before_anything_else(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post(EVENTS, content=b"x" * 70_000)

    assert answer.status_code == 413


async def test_a_body_of_the_limit_is_taken(stranger: httpx.AsyncClient) -> None:
    empty = as_body(an_event(padding=""))
    body = as_body(an_event(padding="x" * (64 * 1024 - len(empty))))
    assert len(body) == 64 * 1024

    answer = await send(stranger, body)

    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"specversion": 1.0}, "specversion"),
        ({"id": ""}, "id"),
        ({"id": "two words"}, "id"),
        ({"id": "编号"}, "id"),
        ({"id": 7}, "id"),
        ({"id": None}, "id"),
        ({"id": "x" * 121}, "id"),
        ({"id": "a\nb"}, "id"),
        ({"source": None}, "source"),
        ({"source": ["x"]}, "source"),
        ({"type": {}}, "type"),
        ({"type": "x" * 500}, "type"),
        ({"subject": None}, "subject"),
        ({"subject": ""}, "subject"),
        ({"time": "yesterday"}, "time"),
        ({"time": "2026-03-01"}, "time"),
        ({"time": "2026-03-01T09:00:00"}, "time"),
        ({"time": "2026-13-01T09:00:00Z"}, "time"),
        ({"time": "0001-01-01T00:00:00+23:00"}, "time"),
        ({"time": "9999-12-31T23:59:59-23:00"}, "time"),
        ({"time": "２０２６-03-01T09:00:00Z"}, "time"),
        ({"time": 1_772_000_000}, "time"),
        ({"sequence": 3}, "sequence"),
        ({"sequence": "a b"}, "sequence"),
        ({"datacontenttype": "text/xml"}, "datacontenttype"),
        ({"data_base64": "e30="}, "data_base64"),
    ],
)
async def test_an_attribute_that_is_not_as_cloudevents_has_it_is_named(
    stranger: httpx.AsyncClient, change: dict[str, object], field: str
) -> None:
    answer = await send(stranger, as_body(an_event() | change))

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("missing", ["specversion", "id", "source", "type", "subject"])
async def test_a_missing_attribute_is_named(stranger: httpx.AsyncClient, missing: str) -> None:
    event = {name: value for name, value in an_event().items() if name != missing}

    answer = await send(stranger, as_body(event))

    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["field"] == missing
    assert "missing" in error["message"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"data": None}, "data"),
        ({"data": "text"}, "data"),
        ({"data": [1]}, "data"),
        ({"data": {"start": "2026-02-30"}}, "data.start"),
        ({"data": {"mode": "by pigeon"}}, "data.mode"),
        ({"data": {"enrollment_ref": "two words"}}, "data.enrollment_ref"),
        ({"data": {"supersedes": ""}}, "data.supersedes"),
        ({"data": {"modules": ["m"] * 3000}}, "bytes"),
        ({"type": "journeyman.trainee.abducted.v1"}, "type"),
        ({"type": "journeyman.enrollment.confirmed.v2"}, "type"),
        ({"type": "com.example.other"}, "type"),
    ],
)
async def test_a_well_signed_event_that_does_not_fit_is_kept_in_quarantine(
    stranger: httpx.AsyncClient, engine: AsyncEngine, change: dict[str, object], word: str
) -> None:
    body = as_body(an_event() | change)

    answer = await send(stranger, body)

    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "quarantined"
    assert answer.json()["reason"] == "schema"
    assert word in answer.json()["detail"]
    async with engine.connect() as connection:
        row = (await connection.execute(select(inbox))).one()
    assert (row.status, row.reason) == ("quarantined", "schema")
    assert row.detail == answer.json()["detail"]
    assert open_event(VAULT, row.receipt, row.sealed)[1] == body


async def test_a_repeat_of_a_quarantined_event_is_a_duplicate(stranger: httpx.AsyncClient) -> None:
    body = as_body(an_event() | {"data": None})
    first = await send(stranger, body)

    again = await send(stranger, body)

    assert again.status_code == 200
    assert again.json()["of"] == first.json()["receipt"]


async def test_a_reason_repeats_no_value_of_the_data(stranger: httpx.AsyncClient) -> None:
    body = as_body(an_event() | {"data": {"mode": "canary-440305199901010015"}})

    answer = await send(stranger, body)

    assert answer.json()["status"] == "quarantined"
    assert "canary" not in answer.text


@pytest.mark.parametrize("event_type", list(EventType))
async def test_only_the_kinds_of_partner_in_the_table_may_send_a_type(
    stranger: httpx.AsyncClient, event_type: EventType
) -> None:
    for partner in PARTNERS:
        body = as_body(an_event(partner.id, type=event_type.cloud_type, data={"component": ""}))

        answer = await send(stranger, body, partner.id)

        if partner.kind in SENDERS_OF[event_type]:
            assert answer.status_code == 202, (partner.id, answer.text)
        else:
            assert answer.status_code == 403, (partner.id, answer.text)
            assert answer.json()["code"] == "event_type_not_permitted"


async def test_fields_that_we_do_not_know_are_left_out_of_what_a_journey_reads(
    stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    body = as_body(an_event(data={"enrollment_ref": "enr-1", "shoe_size": 42}, extension="x"))

    answer = await send(stranger, body)

    assert answer.json()["status"] == "received"
    async with engine.connect() as connection:
        row = (await connection.execute(select(inbox))).one()
    assert read_data(VAULT, row.receipt, row.sealed) == {"enrollment_ref": "enr-1"}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from([event.cloud_type for event in EventType]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
_FIELDS = sorted({name for model in DATA_OF.values() for name in model.model_fields})
EVENT = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("specversion", "id", "source", "type", "subject", "time", "sequence"), JSON
    ),
)
DATA = st.dictionaries(st.sampled_from(_FIELDS) | st.text(max_size=8), JSON, max_size=6)
HEADER = st.binary(max_size=40).map(
    lambda raw: bytes(byte for byte in raw if byte not in (0, 10, 13))
)
QUIET = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@QUIET
@given(change=EVENT, data=DATA, event_type=st.sampled_from(list(EventType)))
async def test_no_signed_event_makes_a_5xx(
    stranger: httpx.AsyncClient, change: dict[str, object], data: object, event_type: EventType
) -> None:
    partner = next(row for row in PARTNERS if row.kind in SENDERS_OF[event_type] | {"provider"})
    event = an_event(partner.id, type=event_type.cloud_type, data=data) | change
    body = json.dumps(event, ensure_ascii=True).encode()

    answer = await send(stranger, body, partner.id)

    assert answer.status_code < 500
    if answer.status_code < 300:
        assert answer.json()["receipt"]


@QUIET
@given(
    body=st.binary(max_size=200),
    headers=st.dictionaries(
        st.sampled_from(
            [
                b"webhook-id",
                b"webhook-timestamp",
                b"webhook-signature",
                b"content-type",
                b"x-request-id",
                b"content-encoding",
            ]
        ),
        HEADER,
    ),
)
async def test_no_bytes_make_a_5xx_or_are_taken(
    stranger: httpx.AsyncClient, body: bytes, headers: dict[bytes, bytes]
) -> None:
    answer = await stranger.post(EVENTS, content=body, headers=list(headers.items()))

    assert 400 <= answer.status_code < 500
    assert answer.json()["code"]


async def test_the_answer_to_many_bad_attributes_stays_small(stranger: httpx.AsyncClient) -> None:
    odd: dict[str, object] = {f"X{number}": 1 for number in range(5000)}
    body = as_body(an_event(id="", **odd))

    answer = await stranger.post(
        EVENTS, content=body, headers=signed(b"{}") | {"content-type": MEDIA_TYPE}
    )

    assert answer.status_code == 422
    errors = answer.json()["errors"]
    assert len(errors) == 20
    assert errors[0]["field"] == "id"
    assert len(answer.content) < 5000
