"""Supervisors see what lies in quarantine in their region, and let it go on or end it, once."""

import asyncio
from collections import Counter

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.journal import RecordBatch, SharedReference
from store.records import PostgresJournal
from store.sealed_events import open_event
from tests.api.conftest import client_of
from tests.api.issuer import Issuer
from tests.api.kept_events import (
    COMPLETED,
    MISFIT,
    a_case,
    audited,
    kept,
    partner,
    send,
    sort_all,
    supervisor,
)
from tests.store.samples import a_batch
from tests.vault import VAULT

PERSONAL = "call 13800138000"


def sharing(journey_id: str, ref: str, by: str = "provider-sz-01") -> RecordBatch:
    return a_batch(journey_id, 1, references=(SharedReference(ref=ref, partner=by),))


async def release(client: httpx.AsyncClient, receipt: str, **asked: object) -> httpx.Response:
    body = {"reason": "the partner called"} | asked
    return await client.post(f"/v1/quarantine/{receipt}/release", json=body)


async def reject(client: httpx.AsyncClient, receipt: str) -> httpx.Response:
    body = {"reason": "it is not about any trainee of ours"}
    return await client.post(f"/v1/quarantine/{receipt}/reject", json=body)


async def test_it_lists_who_sent_what_about_what_when_and_why(
    app: FastAPI, issuer: Issuer, engine: AsyncEngine, stranger: httpx.AsyncClient
) -> None:
    unknown = await kept(stranger, engine, subject="enr-7")
    misfit = await kept(stranger, engine, data=MISFIT)

    async with supervisor(app, issuer, "ann") as ann:
        page = (await ann.get("/v1/quarantine")).json()
        by_reason = (await ann.get("/v1/quarantine", params={"reason": "schema"})).json()

    rows = {row["receipt"]: row for row in page["items"]}
    assert rows.keys() == {unknown, misfit}
    assert rows[unknown] | {"since": 0, "received_at": 0, "event_id": 0, "detail": 0} == {
        "receipt": unknown,
        "source": "/partners/provider-sz-01",
        "event_id": 0,
        "partner": "provider-sz-01",
        "type": "journeyman.enrollment.confirmed.v1",
        "subject": "enr-7",
        "journey_id": None,
        "received_at": 0,
        "since": 0,
        "reason": "unknown_subject",
        "detail": 0,
        "awaits": None,
    }
    assert "data.cohort" in rows[misfit]["detail"]
    assert [row["receipt"] for row in by_reason["items"]] == [misfit]


async def test_pages_go_from_the_oldest_on(
    app: FastAPI, issuer: Issuer, engine: AsyncEngine, stranger: httpx.AsyncClient
) -> None:
    receipts = [await kept(stranger, engine, subject=f"enr-{n}") for n in range(5)]

    seen, cursor = [], None
    async with supervisor(app, issuer, "ann") as ann:
        while True:
            params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            page = (await ann.get("/v1/quarantine", params=params)).json()
            seen += [row["receipt"] for row in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        old = await ann.get("/v1/quarantine", params={"older_than": "2026-01-01T00:00:00Z"})
        bad = await ann.get("/v1/quarantine", params={"cursor": "abc"})

    assert seen == receipts
    assert old.json()["items"] == []
    assert bad.status_code == 422


async def test_another_regions_events_are_not_there(
    app: FastAPI,
    issuer: Issuer,
    engine: AsyncEngine,
    stranger: httpx.AsyncClient,
    caseworker: httpx.AsyncClient,
) -> None:
    """A journey's event is its home's, one of an unknown journey its partner's."""
    of_journey = await kept(stranger, engine, subject=await a_case(caseworker), data=MISFIT)
    of_partner = await kept(stranger, engine)
    seen: dict[str, set[str]] = {}
    for region in ("4403", "440305", "440304", "44", "51"):
        async with supervisor(app, issuer, "ann", region) as ann:
            page = (await ann.get("/v1/quarantine")).json()
            seen[region] = {row["receipt"] for row in page["items"]}
            if region == "51":
                answers = [
                    await ann.get(f"/v1/quarantine/{of_journey}"),
                    await release(ann, of_journey),
                    await reject(ann, of_partner),
                    await reject(ann, "rc_" + "0" * 32),
                ]

    both = {of_journey, of_partner}
    assert seen == {
        "4403": both,
        "440305": both,
        "44": both,
        "440304": {of_partner},
        "51": set(),
    }
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.json()["detail"] for answer in answers}) == 1


