"""How durations are written in a policy."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from domain.durations import Duration, Span, Unit, parse_duration

SPAN = TypeAdapter(Span)
START = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


@given(st.integers(0, 1_000_000), st.sampled_from(list(Unit)))
def test_what_is_written_reads_back_as_the_same_duration(amount: int, unit: Unit) -> None:
    duration = Duration(amount=amount, unit=unit)
    assert SPAN.validate_python(f"{amount} {unit}") == duration
    assert SPAN.validate_json(SPAN.dump_json(duration)) == duration


@given(st.text(max_size=30))
def test_any_text_is_a_duration_or_refused_as_none(text: str) -> None:
    try:
        read = SPAN.validate_python(text)
    except ValidationError as error:
        reason = str(error)
    else:
        reason = ""
        assert parse_duration(str(read)) == read
    assert reason == "" or repr(text) in reason


@pytest.mark.parametrize(
    ("written", "amount", "unit"),
    [
        ("1 working day", 1, Unit.WORKING_DAYS),
        ("3 working days", 3, Unit.WORKING_DAYS),
        ("12 months", 12, Unit.MONTHS),
        (" 90s ", 90, Unit.SECONDS),
        ("500 ms", 500, Unit.MILLISECONDS),
        ("1.5 hours", 1.5, Unit.HOURS),
        ("1 day", 1, Unit.DAYS),
    ],
)
def test_a_unit_is_read_in_singular_and_plural(written: str, amount: float, unit: Unit) -> None:
    assert parse_duration(written) == Duration(amount=amount, unit=unit)


@pytest.mark.parametrize(
    "written",
    ["3 fortnights", "-1 days", "days", "3", "", "1.5 months", "2.5 working days", "1e3 s"],
)
def test_a_wrong_unit_or_number_is_refused_with_the_text_that_was_written(written: str) -> None:
    with pytest.raises(ValueError, match=r"is no duration|whole numbers") as refused:
        parse_duration(written)
    assert repr(written) in str(refused.value)


def test_a_month_after_the_last_of_january_is_the_last_of_february() -> None:
    assert Duration(amount=1, unit=Unit.MONTHS).after(START).date().isoformat() == "2026-02-28"


@given(st.integers(0, 10_000))
def test_days_are_counted_by_the_clock(days: int) -> None:
    duration = Duration(amount=days, unit=Unit.DAYS)
    assert duration.after(START) - START == timedelta(days=days)


def test_working_days_have_no_end_without_a_calendar() -> None:
    with pytest.raises(ValueError, match="calendar"):
        Duration(amount=3, unit=Unit.WORKING_DAYS).after(START)
