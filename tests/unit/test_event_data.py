"""Data is taken from outside as the published schema has it, and not as a reader may guess it."""

import pytest
from pydantic import JsonValue

from api.event_data import UnfitData, fitting_data
from domain.event_examples import EXAMPLES
from domain.events import EventType

RESULT: dict[str, JsonValue] = {"component": "theory", "raw": 75}


@pytest.mark.parametrize("event", list(EventType))
def test_each_published_example_fits(event: EventType) -> None:
    assert fitting_data(event, EXAMPLES[event].data)


@pytest.mark.parametrize(
    ("event", "change"),
    [
        (EventType.ASSESSMENT_RESULT, {"raw": "75"}),
        (EventType.ASSESSMENT_RESULT, {"raw": True}),
        (EventType.ASSESSMENT_RESULT, {"attempt": "1"}),
        (EventType.ASSESSMENT_RESULT, {"attempt": 1.5}),
        (EventType.ASSESSMENT_RESULT, {"sat_at": 1772326800}),
        (EventType.ASSESSMENT_RESULT, {"sat_at": "1772326800"}),
        (EventType.ASSESSMENT_RESULT, {"sat_at": "20260612"}),
        (EventType.ASSESSMENT_RESULT, {"sat_at": "2026-06-12T09:00:00"}),
        (EventType.ASSESSMENT_SCHEDULED, {"at": "2026-06-12"}),
        (EventType.ASSESSMENT_ABSENT, {"excused": "no"}),
        (EventType.ASSESSMENT_ABSENT, {"excused": 1}),
        (EventType.CERTIFICATE_ISSUED, {"number": "1", "issued_on": 1772323200}),
        (EventType.CERTIFICATE_ISSUED, {"number": "1", "issued_on": "1772323200"}),
        (EventType.CERTIFICATE_ISSUED, {"number": "1", "issued_on": "2026-06-12T00:00:00Z"}),
    ],
)
def test_what_only_looks_like_a_value_is_named(
    event: EventType, change: dict[str, JsonValue]
) -> None:
    with pytest.raises(UnfitData) as refused:
        fitting_data(event, {**RESULT, "excused": True} | change)

    field = list(change)[-1]
    assert {error.field.partition(".")[0] for error in refused.value.errors} == {field}
    assert str(refused.value).startswith(f"data.{field}")


@pytest.mark.parametrize("data", [None, "text", [1], 7, True])
def test_data_that_is_no_object_is_told_in_our_words(data: JsonValue) -> None:
    with pytest.raises(UnfitData, match=r"^data: must be a JSON object$"):
        fitting_data(EventType.ASSESSMENT_RESULT, data)


def test_a_figure_without_a_fraction_is_a_whole_number() -> None:
    assert fitting_data(EventType.ASSESSMENT_RESULT, {**RESULT, "raw": 7e1, "attempt": 2.0}) == {
        "component": "theory",
        "raw": 70.0,
        "attempt": 2,
    }


@pytest.mark.parametrize(
    "at",
    ["2026-06-12T09:00:00+08:00", "2026-06-12T01:00:00Z", "2026-06-12t01:00:00.5z", "2026-06-12"],
)
def test_a_day_and_a_time_with_offset_are_taken(at: str) -> None:
    assert fitting_data(EventType.ASSESSMENT_RESULT, {**RESULT, "sat_at": at})["sat_at"]
