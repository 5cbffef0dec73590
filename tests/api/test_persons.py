"""Persons over HTTP: masked for all, in plain for a purpose that is kept, erased by two."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.catalog import Catalog
from domain.levels import SkillLevel
from tests.api.conftest import client_of
from tests.api.issuer import Issuer
from tests.api.people import a_journey, a_person
from tests.plain_traces import tables_with
from tests.store.samples import closed

NOBODY = "pr_" + "0" * 32


def client(app: FastAPI, issuer: Issuer, role: str, subject: str, region: str) -> httpx.AsyncClient:
    claims = {"region": region} if region else {}
    return client_of(app, issuer.token(role, sub=subject, **claims))


@pytest.fixture
async def supervisor(app: FastAPI, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    async with client(app, issuer, "supervisor", "supervisor-1", "4403") as caller:
        yield caller


@pytest.fixture
async def second(app: FastAPI, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    async with client(app, issuer, "supervisor", "supervisor-2", "44") as caller:
        yield caller


@pytest.fixture
async def elsewhere(app: FastAPI, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    async with client(app, issuer, "supervisor", "supervisor-3", "51") as caller:
        yield caller


async def opened(
    caseworker: httpx.AsyncClient, **others: object
) -> tuple[dict[str, object], str, str]:
    """The person as she was told of, her reference, her journey."""
    person = a_person()
    answer = await caseworker.post("/v1/journeys", json=a_journey(person=person, **others))
    assert answer.status_code == 201, answer.text
    return person, answer.json()["person_ref"], answer.json()["id"]


async def audit_of(engine: AsyncEngine, action: str) -> list[tuple[str, str, str]]:
    async with engine.connect() as connection:
        rows = await connection.execute(
            text("SELECT actor_id, about, detail FROM audit_log WHERE action = :action"),
            {"action": action},
        )
        return [(row.actor_id, row.about, row.detail) for row in rows]


async def test_a_person_is_shown_masked(caseworker: httpx.AsyncClient) -> None:
    person, ref, _ = await opened(caseworker, groups=["veteran", "unemployed"])

    answer = await caseworker.get(f"/v1/persons/{ref}")

    shown = answer.json()
    number, phone = str(person["id_number"]), str(person["phone"])
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert shown["name"] == "陈**"
    assert shown["id_number"] == f"4403{'*' * 12}{number[-2:]}"
    assert shown["phone"] == f"138******{phone[-2:]}"
    assert shown["groups"] == ["unemployed", "veteran"]
    assert (shown["erased_at"], shown["erasure"]) == (None, None)


async def test_an_auditor_sees_no_sensitive_group(
    app: FastAPI, issuer: Issuer, caseworker: httpx.AsyncClient
) -> None:
    _, ref, journey_id = await opened(caseworker, groups=["veteran", "unemployed", "laid_off"])

    async with client(app, issuer, "auditor", "auditor-1", "") as auditor:
        shown = await auditor.get(f"/v1/persons/{ref}")
        revealed = await auditor.post(
            f"/v1/persons/{ref}/reveal", json={"fields": ["name"], "purpose": "audit"}
        )

    assert shown.json()["groups"] == ["unemployed"]
    assert revealed.status_code == 403
    for address in ("/v1/journeys", f"/v1/journeys/{journey_id}"):
        assert "veteran" not in (await caseworker.get(address)).text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("POST", "/reveal", {"fields": ["name"], "purpose": "a call"}),
        ("POST", "/erase", {"reason": "her wish"}),
    ],
)
async def test_a_person_of_another_region_is_not_there_in_the_same_words(
    caseworker: httpx.AsyncClient,
    elsewhere: httpx.AsyncClient,
    method: str,
    path: str,
    body: dict[str, object] | None,
) -> None:
    _, ref, _ = await opened(caseworker)

    answers = [
        await elsewhere.request(method, f"/v1/persons/{which}{path}", json=body)
        for which in (ref, NOBODY, "pr_1", "13912345678")
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.json()["detail"] for answer in answers}) == 1


async def test_a_person_is_found_by_either_number_in_her_region_and_that_is_audited(
    caseworker: httpx.AsyncClient, elsewhere: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    person, ref, _ = await opened(caseworker)
    for asked in ({"id_number": person["id_number"]}, {"phone": f"+86 {person['phone']}"}):
        found = await caseworker.post("/v1/persons/find", json=asked)
        nothing = await elsewhere.post("/v1/persons/find", json=asked)

        assert found.status_code == nothing.status_code == 200, found.text
        assert [item["person_ref"] for item in found.json()["items"]] == [ref]
        assert found.json()["items"][0]["name"] == "陈**"
        assert nothing.json() == {"items": []}
    lines = await audit_of(engine, "person.looked_up")
    assert [(line[0], ref in line[2]) for line in lines] == [
        ("caseworker-1", True),
        ("supervisor-3", False),
    ] * 2


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"id_number": "440305199901010015", "phone": "13912345678"},
        {"id_number": "440305199901010019"},
        {"phone": "not a number"},
        {"name": "陈小梅"},
    ],
)
async def test_a_search_by_anything_else_is_refused_without_repeating_it(
    caseworker: httpx.AsyncClient, asked: dict[str, str]
) -> None:
    answer = await caseworker.post("/v1/persons/find", json=asked)

    assert answer.status_code == 422
    assert not [value for value in asked.values() if value in answer.text]


async def test_a_reveal_shows_what_was_asked_for_and_is_audited_with_its_purpose(
    caseworker: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    person, ref, _ = await opened(caseworker)

    answer = await caseworker.post(
        f"/v1/persons/{ref}/reveal",
        json={"fields": ["phone", "name"], "purpose": f"call her on {person['phone']}"},
        headers={"Idempotency-Key": "kept-nowhere"},
    )

    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json() == {"person_ref": ref, "name": person["name"], "phone": person["phone"]}
    assert await audit_of(engine, "person.revealed") == [
        ("caseworker-1", ref, '{"fields":["name","phone"],"purpose":"call her on [withheld]"}')
    ]
    numbers = [str(person[field]) for field in ("name", "id_number", "phone")]
    assert await tables_with(engine, numbers) == set()
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM idempotency_keys")) == 0


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"fields": ["name"]}, "purpose"),
        ({"fields": ["name"], "purpose": "  "}, "purpose"),
        ({"fields": ["name"], "purpose": "x" * 501}, "purpose"),
        ({"fields": [], "purpose": "x"}, "fields"),
        ({"fields": ["groups"], "purpose": "x"}, "fields.0"),
        ({"fields": ["name"], "purpose": "x", "why": "y"}, "why"),
    ],
)
async def test_a_reveal_without_a_field_or_a_purpose_shows_nothing(
    caseworker: httpx.AsyncClient, engine: AsyncEngine, asked: dict[str, object], field: str
) -> None:
    _, ref, _ = await opened(caseworker)

    answer = await caseworker.post(f"/v1/persons/{ref}/reveal", json=asked)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert await audit_of(engine, "person.revealed") == []


async def test_a_reveal_whose_audit_line_can_not_be_written_shows_nothing(
    app: FastAPI, issuer: Issuer, owner_engine: AsyncEngine
) -> None:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    token = issuer.token("caseworker", region="4403")
    async with httpx.AsyncClient(
        transport=transport,
        base_url="http://journeyman.test",
        headers={"Authorization": f"Bearer {token}"},
    ) as caseworker:
        person, ref, _ = await opened(caseworker)
        rename = "ALTER FUNCTION {}(text, text, text, text, text) RENAME TO {}"
        async with owner_engine.begin() as connection:
            await connection.execute(text(rename.format("audit_append", "audit_append_away")))
        try:
            answer = await caseworker.post(
                f"/v1/persons/{ref}/reveal", json={"fields": ["name"], "purpose": "a call"}
            )
        finally:
            async with owner_engine.begin() as connection:
                await connection.execute(text(rename.format("audit_append_away", "audit_append")))

    assert answer.status_code >= 500
    assert str(person["name"]) not in answer.text


async def test_two_supervisors_erase_a_person_and_only_the_fact_is_left(
    caseworker: httpx.AsyncClient,
    supervisor: httpx.AsyncClient,
    second: httpx.AsyncClient,
    engine: AsyncEngine,
) -> None:
    person, ref, journey_id = await opened(caseworker, groups=["veteran", "unemployed"])
    await closed(engine, journey_id)
    before = (await caseworker.get(f"/v1/journeys/{journey_id}")).json()
    address, asked = f"/v1/persons/{ref}/erase", {"reason": f"her wish, {person['phone']}"}

    first = await supervisor.post(address, json=asked)
    alone = await supervisor.post(address, json=asked)
    waiting = (await caseworker.get(f"/v1/persons/{ref}")).json()
    done = await second.post(address, json=asked)
    again = await supervisor.post(address, json=asked)

    assert (first.status_code, first.json()["status"]) == (202, "awaiting_second_person")
    assert (alone.status_code, alone.json()["code"]) == (409, "second_person_needed")
    assert waiting["erasure"]["by"]["id"] == "supervisor-1"
    assert waiting["erasure"]["reason"] == "her wish, [withheld]"
    assert (done.status_code, done.json()["status"]) == (200, "erased")
    assert again.json() == done.json()
    shown = (await caseworker.get(f"/v1/persons/{ref}")).json()
    assert {name for name, value in shown.items() if value} == {
        "person_ref",
        "registered_at",
        "erased_at",
    }
    assert (await caseworker.get(f"/v1/journeys/{journey_id}")).json() == before
    reveal = {"fields": ["name"], "purpose": "a call"}
    refused = await caseworker.post(f"/v1/persons/{ref}/reveal", json=reveal)
    assert (refused.status_code, refused.json()["rule"]) == (409, "person.not_erased")
    opening = a_journey(person=None, person_ref=ref, level="senior")
    assert (await caseworker.post("/v1/journeys", json=opening)).status_code == 422
    everything = [str(person[field]) for field in ("name", "id_number", "phone")]
    assert await tables_with(engine, everything) == set()


async def test_nobody_is_erased_while_a_journey_is_open_or_by_a_caseworker(
    caseworker: httpx.AsyncClient, supervisor: httpx.AsyncClient
) -> None:
    _, ref, _ = await opened(caseworker)
    address, asked = f"/v1/persons/{ref}/erase", {"reason": "her wish"}

    refused = await supervisor.post(address, json=asked)
    forbidden = await caseworker.post(address, json=asked)

    assert (refused.status_code, refused.json()["rule"]) == (409, "erasure.no_open_journey")
    assert forbidden.status_code == 403


async def test_an_erasure_under_one_key_is_asked_for_once(
    caseworker: httpx.AsyncClient, supervisor: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    _, ref, journey_id = await opened(caseworker)
    await closed(engine, journey_id)

    answers = [
        await supervisor.post(
            f"/v1/persons/{ref}/erase",
            json={"reason": "her wish"},
            headers={"Idempotency-Key": "erase-1"},
        )
        for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()


async def test_of_many_supervisors_at_once_one_asks_and_one_erases(
    app: FastAPI, issuer: Issuer, caseworker: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    _, ref, journey_id = await opened(caseworker)
    await closed(engine, journey_id)

    async def one(number: int) -> int:
        async with client(app, issuer, "supervisor", f"supervisor-{number}", "4403") as caller:
            answer = await caller.post(f"/v1/persons/{ref}/erase", json={"reason": "her wish"})
            return answer.status_code

    assert sorted(await asyncio.gather(*(one(number) for number in range(8)))) == [200] * 7 + [202]
    assert len(await audit_of(engine, "person.erasure_asked")) == 1
    assert len(await audit_of(engine, "person.erased")) == 1


async def test_personal_numbers_in_an_opening_and_under_a_key_are_kept_nowhere_in_plain(
    caseworker: httpx.AsyncClient, engine: AsyncEngine, catalog: Catalog
) -> None:
    number, phone = "440305199901010015", "13912345678"
    modules = catalog.modules_for("4-02-06-01", SkillLevel.INTERMEDIATE)
    asked = a_journey(
        recognized_modules=[{"module": modules[0].code, "source": f"diploma of {number}, {phone}"}]
    )

    answer = await caseworker.post(
        "/v1/journeys", json=asked, headers={"Idempotency-Key": f"{phone}-{number}"}
    )

    assert answer.status_code == 201, answer.text
    assert await tables_with(engine, [number, phone]) == set()


async def test_a_refusal_does_not_repeat_a_personal_number(caseworker: httpx.AsyncClient) -> None:
    number, phone = "440305199901010015", "13912345678"
    asked = a_journey(program=phone, home_region=number, **{phone: "x"})

    answer = await caseworker.post("/v1/journeys", json=asked)

    assert answer.status_code == 422
    assert phone not in answer.text
    assert number not in answer.text