async def test_a_look_at_what_it_says_is_masked_and_in_the_audit_log(
    app: FastAPI, issuer: Issuer, engine: AsyncEngine, stranger: httpx.AsyncClient
) -> None:
    receipt = await kept(stranger, engine, data=MISFIT | {"site": PERSONAL})

    async with supervisor(app, issuer, "ann") as ann:
        shown = await ann.get(f"/v1/quarantine/{receipt}")

    assert shown.json()["data"] == MISFIT | {"site": "call [withheld]"}
    assert shown.headers["Cache-Control"] == "no-store"
    assert ("event.read", "ann") in await audited(engine, receipt)


async def test_a_release_whose_journey_is_still_unknown_is_refused_and_changes_nothing(
    app: FastAPI, issuer: Issuer, engine: AsyncEngine, stranger: httpx.AsyncClient
) -> None:
    receipt = await kept(stranger, engine)

    async with supervisor(app, issuer, "ann") as ann:
        answer = await release(ann, receipt)
        elsewhere = await release(ann, receipt, subject="jn_" + "0" * 32)
        listed = (await ann.get("/v1/quarantine")).json()["items"]

    assert answer.status_code == elsewhere.status_code == 409
    assert answer.json()["rule"] == elsewhere.json()["rule"] == "quarantine.subject_unknown"
    assert [row["receipt"] for row in listed] == [receipt]


async def test_a_journey_of_another_region_is_as_unknown_as_none(
    app: FastAPI,
    issuer: Issuer,
    engine: AsyncEngine,
    stranger: httpx.AsyncClient,
    caseworker: httpx.AsyncClient,
) -> None:
    journey_id = await a_case(caseworker, home_region="440305")
    receipt = await kept(stranger, engine)

    async with supervisor(app, issuer, "ann", "440304") as ann:
        answer = await release(ann, receipt, subject=journey_id)

    assert (answer.status_code, answer.json()["rule"]) == (409, "quarantine.subject_unknown")


async def test_a_corrected_subject_puts_it_on_its_way(
    app: FastAPI,
    issuer: Issuer,
    engine: AsyncEngine,
    stranger: httpx.AsyncClient,
    caseworker: httpx.AsyncClient,
) -> None:
    journey_id = await a_case(caseworker)
    receipt = await kept(stranger, engine, subject="enr-typo")

    async with supervisor(app, issuer, "ann") as ann:
        answer = await release(ann, receipt, subject=journey_id)
    async with partner(app, issuer) as provider:
        shown = (await provider.get(f"/v1/events/{receipt}")).json()

    assert (answer.status_code, answer.json()["journey_id"]) == (200, journey_id)
    assert answer.json()["status"] == shown["status"] == "received"
    assert (shown["subject"], shown["reason"]) == (journey_id, "")
    assert await audited(engine, receipt) == [
        ("event.received", "provider-sz-01"),
        ("event.quarantined", "journeyman"),
        ("event.released", "ann"),
    ]


async def test_corrected_data_takes_the_place_of_misfit_data_and_the_body_stays(
    app: FastAPI,
    issuer: Issuer,
    engine: AsyncEngine,
    stranger: httpx.AsyncClient,
    caseworker: httpx.AsyncClient,
) -> None:
    receipt = await kept(stranger, engine, subject=await a_case(caseworker), data=MISFIT)

    async with supervisor(app, issuer, "ann") as ann:
        without = await release(ann, receipt)
        misfit = await release(ann, receipt, data={"cohort": 8})
        fitting = await release(ann, receipt, data={"cohort": "8", "site": PERSONAL})

    assert (without.status_code, without.json()["rule"]) == (409, "quarantine.schema")
    assert misfit.status_code == 422
    assert misfit.json()["errors"][0]["field"] == "data.cohort"
    assert fitting.status_code == 200
    async with engine.connect() as connection:
        sealed = await connection.scalar(
            text("SELECT sealed FROM inbox WHERE receipt = :of"), {"of": receipt}
        )
    data, raw = open_event(VAULT, receipt, sealed)
    assert data == b'{"cohort":"8","site":"call [withheld]"}'
    assert b'"cohort": 7' in raw


