"""What waits for a second person is withdrawn by either, and lapses by itself."""

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.second_person import WAITS_FOR
from processes.task_sweep import TaskSweep
from tests.api.issuer import Issuer
from tests.api.people import a_journey
from tests.api.test_persons import audit_of, client, opened
from tests.api.test_quarantine import COMPLETED, a_case, audited, kept, release, supervisor
from tests.store.samples import closed

WISH = {"reason": "her wish"}
NOT_SO = {"reason": "she thought better of it"}


async def aged(engine: AsyncEngine, table: str) -> None:
    """What was asked for in the table was asked for so long ago that it has lapsed."""
    async with engine.begin() as connection:
        await connection.execute(
            text(f"UPDATE {table} SET at = at - CAST(:by AS interval)"), {"by": WAITS_FOR}
        )


async def test_nobody_is_erased_while_a_row_of_a_cohort_says_who_she_is(
    app: FastAPI, issuer: Issuer, caseworker: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    person, ref, journey_id = await opened(caseworker)
    await closed(engine, journey_id)
    address = f"/v1/persons/{ref}/erase"
    row = a_journey(person=person, level="senior")

    async with (
        client(app, issuer, "supervisor", "ann", "4403") as ann,
        client(app, issuer, "supervisor", "bob", "4403") as bob,
    ):
        await ann.post(address, json=WISH)
        cohort = await caseworker.post("/v1/cohorts", json={"rows": [row, a_journey()]})
        waiting = await bob.post(address, json=WISH)
        canceled = await caseworker.post(f"{cohort.json()['links']['self']}/cancel")
        done = await bob.post(address, json=WISH)

    assert (waiting.status_code, waiting.json()["rule"]) == (409, "erasure.no_open_journey")
    assert (canceled.json()["canceled"], done.status_code) == (2, 200)
    async with engine.connect() as connection:
        kept = text("SELECT count(*) FROM cohort_rows WHERE num_nonnulls(sealed, id_lookup) > 0")
        assert await connection.scalar(kept) == 0


@pytest.mark.parametrize("who", ["ann", "bob"])
async def test_an_erasure_is_withdrawn_by_either_and_then_asked_for_anew(
    app: FastAPI, issuer: Issuer, caseworker: httpx.AsyncClient, engine: AsyncEngine, who: str
) -> None:
    _, ref, journey_id = await opened(caseworker)
    await closed(engine, journey_id)
    address = f"/v1/persons/{ref}/erase"

    async with (
        client(app, issuer, "supervisor", "ann", "4403") as ann,
        client(app, issuer, "supervisor", "bob", "4403") as bob,
    ):
        await ann.post(address, json=WISH)
        by = ann if who == "ann" else bob
        done = await by.post(f"{address}/withdraw", json=NOT_SO)
        twice = await by.post(f"{address}/withdraw", json=NOT_SO)
        shown = (await ann.get(f"/v1/persons/{ref}")).json()
        anew = await bob.post(address, json=WISH)

    assert (done.status_code, done.json()["status"], done.json()["by"]["id"]) == (
        200,
        "withdrawn",
        who,
    )
    assert (twice.status_code, twice.json()["rule"]) == (409, "erasure.none_asked")
    assert (shown["erasure"], shown["erased_at"]) == (None, None)
    assert (anew.status_code, anew.json()["by"]["id"]) == (202, "bob")
    (line,) = await audit_of(engine, "person.erasure_withdrawn")
    assert (line[0], line[1]) == (who, ref)


async def test_an_erasure_that_waited_too_long_is_asked_for_anew(
    app: FastAPI, issuer: Issuer, caseworker: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    _, ref, journey_id = await opened(caseworker)
    await closed(engine, journey_id)
    address = f"/v1/persons/{ref}/erase"

    async with (
        client(app, issuer, "supervisor", "ann", "4403") as ann,
        client(app, issuer, "supervisor", "bob", "4403") as bob,
    ):
        await ann.post(address, json=WISH)
        await aged(engine, "erasures_asked")
        shown = (await bob.get(f"/v1/persons/{ref}")).json()
        nothing = await bob.post(f"{address}/withdraw", json=NOT_SO)
        answers = [await who.post(address, json=WISH) for who in (bob, bob, ann)]

    assert shown["erasure"] is None
    assert nothing.json()["rule"] == "erasure.none_asked"
    assert [answer.status_code for answer in answers] == [202, 409, 200]


async def test_an_erasure_lapses_with_a_journey_that_is_opened_meanwhile(
    app: FastAPI, issuer: Issuer, caseworker: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    person, ref, journey_id = await opened(caseworker)
    await closed(engine, journey_id)
    address = f"/v1/persons/{ref}/erase"

    async with (
        client(app, issuer, "supervisor", "ann", "4403") as ann,
        client(app, issuer, "supervisor", "bob", "4403") as bob,
    ):
        await ann.post(address, json=WISH)
        again = await caseworker.post("/v1/journeys", json=a_journey(person=person))
        while_open = await bob.post(address, json=WISH)
        await closed(engine, again.json()["id"])
        after = await bob.post(address, json=WISH)

    assert (again.status_code, again.json()["person_ref"]) == (201, ref)
    assert (while_open.status_code, while_open.json()["rule"]) == (409, "erasure.no_open_journey")
    assert (after.status_code, after.json()["by"]["id"]) == (202, "bob")


async def test_a_release_that_another_declines_is_asked_for_anew(
    app: FastAPI,
    issuer: Issuer,
    engine: AsyncEngine,
    stranger: httpx.AsyncClient,
    caseworker: httpx.AsyncClient,
) -> None:
    journey_id = await a_case(caseworker)
    receipt = await kept(stranger, engine, **COMPLETED)
    address = f"/v1/quarantine/{receipt}/withdraw"

    async with supervisor(app, issuer, "ann") as ann, supervisor(app, issuer, "bob") as bob:
        await release(ann, receipt, subject=journey_id)
        done = await bob.post(address, json=NOT_SO)
        twice = await ann.post(address, json=NOT_SO)
        (listed,) = (await bob.get("/v1/quarantine")).json()["items"]
        left = (await bob.get("/v1/tasks")).json()["items"]
        answers = [await release(one, receipt, subject=journey_id) for one in (ann, bob)]

    assert (done.status_code, done.json()["status"], done.json()["by"]) == (200, "withdrawn", "bob")
    assert (twice.status_code, twice.json()["rule"]) == (409, "quarantine.none_asked")
    assert listed["awaits"] is None
    assert left == []
    assert [answer.status_code for answer in answers] == [202, 200]
    assert ("event.release_withdrawn", "bob") in await audited(engine, receipt)


async def test_a_release_that_waited_too_long_is_asked_for_anew(
    app: FastAPI,
    issuer: Issuer,
    engine: AsyncEngine,
    stranger: httpx.AsyncClient,
    caseworker: httpx.AsyncClient,
) -> None:
    journey_id = await a_case(caseworker)
    receipt = await kept(stranger, engine, **COMPLETED)

    async with supervisor(app, issuer, "ann") as ann, supervisor(app, issuer, "bob") as bob:
        await release(ann, receipt, subject=journey_id)
        await aged(engine, "quarantine_decisions")
        async with engine.begin() as connection:
            older = text("UPDATE tasks SET raised_at = raised_at - CAST(:by AS interval)")
            await connection.execute(older, {"by": WAITS_FOR})
        await TaskSweep(engine, WAITS_FOR * 2).sweep()
        (listed,) = (await bob.get("/v1/quarantine")).json()["items"]
        left = (await bob.get("/v1/tasks")).json()["items"]
        answers = [await release(one, receipt, subject=journey_id) for one in (bob, ann)]

    assert listed["awaits"] is None
    assert left == []
    assert [answer.status_code for answer in answers] == [202, 200]
