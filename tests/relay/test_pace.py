"""Starts are metered; what does not answer is asked ever less often."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processes.relay_pace import FIRST_PAUSE, LONGEST_PAUSE, Backoff, Meter


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@given(
    per_second=st.floats(0.5, 200),
    waits=st.lists(st.floats(0, 3), max_size=50),
    wanted=st.integers(1, 500),
)
def test_no_more_go_than_the_rate_and_one_quarter_second(
    per_second: float, waits: list[float], wanted: int
) -> None:
    clock = Clock()
    meter = Meter(per_second, clock)
    gone = meter.take(wanted)
    for wait in waits:
        clock.now += wait
        gone += meter.take(wanted)
    assert gone <= max(1, per_second / 4) + sum(waits) * per_second + 1e-6


def test_it_keeps_up_with_the_rate() -> None:
    clock = Clock()
    meter = Meter(20, clock)
    gone = 0
    for _ in range(100):
        clock.now += 0.1
        gone += meter.take(50)
    assert gone == pytest.approx(200, abs=6)


def test_it_says_when_the_next_may_go() -> None:
    clock = Clock()
    meter = Meter(4, clock)
    assert meter.take(10) == 1
    assert meter.take(1) == 0
    clock.now += meter.next_in + 1e-6
    assert meter.take(1) == 1


def test_what_did_not_go_is_not_counted() -> None:
    meter = Meter(40, Clock())
    assert meter.take(100) == 10
    meter.give_back(7)
    assert meter.take(100) == 7


def test_pauses_grow_to_a_limit_and_start_anew_after_a_success() -> None:
    backoff = Backoff()
    pauses = [backoff.pause() for _ in range(10)]
    assert pauses[0] == FIRST_PAUSE
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE
    backoff.reset()
    assert backoff.pause() == FIRST_PAUSE
