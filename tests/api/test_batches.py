"""A batch is signed once and answered event by event; good ones are kept where others are bad."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app
from api.dependencies import ApiDependencies, Limits
from store.database import create_engine
from store.intake_tables import inbox
from tests.api.conftest import client_of
from tests.api.partners import SECRETS, an_event, as_body, signed

EVENTS = "/v1/events"
BATCH = "application/cloudevents-batch+json"


async def send(
    client: httpx.AsyncClient, events: object, partner: str = "provider-sz-01"
) -> httpx.Response:
    body = events if isinstance(events, bytes) else as_body(events)
    headers = signed(body, partner) | {"content-type": BATCH}
    return await client.post(EVENTS, content=body, headers=headers)


async def kept(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return int((await connection.execute(select(func.count()).select_from(inbox))).scalar_one())


async def test_a_thousand_events_are_taken_in_one_request(
    stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    events = [an_event(id=f"ev-{number}") for number in range(1000)]

    answer = await send(stranger, events)

    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert (told["kept"], told["repeated"], told["refused"]) == (1000, 0, 0)
    assert [item["id"] for item in told["items"]] == [event["id"] for event in events]
    assert len({item["receipt"] for item in told["items"]}) == 1000
    assert await kept(engine) == 1000
    async with engine.connect() as connection:
        audited = await connection.execute(
            text("SELECT about FROM audit_log WHERE action = 'event.received'")
        )
        arrived = await connection.execute(text("SELECT event_id FROM inbox ORDER BY arrival"))
        assert set(audited.scalars()) == {item["receipt"] for item in told["items"]}
        assert list(arrived.scalars()) == [event["id"] for event in events]


async def test_the_same_batch_again_changes_nothing_and_answers_200(
    stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    events = [an_event() for _ in range(5)]
    first = (await send(stranger, events)).json()

    answer = await send(stranger, events)

    assert answer.status_code == 200
    assert answer.json()["repeated"] == 5
    assert [item["of"] for item in answer.json()["items"]] == [
        item["receipt"] for item in first["items"]
    ]
    assert await kept(engine) == 5


async def test_a_lost_answer_is_made_good_by_sending_more_with_the_same(
    stranger: httpx.AsyncClient,
) -> None:
    known, new = an_event(), an_event()
    await send(stranger, [known])

    answer = await send(stranger, [known, new])

    assert answer.status_code == 202
    assert [item["status"] for item in answer.json()["items"]] == ["duplicate", "received"]


async def test_good_events_are_kept_where_others_are_bad(
    stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    earlier = an_event(id="ev-earlier")
    await send(stranger, [earlier])
    twin = an_event()
    batch: list[tuple[object, str, int | None]] = [
        (an_event(), "received", None),
        ("text", "refused", 400),
        ({}, "refused", 422),
        (an_event(id="two words"), "refused", 422),
        (an_event(time="yesterday"), "refused", 422),
        (an_event(data={"reason": "a\x00b"}), "refused", 400),
        (an_event("center-sz-01"), "refused", 401),
        (an_event("nobody"), "refused", 401),
        (an_event(type="journeyman.certificate.issued.v1"), "refused", 403),
        (an_event(padding="x" * 70_000), "refused", 413),
        (an_event(data={"mode": "by pigeon"}), "quarantined", None),
        (earlier, "duplicate", None),
        (earlier | {"data": {"cohort": "another"}}, "refused", 409),
        (twin, "received", None),
        (twin, "duplicate", None),
        (twin | {"subject": "enr-2"}, "refused", 409),
        (an_event(), "received", None),
    ]

    answer = await send(stranger, [event for event, _, _ in batch])

    assert answer.status_code == 202
    items = answer.json()["items"]
    told = [(item["status"], item.get("problem", {}).get("status")) for item in items]
    assert told == [(status, code) for _, status, code in batch]
    assert answer.json()["kept"] == 4
    assert answer.json()["repeated"] == 2
    assert answer.json()["refused"] == 11
    assert items[3]["problem"]["errors"][0]["field"] == "id"
    assert items[10]["reason"] == "schema"
    assert "data.mode" in items[10]["detail"]
    assert items[14]["of"] == items[15]["problem"]["receipt"] == items[13]["receipt"]
    assert await kept(engine) == 5


async def test_of_a_foreign_source_the_same_is_said_whether_it_exists_or_not(
    stranger: httpx.AsyncClient,
) -> None:
    answer = await send(stranger, [an_event(), an_event("center-sz-01"), an_event("nobody")])

    _, foreign, unknown = (item.get("problem") for item in answer.json()["items"])
    assert foreign == unknown


async def test_whoever_signed_is_found_though_most_events_name_another(
    stranger: httpx.AsyncClient,
) -> None:
    foreign = [an_event("center-sz-01") for _ in range(5)]

    answer = await send(stranger, [*foreign, an_event()])

    assert answer.status_code == 202
    assert [item["status"] for item in answer.json()["items"]] == ["refused"] * 5 + ["received"]


async def test_a_batch_in_which_nothing_is_good_says_so_for_each(
    stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    answer = await send(stranger, [an_event(id=""), an_event(type=None)])

    assert answer.status_code == 200
    assert (answer.json()["kept"], answer.json()["refused"]) == (0, 2)
    assert await kept(engine) == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[]", 422),
        (b"{}", 400),
        (b"[", 400),
        (b"", 400),
        (b"null", 400),
        (b"[1]", 401),
        (as_body([an_event("nobody")]), 401),
        (as_body([{"source": "x" * 10_000}]), 401),
        (as_body([{"source": ["x"]}]), 401),
        (b"[" * 5000 + b"]" * 5000, 400),
        (as_body([an_event(id=f"ev-{number}") for number in range(1001)]), 413),
        (b" " * (8 * 1024 * 1024 + 1), 413),
    ],
)
async def test_a_batch_that_can_not_be_read_is_refused_as_a_whole(
    stranger: httpx.AsyncClient, engine: AsyncEngine, body: bytes, status: int
) -> None:
    answer = await send(stranger, body)

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert await kept(engine) == 0


async def test_a_batch_that_somebody_else_signed_is_refused(
    stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    body = as_body([an_event(), an_event()])
    headers = signed(body, secret=SECRETS["center-sz-01"][0]) | {"content-type": BATCH}

    answer = await stranger.post(EVENTS, content=body, headers=headers)

    assert answer.status_code == 401
    assert await kept(engine) == 0


async def test_events_of_a_type_that_the_partner_does_not_send_leave_one_audit_line(
    stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    wrong = [an_event(type="journeyman.certificate.issued.v1") for _ in range(3)]

    await send(stranger, [an_event(), *wrong])

    async with engine.connect() as connection:
        rows = await connection.execute(
            text("SELECT actor_id, detail FROM audit_log WHERE action = 'event.type_refused'")
        )
        assert [tuple(row) for row in rows] == [
            ("provider-sz-01", '{"events":3,"type":"journeyman.certificate.issued.v1"}')
        ]


async def test_a_batch_counts_as_many_as_it_holds(deps: ApiDependencies) -> None:
    limits = Limits(partner_events_per_second=5.0)
    app = create_app(replace(deps, limits=limits, monotonic=lambda: 1.0))

    async with client_of(app) as client:
        first = await send(client, [an_event() for _ in range(8)])
        second = await send(client, [an_event() for _ in range(3)])
        other = await send(
            client,
            [an_event("center-sz-01", type="journeyman.assessment.scheduled.v1")],
            "center-sz-01",
        )

    assert [first.status_code, second.status_code, other.status_code] == [202, 429, 202]
    assert int(second.headers["Retry-After"]) == 1


async def test_a_source_that_postgresql_can_not_hold_is_as_unknown_as_any(
    stranger: httpx.AsyncClient,
) -> None:
    answer = await send(stranger, [an_event(source="/partners/\0")])

    assert answer.status_code == 401, answer.text


async def test_nothing_of_a_batch_is_acknowledged_while_the_database_is_away(
    deps: ApiDependencies,
) -> None:
    nowhere = create_engine("postgresql+asyncpg://nobody@127.0.0.1:9/nothing")
    app = create_app(
        replace(deps, engine=nowhere, limits=Limits(database_answer=timedelta(seconds=1)))
    )
    app.state.door.book = create_app(deps).state.door.book

    async with client_of(app) as client:
        answer = await send(client, [an_event(), an_event()])

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "items" not in answer.json()


@pytest.mark.parametrize("values", [b"{},", b"[],", b"0,", b'"a",'])
async def test_many_values_are_refused_before_anybody_parses_them(
    stranger: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, values: bytes
) -> None:
    """The signature is of something else: neither time nor memory is spent on finding out."""

    def never(body: bytes) -> object:
        raise AssertionError(f"{len(body)} bytes were parsed")

    monkeypatch.setattr("api.batches.parse_json", never)
    body = b"[" + values * 200_000 + b"0]"

    answer = await stranger.post(
        EVENTS, content=body, headers=signed(b"[]") | {"content-type": BATCH}
    )

    assert answer.status_code == 413
    assert answer.json()["code"] == "body_too_large"