async def test_data_that_was_not_at_fault_is_not_corrected(
    app: FastAPI, issuer: Issuer, engine: AsyncEngine, stranger: httpx.AsyncClient
) -> None:
    receipt = await kept(stranger, engine)

    async with supervisor(app, issuer, "ann") as ann:
        answer = await release(ann, receipt, data={"cohort": "8"})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "data")


async def test_a_release_that_changes_a_result_takes_two_persons_who_say_the_same(
    app: FastAPI,
    issuer: Issuer,
    engine: AsyncEngine,
    stranger: httpx.AsyncClient,
    caseworker: httpx.AsyncClient,
) -> None:
    journey_id = await a_case(caseworker)
    receipt = await kept(stranger, engine, **COMPLETED)

    async with supervisor(app, issuer, "ann") as ann, supervisor(app, issuer, "bob") as bob:
        first = await release(ann, receipt, subject=journey_id)
        again = await release(ann, receipt, subject=journey_id)
        (listed,) = (await bob.get("/v1/quarantine")).json()["items"]
        (task,) = (await bob.get("/v1/tasks")).json()["items"]
        second = await release(bob, receipt, subject=journey_id, reason="I agree")
        third = await release(bob, receipt, subject=journey_id)
        left = (await bob.get("/v1/tasks")).json()["items"]

    assert (first.status_code, first.json()["status"]) == (202, "awaiting_second_person")
    assert (again.status_code, again.json()["code"]) == (409, "second_person_needed")
    assert listed["awaits"]["by"] == "ann"
    assert listed["awaits"]["subject"] == journey_id
    assert (task["kind"], task["about"]) == ("second_person", receipt)
    assert (second.status_code, second.json()["journey_id"]) == (200, journey_id)
    assert (third.status_code, third.json()["rule"]) == (409, "quarantine.settled")
    assert left == []
    assert [line for line in await audited(engine, receipt) if "release" in line[0]] == [
        ("event.release_asked", "ann"),
        ("event.released", "bob"),
    ]


async def test_a_second_person_with_another_correction_asks_anew(
    app: FastAPI,
    issuer: Issuer,
    engine: AsyncEngine,
    stranger: httpx.AsyncClient,
    caseworker: httpx.AsyncClient,
) -> None:
    one, other = await a_case(caseworker), await a_case(caseworker)
    receipt = await kept(stranger, engine, **COMPLETED)

    async with supervisor(app, issuer, "ann") as ann, supervisor(app, issuer, "bob") as bob:
        answers = [
            await release(ann, receipt, subject=one),
            await release(bob, receipt, subject=other),
            await release(bob, receipt, subject=other),
            await release(ann, receipt, subject=other),
        ]

    assert [answer.status_code for answer in answers] == [202, 202, 409, 200]
    assert answers[-1].json()["journey_id"] == other


async def test_a_rejected_event_is_final_and_its_sender_reads_why(
    app: FastAPI, issuer: Issuer, engine: AsyncEngine, stranger: httpx.AsyncClient
) -> None:
    receipt = await kept(stranger, engine)

    async with supervisor(app, issuer, "ann") as ann:
        answer = await reject(ann, receipt)
        again = await reject(ann, receipt)
        gone = await ann.get(f"/v1/quarantine/{receipt}")
    async with partner(app, issuer) as provider:
        shown = (await provider.get(f"/v1/events/{receipt}")).json()

    assert answer.status_code == 200
    assert (again.status_code, again.json()["rule"]) == (409, "quarantine.settled")
    assert gone.status_code == 404
    assert (shown["status"], shown["reason"]) == ("rejected", "unknown_subject")
    assert shown["detail"] == "it is not about any trainee of ours"
    assert (await audited(engine, receipt))[-1] == ("event.rejected", "ann")


async def test_the_same_key_gets_the_same_answer_and_decides_once(
    app: FastAPI, issuer: Issuer, engine: AsyncEngine, stranger: httpx.AsyncClient
) -> None:
    receipt = await kept(stranger, engine)

    async with supervisor(app, issuer, "ann") as ann:
        answers = [
            await ann.post(
                f"/v1/quarantine/{receipt}/reject",
                json={"reason": "no trainee of ours"},
                headers={"Idempotency-Key": "k-1"},
            )
            for _ in range(2)
        ]

    assert answers[0].status_code == answers[1].status_code == 200
    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize("round_", range(3))
