"""What staff see: the list of their region, one journey, its timeline; and what is not there."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.journal import CaseLine, Entry, RecordBatch
from domain.lifecycle import EntryKind
from domain.stages import Stage, State, StuckCause, Turn
from store.records import PostgresJournal
from tests.api.conftest import client_of
from tests.api.issuer import Issuer
from tests.api.people import a_journey

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


async def opened(client: httpx.AsyncClient, **asked: object) -> str:
    answer = await client.post("/v1/journeys", json=a_journey(**asked))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def record(engine: AsyncEngine, journey_id: str, *, due_at: datetime | None = None) -> None:
    """The journey registers the need, waits for the registry, and is stuck where `due_at`."""
    entries = (
        Entry(
            sequence=1,
            kind=EntryKind.OPENED,
            at=NOW,
            before=State.INTAKE,
            state=State.INTAKE,
            detail="opened under policy cn",
        ),
        Entry(
            sequence=2,
            kind=EntryKind.NEED_REGISTERED,
            at=NOW,
            before=State.INTAKE,
            state=State.ELIGIBILITY,
            rule="eligibility.decided_within",
            partner="registry-gd-01",
        ),
    )
    case = CaseLine(
        sequence=2,
        stage=Stage.NEED,
        state=State.ELIGIBILITY,
        awaited=("eligibility.decided",),
        partner="registry-gd-01",
        turn=Turn.PARTNER,
        due_at=due_at,
        stuck_cause=StuckCause.PARTNER_SILENT if due_at else None,
        stuck_since=due_at,
        updated_at=NOW,
    )
    await PostgresJournal(engine).record(
        RecordBatch(journey_id=journey_id, entries=entries, case=case)
    )


async def ids(client: httpx.AsyncClient, query: str = "") -> list[str]:
    answer = await client.get(f"/v1/journeys{query}")
    assert answer.status_code == 200, answer.text
    return [item["journey_id"] for item in answer.json()["items"]]


async def test_one_journey_tells_what_it_waits_for_whose_turn_it_is_and_until_when(
    caseworker: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    journey = await opened(caseworker)
    await record(engine, journey, due_at=NOW)

    shown = (await caseworker.get(f"/v1/journeys/{journey}")).json()

    assert shown["awaited"] == ["eligibility.decided"]
    assert (shown["partner"], shown["turn"]) == ("registry-gd-01", "partner")
    assert datetime.fromisoformat(shown["due_at"]) == NOW
    assert shown["stuck_cause"] == "PARTNER_SILENT"
    assert "registry" in shown["next"]


async def test_the_timeline_tells_what_who_why_and_what_is_next(
    caseworker: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    journey = await opened(caseworker)
    await record(engine, journey)

    lines = (await caseworker.get(f"/v1/journeys/{journey}/timeline")).json()["items"]

    assert [line["kind"] for line in lines] == ["opened", "need_registered"]
    move = lines[1]
    assert (move["before"], move["state"]) == ("intake", "eligibility")
    assert (move["by"], move["role"]) == ("journeyman", "system")
    assert move["rule"] == "eligibility.decided_within"
    assert move["next"] == "The registry decides whether the trainee is eligible."


async def test_the_timeline_comes_in_pages(
    caseworker: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    journey = await opened(caseworker)
    await record(engine, journey)
    address = f"/v1/journeys/{journey}/timeline?limit=1"

    first = (await caseworker.get(address)).json()
    second = (await caseworker.get(f"{address}&cursor={first['next_cursor']}")).json()

    assert [line["sequence"] for line in first["items"] + second["items"]] == [1, 2]
    assert second["next_cursor"] is None


async def test_a_journey_that_has_not_started_has_an_empty_timeline(
    caseworker: httpx.AsyncClient,
) -> None:
    journey = await opened(caseworker)

    answer = await caseworker.get(f"/v1/journeys/{journey}/timeline")

    assert answer.json() == {"items": [], "next_cursor": None}


async def test_the_list_comes_in_pages_newest_first_without_gap_or_repeat(
    caseworker: httpx.AsyncClient,
) -> None:
    journeys = [await opened(caseworker) for _ in range(5)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await caseworker.get(f"/v1/journeys?limit=2{cursor}")).json()
        seen += [item["journey_id"] for item in page["items"]]
        await opened(caseworker)
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert seen == journeys[::-1]


async def test_the_list_is_narrowed_by_each_filter(
    caseworker: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    stuck = await opened(caseworker, pathway="in_service", home_region="440306")
    await record(engine, stuck, due_at=NOW)
    fresh = await opened(caseworker, program="open-assessment")

    later = (NOW + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
    expected = {
        "?stuck=true": [stuck],
        "?stuck=false": [fresh],
        "?stuck_cause=PARTNER_SILENT": [stuck],
        "?stuck_cause=NO_CAPACITY": [],
        "?state=eligibility": [stuck],
        "?stage=need": [fresh, stuck],
        "?stage=closed": [],
        "?open=true": [fresh, stuck],
        "?open=false": [],
        "?outcome=placed": [],
        "?pathway=in_service": [stuck],
        "?program=open-assessment": [fresh],
        "?partner=registry-gd-01": [stuck],
        "?region=440305": [fresh],
        "?region=4403": [fresh, stuck],
        "?region=44": [fresh, stuck],
        "?region=51": [],
        f"?due_before={later}": [stuck],
        "?due_before=2020-01-01T00:00:00Z": [],
        "?stuck=true&pathway=job": [],
    }
    assert {query: await ids(caseworker, query) for query in expected} == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("stage=limbo", "stage"),
        ("state=limbo", "state"),
        ("region=guangdong", "region"),
        ("region=4", "region"),
        ("due_before=soon", "due_before"),
        ("due_before=2026-01-01T00:00:00", "due_before"),
        ("program=%00", "program"),
        ("partner=%FF", "partner"),
        ("stuck=perhaps", "stuck"),
        ("shoe_size=42", "shoe_size"),
        ("cursor=***", "cursor"),
        ("cursor=abc", "cursor"),
        ("cursor=bnVsbA", "cursor"),
        ("cursor=WzFd", "cursor"),
        ("cursor=WyJ4IiwgInkiXQ", "cursor"),
        ("cursor=WyIyMDI2LTAxLTAxVDAwOjAwOjAwIiwgInkiXQ", "cursor"),
        ("cursor=WyIyMDI2LTAxLTAxVDAwOjAwOjAwWiIsICJcdTAwMDAiXQ", "cursor"),
    ],
)
async def test_a_query_that_means_nothing_is_refused_naming_the_field(
    caseworker: httpx.AsyncClient, query: str, field: str
) -> None:
    answer = await caseworker.get(f"/v1/journeys?{query}")

    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    "cursor", ["abc", "WyJhIl0", "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5XQ", "Wzk5OTk5OTk5OTld", "WzEuNV0"]
)
async def test_a_cursor_of_elsewhere_is_refused_on_a_timeline(
    caseworker: httpx.AsyncClient, cursor: str
) -> None:
    journey = await opened(caseworker)

    answer = await caseworker.get(f"/v1/journeys/{journey}/timeline?cursor={cursor}")

    assert answer.status_code == 422, answer.text


async def test_what_lies_outside_my_region_is_not_there_in_the_same_words(
    app: FastAPI, issuer: Issuer
) -> None:
    async with (
        client_of(app, issuer.token("caseworker", region="440305")) as owner,
        client_of(app, issuer.token("caseworker", region="440306")) as neighbor,
        client_of(app, issuer.token("supervisor", region="44")) as province,
    ):
        journey = await opened(owner)
        unknown = "jn_" + "0" * 32
        for path in ("/v1/journeys/{}", "/v1/journeys/{}/timeline"):
            hidden = await neighbor.get(path.format(journey))
            missing = await neighbor.get(path.format(unknown))
            assert (hidden.status_code, missing.status_code) == (404, 404)
            assert hidden.json() | {"instance": ""} == missing.json() | {"instance": ""}
            assert (await province.get(path.format(journey))).status_code == 200
        assert await ids(neighbor) == await ids(neighbor, "?region=440305") == []
        assert await ids(owner) == await ids(province) == [journey]


@pytest.mark.parametrize(
    "wrong", ["jn_1", "jn_" + "G" * 32, "jn_%00" + "0" * 31, "%FF", "pr_" + "0" * 32]
)
async def test_an_id_of_no_such_shape_is_not_there_either(
    caseworker: httpx.AsyncClient, wrong: str
) -> None:
    answer = await caseworker.get(f"/v1/journeys/{wrong}")

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
