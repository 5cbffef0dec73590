"""The partner registry over HTTP: operators write it, staff of the region read its public part."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.catalog import Catalog
from tests.api.conftest import client_of
from tests.api.issuer import Issuer
from tests.api.partners import PARTNERS, an_event, as_body, signed

ADDRESS = "/v1/partners"
PROVIDER = f"{ADDRESS}/provider-sz-01"
Asked = dict[str, Any]


@pytest.fixture
async def operator(app: FastAPI, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, issuer.token("operator")) as client:
        yield client


@pytest.fixture
def a_partner(catalog: Catalog) -> Callable[..., Asked]:
    occupation = sorted(catalog.occupations)[0]

    def made(**changes: object) -> Asked:
        authorization = {
            "occupation": occupation,
            "levels": ["intermediate", "senior"],
            "valid_from": "2026-01-01",
            "valid_to": "2026-12-31",
        }
        return {
            "id": "center-gz-07",
            "organization": "school-7",
            "kind": "center",
            "name": "广州考试中心",
            "region": "4401",
            "service_url": "https://exam.example/v1",
            "authorizations": [authorization],
            "events_per_second": 20,
        } | changes

    return made


async def told(engine: AsyncEngine, about: str) -> list[tuple[str, str, str]]:
    async with engine.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT action, actor_id, detail FROM audit_log "
                "WHERE about = :about AND actor_role = 'operator' AND actor_id <> 'command-line' "
                "ORDER BY at, sequence"
            ),
            {"about": about},
        )
        return [(row.action, row.actor_id, row.detail) for row in rows]


async def test_an_operator_enters_a_partner_and_reads_it(
    operator: httpx.AsyncClient, engine: AsyncEngine, a_partner: Callable[..., Asked]
) -> None:
    answer = await operator.post(ADDRESS, json=a_partner())

    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"{ADDRESS}/center-gz-07"
    entered = answer.json()
    assert entered["source"] == "/partners/center-gz-07"
    assert entered["pause"] is None
    read = await operator.get(answer.headers["Location"])
    assert read.json() == entered | {"held": {"calls": 0, "events": 0}}
    assert read.headers["ETag"] == answer.headers["ETag"]
    ((action, by, detail),) = await told(engine, "center-gz-07")
    assert (action, by) == ("partner.written", "operator-1")
    assert "广州" not in detail


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": "with space"}, "id"),
        ({"id": "../x"}, "id"),
        ({"kind": "school"}, "kind"),
        ({"name": ""}, "name"),
        ({"region": "9999"}, "region"),
        ({"region": "abc"}, "region"),
        ({"service_url": "http://exam.example"}, "service_url"),
        ({"service_url": "https://127.0.0.1"}, "service_url"),
        ({"service_url": "https://169.254.169.254/latest"}, "service_url"),
        ({"service_url": "https://2130706433"}, "service_url"),
        ({"events_per_second": 0}, "events_per_second"),
        ({"events_per_second": "fast"}, "events_per_second"),
        ({"events_per_second": 1e-320}, "events_per_second"),
        ({"events_per_second": True}, "events_per_second"),
        ({"source": "/" + "s" * 120}, "source"),
        ({"id": "p" * 111}, ""),
        ({"source": "with space"}, "source"),
        ({"secret": "whsec_"}, "secret"),
    ],
)
async def test_what_does_not_fit_is_named(
    operator: httpx.AsyncClient,
    a_partner: Callable[..., Asked],
    changes: dict[str, object],
    field: str,
) -> None:
    answer = await operator.post(ADDRESS, json=a_partner(**changes))

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"occupation": "9-99-99-99"}, "authorizations.0.occupation"),
        ({"levels": []}, "authorizations.0.levels"),
        ({"levels": ["master"]}, "authorizations.0.levels.0"),
        ({"valid_from": "2027-01-01"}, "authorizations.0"),
        ({"valid_to": "soon"}, "authorizations.0.valid_to"),
    ],
)
async def test_an_authorization_that_makes_no_sense_is_named(
    operator: httpx.AsyncClient,
    a_partner: Callable[..., Asked],
    change: dict[str, object],
    field: str,
) -> None:
    asked = a_partner()
    asked["authorizations"][0] |= change

    answer = await operator.post(ADDRESS, json=asked)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    "change", [{"id": "p" * 110}, {"id": "p" * 120, "source": "/" + "s" * 119}]
)
async def test_a_partner_can_send_under_the_source_that_it_has(
    operator: httpx.AsyncClient, a_partner: Callable[..., Asked], change: dict[str, str]
) -> None:
    entered = await operator.post(ADDRESS, json=a_partner(**change, kind="provider"))
    assert entered.status_code == 201, entered.text
    key = await operator.post(f"{ADDRESS}/{change['id']}/keys")

    body = as_body(an_event(source=entered.json()["source"]))
    headers = signed(body, secret=key.json()["secret"])
    answer = await operator.post("/v1/events", content=body, headers=headers)

    assert answer.status_code == 202, answer.text


async def test_an_id_and_a_source_belong_to_one_partner(
    operator: httpx.AsyncClient, a_partner: Callable[..., Asked]
) -> None:
    same_id = await operator.post(ADDRESS, json=a_partner(id="provider-sz-01", source="/new"))
    same_source = await operator.post(ADDRESS, json=a_partner(source="/partners/provider-sz-01"))
    moved = await operator.patch(PROVIDER, json={"source": "/partners/center-sz-01"})

    assert [answer.status_code for answer in (same_id, same_source, moved)] == [409, 409, 409]
    assert [answer.json()["rule"] for answer in (same_id, same_source, moved)] == [
        "partner.one_id",
        "partner.one_source",
        "partner.one_source",
    ]


async def test_the_same_key_enters_a_partner_once(
    operator: httpx.AsyncClient, engine: AsyncEngine, a_partner: Callable[..., Asked]
) -> None:
    headers = {"Idempotency-Key": "one"}
    first = await operator.post(ADDRESS, json=a_partner(), headers=headers)
    again = await operator.post(ADDRESS, json=a_partner(), headers=headers)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert len(await told(engine, "center-gz-07")) == 1


async def test_only_what_is_named_changes_and_a_limit_can_be_taken_away(
    operator: httpx.AsyncClient, a_partner: Callable[..., Asked]
) -> None:
    before = (await operator.post(ADDRESS, json=a_partner())).json()
    address = f"{ADDRESS}/center-gz-07"

    changed = await operator.patch(address, json={"events_per_second": None, "name": "新名"})

    assert changed.status_code == 200
    expected = before | {"events_per_second": None, "name": "新名"}
    assert changed.json() == expected | {"updated_at": changed.json()["updated_at"]}
    refused = await operator.patch(address, json={"name": None})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "name")


async def test_of_two_who_change_at_once_the_second_is_told_what_it_is_now(
    operator: httpx.AsyncClient,
) -> None:
    seen = {"If-Match": (await operator.get(PROVIDER)).headers["ETag"]}
    first = await operator.patch(PROVIDER, json={"name": "first"}, headers=seen)
    second = await operator.patch(PROVIDER, json={"name": "second"}, headers=seen)

    assert (first.status_code, second.status_code) == (200, 412)
    assert second.json()["code"] == "partner_changed"
    assert second.json()["current"] == first.json()
    assert second.headers["ETag"] == first.headers["ETag"]
    again = await operator.patch(
        PROVIDER, json={"name": "second"}, headers={"If-Match": second.headers["ETag"]}
    )
    assert again.json()["name"] == "second"


async def test_partners_are_listed_by_page_and_filter(operator: httpx.AsyncClient) -> None:
    found: list[str] = []
    query: dict[str, Any] = {"limit": 4, "region": "44"}
    while True:
        page = (await operator.get(ADDRESS, params=query)).json()
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert found == sorted(partner.id for partner in PARTNERS)

    async def ids(**asked: str) -> list[str]:
        answer = await operator.get(ADDRESS, params=asked)
        return [item["id"] for item in answer.json()["items"]]

    assert await ids(kind="center") == ["center-sz-01"]
    assert await ids(region="51") == []
    await operator.post(f"{PROVIDER}/pause", json={"reason": "down"})
    assert await ids(paused="true") == ["provider-sz-01"]
    assert len(await ids(paused="false")) == len(PARTNERS) - 1
    assert (await operator.get(ADDRESS, params={"cursor": "xx"})).status_code == 422


async def test_staff_of_its_region_read_the_public_part_only(
    app: FastAPI, issuer: Issuer, operator: httpx.AsyncClient, a_partner: Callable[..., Asked]
) -> None:
    await operator.post(ADDRESS, json=a_partner())
    answers = {}
    for role, region in (
        ("caseworker", "4401"),
        ("supervisor", "44"),
        ("supervisor", "4403"),
        ("caseworker", "440105"),
    ):
        async with client_of(app, issuer.token(role, region=region)) as client:
            answers[region] = await client.get(f"{ADDRESS}/center-gz-07")
            assert (await client.get(f"{ADDRESS}/center-gz-07/keys")).status_code == 403
            assert (await client.get(ADDRESS)).status_code == 403
            nobody = await client.get(f"{ADDRESS}/nobody")
            if answers[region].status_code == 404:
                assert answers[region].json()["detail"] == nobody.json()["detail"]
    statuses = {region: answer.status_code for region, answer in answers.items()}
    assert statuses == {"4401": 200, "44": 200, "4403": 404, "440105": 404}
    assert set(answers["4401"].json()) == {
        "id",
        "organization",
        "kind",
        "name",
        "region",
        "authorizations",
        "is_paused",
    }


async def test_a_pause_is_shown_with_its_reason_and_told_in_the_log(
    operator: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    reason = {"reason": "answers garbage; call 13800138000"}
    paused = await operator.post(f"{PROVIDER}/pause", json=reason)
    twice = await operator.post(f"{PROVIDER}/pause", json=reason)
    shown = (await operator.get(PROVIDER)).json()
    resumed = await operator.post(f"{PROVIDER}/resume", json={"reason": "repaired"})
    again = await operator.post(f"{PROVIDER}/resume", json={"reason": "repaired"})

    statuses = [answer.status_code for answer in (paused, twice, resumed, again)]
    assert statuses == [200, 409, 200, 409]
    assert shown["pause"]["by"] == "operator-1"
    assert shown["pause"]["reason"].startswith("answers garbage")
    assert "13800138000" not in shown["pause"]["reason"]
    assert resumed.json()["pause"] is None
    actions = [action for action, _, _ in await told(engine, "provider-sz-01")]
    assert actions == ["partner.paused", "partner.resumed"]


@pytest.mark.parametrize("command", ["pause", "resume", "keys", "keys/rotate"])
async def test_a_partner_that_is_not_there_has_nothing_to_change(
    operator: httpx.AsyncClient, command: str
) -> None:
    body = {"reason": "x"} if command in ("pause", "resume") else {}
    answer = await operator.post(f"{ADDRESS}/nobody/{command}", json=body)
    assert answer.status_code == 404