async def test_of_many_who_decide_at_once_one_settles_it(
    app: FastAPI,
    issuer: Issuer,
    engine: AsyncEngine,
    stranger: httpx.AsyncClient,
    caseworker: httpx.AsyncClient,
    *,
    round_: int,
) -> None:
    """Supervisors who release, supervisors who reject, and the record that makes it known."""
    journey_id = await a_case(caseworker)
    subject = f"enr-{round_}"
    receipt = await kept(stranger, engine, subject=subject)
    async with supervisor(app, issuer, "ann") as ann, supervisor(app, issuer, "bob") as bob:
        answers = await asyncio.gather(
            release(ann, receipt, subject=journey_id),
            release(bob, receipt, subject=journey_id),
            reject(ann, receipt),
            reject(bob, receipt),
            PostgresJournal(engine).record(sharing(journey_id, subject)),
        )
    await sort_all(engine)

    statuses = Counter(
        answer.status_code for answer in answers if isinstance(answer, httpx.Response)
    )
    assert set(statuses) <= {200, 409}
    settled = [line for line in await audited(engine, receipt) if "received" not in line[0]]
    assert len(settled) == 2, "put into quarantine once, and out of it once"
    assert statuses[200] == (1 if settled[1][1] != "journeyman" else 0)


async def test_what_is_shared_by_then_settles_at_the_sender_only(
    app: FastAPI,
    issuer: Issuer,
    engine: AsyncEngine,
    stranger: httpx.AsyncClient,
    caseworker: httpx.AsyncClient,
) -> None:
    """Another partner's reference: not released as it is, and not by its being shared again."""
    journey_id = await a_case(caseworker)
    await PostgresJournal(engine).record(sharing(journey_id, "enr-1", by="center-sz-01"))
    receipt = await kept(stranger, engine)

    async with supervisor(app, issuer, "ann") as ann:
        answer = await release(ann, receipt)
        corrected = await release(ann, receipt, subject=journey_id)

    assert (answer.status_code, answer.json()["rule"]) == (409, "quarantine.not_yours")
    assert corrected.status_code == 200


async def test_the_journal_says_who_released_what_was_applied(
    app: FastAPI,
    issuer: Issuer,
    engine: AsyncEngine,
    stranger: httpx.AsyncClient,
    caseworker: httpx.AsyncClient,
) -> None:
    journey_id = await a_case(caseworker)
    receipt = await kept(stranger, engine)
    async with supervisor(app, issuer, "ann") as ann:
        await release(ann, receipt, subject=journey_id, reason="a typo, says the school")
    batch = a_batch(journey_id, 1)
    line = batch.entries[0].model_copy(update={"receipt": receipt, "detail": "confirmed"})
    await PostgresJournal(engine).record(batch.model_copy(update={"entries": (line,)}))

    (shown,) = (await caseworker.get(f"/v1/journeys/{journey_id}/timeline")).json()["items"]

    assert shown["detail"] == "confirmed (released from quarantine by ann: a typo, says the school)"


@pytest.mark.parametrize("role", ["caseworker", "auditor", "operator", "partner"])
async def test_it_is_for_supervisors(app: FastAPI, issuer: Issuer, role: str) -> None:
    async with client_of(app, issuer.token(role, region="4403", partner="provider-sz-01")) as who:
        answer = await who.get("/v1/quarantine")

    assert answer.status_code == 403


async def test_a_repeat_of_what_was_corrected_is_still_a_repeat(
    app: FastAPI,
    issuer: Issuer,
    engine: AsyncEngine,
    stranger: httpx.AsyncClient,
    caseworker: httpx.AsyncClient,
) -> None:
    journey_id = await a_case(caseworker)
    sent = await send(stranger, subject="enr-typo")
    await sort_all(engine)
    async with supervisor(app, issuer, "ann") as ann:
        await release(ann, sent["receipt"], subject=journey_id)

    again = await send(stranger, **sent["event"])

    assert (again["status"], again["of"]) == ("duplicate", sent["receipt"])
