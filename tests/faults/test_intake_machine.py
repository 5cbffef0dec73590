"""Promise 13: the intake protocol is right by search, and the search finds what is not.

Every participant may crash after each of its writes; the names of the rules name the points.
"""

import asyncio
from collections.abc import Awaitable, Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy.ext.asyncio import AsyncEngine

from store.database import create_engine
from tests.faults.intake_protocol import IntakeProtocol, Planted
from tests.store.samples import prepare, running

EVENTS = 6
HANDS = st.integers(0, 2)
Answer = Awaitable[None]


class IntakeMachine(RuleBasedStateMachine):
    """Any order of the participants' steps, and of their crashes."""

    runner: asyncio.Runner
    engine: AsyncEngine
    planted: Planted | None = None

    def __init__(self) -> None:
        super().__init__()
        journey_id = self.runner.run(running(self.engine))
        self.protocol = IntakeProtocol(self.engine, journey_id, self.planted, EVENTS)

    def take(self, step: Answer) -> None:
        self.runner.run(_finish(step))

    @rule(number=st.integers(0, EVENTS - 1))
    def send(self, number: int) -> None:
        self.take(self.protocol.send(number))

    @rule(number=HANDS)
    def commit_and_answer(self, number: int) -> None:
        self.take(self.protocol.commit(number, answered=True))

    @rule(number=st.integers(0, EVENTS - 1))
    def send_again_what_may_have_been_sent(self, number: int) -> None:
        self.take(self.protocol.send(number))
        self.take(self.protocol.commit(len(self.protocol.underway) - 1, answered=True))

    @rule(number=HANDS)
    def crash_after_commit(self, number: int) -> None:
        self.take(self.protocol.commit(number, answered=False))

    @rule()
    def crash_before_commit(self) -> None:
        self.take(self.protocol.crash_door())

    @rule()
    def sort(self) -> None:
        self.take(self.protocol.sort())

    @rule(held=st.booleans())
    def lease(self, held: bool) -> None:
        self.take(self.protocol.lease(held=held))

    @rule()
    def crash_after_lease(self) -> None:
        self.protocol.crash_relays()

    @rule(number=HANDS)
    def crash_after_signal(self, number: int) -> None:
        self.take(self.protocol.signal(number))

    @rule(number=HANDS)
    def signal_and_mark(self, number: int) -> None:
        self.take(self.protocol.mark(number))

    @rule()
    def work_and_record(self) -> None:
        self.take(self.protocol.work(recorded=True))

    @rule()
    def crash_before_record(self) -> None:
        self.take(self.protocol.work(recorded=False))

    @rule()
    def crash_after_record(self) -> None:
        self.take(self.protocol.work(recorded=True))
        self.protocol.crash_worker()

    @rule()
    def deliver_and_work_and_crash_before_the_mark(self) -> None:
        self.take(self.protocol.lease(held=False))
        for number in range(len(self.protocol.hands)):
            self.take(self.protocol.signal(number))
            self.take(self.protocol.work(recorded=True))

    @rule(number=st.integers(0, 1))
    def share_a_reference(self, number: int) -> None:
        self.take(self.protocol.share(number))

    @rule()
    def continue_as_new(self) -> None:
        self.take(self.protocol.continue_as_new())

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        self.take(self.protocol.check())

    def teardown(self) -> None:
        try:
            self.take(self.protocol.drain())
        finally:
            self.take(self.protocol.leave())


async def _finish(step: Answer) -> None:
    await step


@pytest.fixture
def machine(database_url: str) -> Iterator[type[IntakeMachine]]:
    """The machine on an empty database, with an event loop of its own."""
    with asyncio.Runner() as runner:

        async def connected() -> AsyncEngine:
            return create_engine(database_url, pool_size=EVENTS + 2)

        engine = runner.run(connected())
        runner.run(prepare(engine))
        yield type("Machine", (IntakeMachine,), {"runner": runner, "engine": engine})
        runner.run(engine.dispose())


def searched(examples: int, steps: int, *phases: Phase) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
        phases=phases or tuple(Phase),
        suppress_health_check=list(HealthCheck),
    )


def test_nothing_acknowledged_is_lost_and_nothing_applied_twice(
    machine: type[IntakeMachine],
) -> None:
    run_state_machine_as_test(machine, settings=searched(40, 50))


@pytest.mark.slow
def test_the_same_in_2000_searches_of_50_steps(machine: type[IntakeMachine]) -> None:
    run_state_machine_as_test(machine, settings=searched(2000, 50))


@pytest.mark.parametrize("planted", Planted)
def test_a_planted_bug_is_found(machine: type[IntakeMachine], planted: Planted) -> None:
    machine.planted = planted

    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=searched(500, 50, Phase.generate))
