"""Calls to a paused partner wait in line, and go in the order in which they were first asked."""

from collections.abc import Iterable
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.commands import Actor
from store.held_calls import LATEST, PER_PLACE, SOONEST, HeldCalls
from store.pauses import held_for, pause, resume
from tests.store.samples import PROVIDER, now

OPERATOR = Actor(id="op-1", role="operator")


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def gate_of(engine: AsyncEngine, at_once: int = 2) -> HeldCalls:
    """A gate that looks anew at each question."""
    clock = Clock()

    def ever_later() -> float:
        clock.now += 10
        return clock.now

    return HeldCalls(engine, at_once=at_once, monotonic=ever_later)


async def paused(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        assert await pause(connection, PROVIDER, "answers garbage", by=OPERATOR, now=now())


async def resumed(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        assert await resume(connection, PROVIDER, "repaired", by=OPERATOR, now=now())


async def waiting(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return (await held_for(connection, PROVIDER)).calls


async def let_through(gate: HeldCalls, calls: Iterable[str]) -> list[str]:
    return [call for call in calls if await gate.ask(PROVIDER, call) is None]


async def overdue(engine: AsyncEngine, call: str, by: timedelta) -> None:
    async with engine.begin() as connection:
        await connection.execute(
            text("UPDATE held_calls SET asks_again_at = :at WHERE call = :call"),
            {"at": now() - by, "call": call},
        )


async def test_calls_to_a_partner_that_is_not_paused_go_and_leave_no_trace(
    store: AsyncEngine,
) -> None:
    gate = gate_of(store)
    assert await gate.ask(PROVIDER, "a") is None
    assert await waiting(store) == 0
    await gate.leave(PROVIDER, "a")


async def test_while_a_partner_is_paused_nobody_gets_through_but_to_others(
    store: AsyncEngine,
) -> None:
    gate = gate_of(store)
    await paused(store)
    assert await let_through(gate, "abca") == []
    assert await waiting(store) == 3, "a call that asks again keeps its place"
    assert await gate.ask("registry-gd", "d") is None


async def test_after_a_resume_calls_go_in_order_a_few_at_a_time(store: AsyncEngine) -> None:
    gate = gate_of(store, at_once=2)
    await paused(store)
    await let_through(gate, "abcde")
    await resumed(store)
    assert await let_through(gate, "edcba") == ["b", "a"]
    assert await let_through(gate, "edc") == [], "two are under way"
    await gate.leave(PROVIDER, "a")
    assert await let_through(gate, "edc") == ["c"]
    await gate.leave(PROVIDER, "b")
    await gate.leave(PROVIDER, "c")
    assert await let_through(gate, "ed") == ["e", "d"]
    for call in "de":
        await gate.leave(PROVIDER, call)
    assert await waiting(store) == 0


async def test_a_call_that_comes_new_goes_behind_those_in_line(store: AsyncEngine) -> None:
    gate = gate_of(store, at_once=1)
    await paused(store)
    await let_through(gate, "ab")
    await resumed(store)
    assert await let_through(gate, "cba") == ["a"]
    await gate.leave(PROVIDER, "a")
    assert await let_through(gate, "cb") == ["b"]
    await gate.leave(PROVIDER, "b")
    assert await let_through(gate, "c") == ["c"]


async def test_the_line_is_the_same_for_another_worker_and_after_a_restart(
    store: AsyncEngine,
) -> None:
    first, second = gate_of(store, at_once=1), gate_of(store, at_once=1)
    await paused(store)
    assert await let_through(first, "ac") == []
    assert await let_through(second, "b") == []
    await resumed(store)
    assert await let_through(second, "cba") == ["a"]
    assert await let_through(gate_of(store, at_once=1), "cba") == ["a"], "it was killed in the call"


async def test_a_call_that_does_not_come_back_is_passed_over(store: AsyncEngine) -> None:
    gate = gate_of(store, at_once=1)
    await paused(store)
    await let_through(gate, "abc")
    await resumed(store)
    await overdue(store, "a", timedelta(seconds=50))
    assert await let_through(gate, "b") == [], "it may be a little late"
    await overdue(store, "a", timedelta(seconds=70))
    assert await let_through(gate, "b") == ["b"]
    assert await waiting(store) == 3
    await overdue(store, "a", timedelta(hours=2))
    await gate.leave(PROVIDER, "b")
    assert await let_through(gate, "c") == ["c"]
    await gate.leave(PROVIDER, "c")
    assert await waiting(store) == 0, "its journey has ended"


async def test_a_long_pause_forgets_nobody(store: AsyncEngine) -> None:
    gate = gate_of(store)
    await paused(store)
    await let_through(gate, "a")
    await overdue(store, "a", timedelta(days=3))
    await let_through(gate, "b")
    assert await waiting(store) == 2


async def test_the_further_back_the_later_a_call_asks_again(store: AsyncEngine) -> None:
    await paused(store)
    async with store.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO held_calls SELECT :of, 'c' || n, :at, :at, :at "
                "FROM generate_series(1, 3000) AS n"
            ),
            {"of": PROVIDER, "at": now()},
        )
        await connection.execute(text("DELETE FROM held_calls WHERE call > 'c1099'"))
    first = await gate_of(store).ask(PROVIDER, "c1")
    last = await gate_of(store).ask(PROVIDER, "new")
    ahead = await waiting(store) - 1
    assert first == SOONEST
    assert last == min(ahead * PER_PLACE, LATEST)


async def test_a_pause_is_believed_for_a_second(store: AsyncEngine) -> None:
    clock = Clock()
    gate = HeldCalls(store, monotonic=clock)
    assert await gate.ask(PROVIDER, "a") is None
    await paused(store)
    assert await gate.ask(PROVIDER, "b") is None
    clock.now += 1
    assert await gate.ask(PROVIDER, "c") is not None


async def test_pausing_twice_changes_nothing(store: AsyncEngine) -> None:
    await paused(store)
    async with store.begin() as connection:
        assert not await pause(connection, PROVIDER, "again", by=OPERATOR, now=now())
        assert not await pause(connection, "nobody", "again", by=OPERATOR, now=now())
        reason = text("SELECT pause_reason FROM partners WHERE partner_id = :of")
        assert await connection.scalar(reason, {"of": PROVIDER}) == "answers garbage"
    await resumed(store)
    async with store.begin() as connection:
        assert not await resume(connection, PROVIDER, "again", by=OPERATOR, now=now())


@pytest.mark.parametrize("change", ["paused", "resumed"])
async def test_a_pause_is_told_in_the_audit_log(store: AsyncEngine, change: str) -> None:
    await paused(store)
    await resumed(store)
    async with store.connect() as connection:
        found = await connection.scalar(
            text("SELECT detail FROM audit_log WHERE about = :of AND action = :action"),
            {"of": PROVIDER, "action": f"partner.{change}"},
        )
    assert "reason" in str(found)
