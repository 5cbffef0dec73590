"""Events of one partner that come at once share a statement; each has its own answer."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app
from api.dependencies import ApiDependencies, Limits
from api.door import Door
from api.keeping import MOST_TOGETHER
from api.problems import Unavailable
from store.inbox import Arrival, Received, Variant, canonical, receive
from tests.api.conftest import client_of
from tests.api.partners import an_event, as_body, signed
from tests.vault import VAULT

EVENTS = "/v1/events"
SOON_REFUSED = Limits(database_answer=timedelta(seconds=2))
MANY = 1000


def an_arrival(partner: str, event_id: str, said: str = "") -> Arrival:
    whole = canonical({"id": event_id, "said": said})
    return Arrival(
        source=f"/partners/{partner}",
        event_id=event_id,
        partner=partner,
        type="journeyman.enrollment.confirmed.v1",
        subject="enr-1",
        time=None,
        sequence=None,
        data={},
        canonical=whole,
        raw=whole,
    )


@pytest.fixture
def door(app: FastAPI) -> Door:
    found: Door = app.state.door
    return found


async def test_those_at_once_are_answered_as_if_each_had_come_alone(
    door: Door, engine: AsyncEngine
) -> None:
    arrivals = [an_arrival("a", f"ev-{number // 3}") for number in range(150)]
    arrivals += [an_arrival("a", "ev-0", "another"), an_arrival("b", "ev-0")]

    answers = await asyncio.gather(*(door.keeping.keep(arrival) for arrival in arrivals))

    firsts = [a for a in answers if isinstance(a, Received) and not a.repeat]
    repeats = [a for a in answers if isinstance(a, Received) and a.repeat]
    variants = [a for a in answers if isinstance(a, Variant)]
    assert (len(firsts), len(repeats), len(variants)) == (51, 100, 1)
    assert {a.original for a in (*repeats, *variants)} <= {a.receipt for a in firsts}
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM inbox")) == 51
        order = await connection.scalars(
            text("SELECT event_id FROM inbox WHERE partner = 'a' ORDER BY arrival")
        )
        assert list(order) == [f"ev-{number}" for number in range(50)]


async def test_one_partner_s_lock_keeps_nobody_else_waiting(
    deps: ApiDependencies, engine: AsyncEngine
) -> None:
    door: Door = create_app(deps).state.door
    now = deps.clock()
    async with engine.connect() as holder:
        await receive(holder, VAULT, an_arrival("a", "ev-1"), now)
        waits = asyncio.create_task(door.keeping.keep(an_arrival("a", "ev-1")))
        behind = asyncio.create_task(door.keeping.keep(an_arrival("a", "ev-2")))
        async with asyncio.timeout(30):
            answer = await door.keeping.keep(an_arrival("b", "ev-1"))
        assert isinstance(answer, Received)
        assert not waits.done()
        assert not behind.done()
        await holder.rollback()
    assert [(await task).original for task in (waits, behind)] == [None, None]


async def test_who_goes_away_takes_nobody_along(door: Door, engine: AsyncEngine) -> None:
    tasks = [
        asyncio.create_task(door.keeping.keep(an_arrival("a", f"ev-{number}")))
        for number in range(10)
    ]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()

    answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert all(isinstance(answer, Received) for answer in answers[1::2])
    assert isinstance(await door.keeping.keep(an_arrival("a", "ev-last")), Received)


async def test_while_the_database_hangs_each_is_told_so_and_none_was_kept(
    deps: ApiDependencies, engine: AsyncEngine
) -> None:
    app = create_app(replace(deps, limits=SOON_REFUSED))

    async def send(client: httpx.AsyncClient) -> int:
        body = as_body(an_event())
        answer = await client.post(EVENTS, content=body, headers=signed(body))
        return answer.status_code

    async with client_of(app) as client:
        assert await send(client) == 202
        async with engine.begin() as holder:
            await holder.execute(text("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE"))
            statuses = await asyncio.gather(*(send(client) for _ in range(8)))
        assert set(statuses) == {503}
        assert await send(client) == 202
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM inbox")) == 2


async def test_while_the_database_hangs_hundreds_wait_no_longer_than_a_few(
    deps: ApiDependencies, engine: AsyncEngine
) -> None:
    door: Door = create_app(replace(deps, limits=SOON_REFUSED)).state.door
    in_turn = SOON_REFUSED.database_answer.total_seconds()
    async with engine.begin() as holder:
        await holder.execute(text("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE"))
        async with asyncio.timeout(MANY / MOST_TOGETHER / 2 * in_turn):
            answers = await asyncio.gather(
                *(door.keeping.keep(an_arrival("a", f"ev-{number}")) for number in range(MANY)),
                return_exceptions=True,
            )
    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert isinstance(await door.keeping.keep(an_arrival("a", "ev-last")), Received)
