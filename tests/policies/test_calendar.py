"""Deadlines in working days, in China's time."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.calendar import CHINA_TIME, RegionCalendar, is_working_day

CALENDAR = RegionCalendar()
MOMENTS = st.datetimes(
    datetime(2024, 1, 1),  # noqa: DTZ001 (hypothesis adds the zone)
    datetime(2032, 12, 31),  # noqa: DTZ001
    timezones=st.just(CHINA_TIME),
)


def in_china(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=CHINA_TIME)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("since", "working_days", "due"),
    [
        pytest.param(in_china(2026, 11, 18, 9, 30), 1, in_china(2026, 11, 19, 9, 30), id="plain"),
        pytest.param(
            in_china(2026, 11, 20, 23), 3, in_china(2026, 11, 25, 23), id="over a weekend"
        ),
        pytest.param(in_china(2026, 9, 30, 18), 2, in_china(2026, 10, 9, 18), id="National Day"),
        pytest.param(in_china(2026, 2, 13, 8), 1, in_china(2026, 2, 14, 8), id="worked Saturday"),
        pytest.param(in_china(2026, 2, 15, 10), 1, in_china(2026, 2, 25), id="from a day off"),
        pytest.param(in_china(2026, 11, 22, 10), 0, in_china(2026, 11, 23), id="none, day off"),
        pytest.param(in_china(2026, 11, 23, 10), 0, in_china(2026, 11, 23, 10), id="none"),
        pytest.param(in_china(2150, 1, 1, 9), 5, in_china(2150, 1, 8, 9), id="past the calendar"),
    ],
)
def test_a_deadline_ends_at_the_same_time_on_the_last_working_day(
    since: datetime, working_days: int, due: datetime
) -> None:
    assert CALENDAR.due("440305", since, working_days) == due


def test_a_moment_in_another_zone_is_counted_in_chinas_time() -> None:
    friday_evening_utc = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
    assert CALENDAR.due("44", friday_evening_utc, 1) == in_china(2026, 11, 24)


@given(MOMENTS, st.integers(1, 300))
def test_exactly_so_many_working_days_lie_between(since: datetime, working_days: int) -> None:
    due = CALENDAR.due("51", since, working_days)
    days = (due.date() - since.date()).days
    passed = [since.date() + timedelta(days=offset) for offset in range(days + 1)]
    from_day_off = not is_working_day(since.date())
    assert is_working_day(due.date())
    assert sum(is_working_day(day) for day in passed) == working_days + 1
    assert due.time() == (datetime.min.time() if from_day_off else since.time())


@given(MOMENTS, st.integers(0, 100), st.integers(0, 100))
def test_more_working_days_never_end_earlier(since: datetime, fewer: int, more: int) -> None:
    fewer, more = sorted((fewer, more))
    assert CALENDAR.due("44", since, fewer) <= CALENDAR.due("44", since, more)


@given(MOMENTS, st.integers(0, 50), st.integers(0, 50))
def test_waiting_twice_is_waiting_for_the_sum(since: datetime, first: int, second: int) -> None:
    at_once = CALENDAR.due("44", since, first + second)
    assert CALENDAR.due("44", CALENDAR.due("44", since, first), second) == at_once


def test_the_weekend_worked_for_a_longer_holiday_counts() -> None:
    assert is_working_day(date(2026, 2, 14))
    assert is_working_day(date(2026, 10, 10))
    assert not is_working_day(date(2026, 10, 7))


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        CALENDAR.due("44", datetime(2026, 1, 5), 1)  # noqa: DTZ001


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        CALENDAR.due("44", in_china(2026, 1, 5), -1)
