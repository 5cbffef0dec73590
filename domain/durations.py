"""Durations as a policy writes them: `3 working days`, `12 months`, `90 s`, `500 ms`."""

import calendar
import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_serializer

from domain.model import Word


class Unit(StrEnum):
    """A unit of time; working days need a region's calendar, months are calendar months."""

    MILLISECONDS = "ms"
    SECONDS = "s"
    MINUTES = "min"
    HOURS = "h"
    DAYS = "days"
    WORKING_DAYS = "working days"
    MONTHS = "months"


_SECONDS = {
    Unit.MILLISECONDS: 0.001,
    Unit.SECONDS: 1,
    Unit.MINUTES: 60,
    Unit.HOURS: 3600,
    Unit.DAYS: 86400,
}
_MOST = 1_000_000
_WRITTEN = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([a-z]+(?: [a-z]+)?)\s*$")
_SPELLINGS = {
    "ms": Unit.MILLISECONDS,
    "s": Unit.SECONDS,
    "second": Unit.SECONDS,
    "seconds": Unit.SECONDS,
    "min": Unit.MINUTES,
    "minute": Unit.MINUTES,
    "minutes": Unit.MINUTES,
    "h": Unit.HOURS,
    "hour": Unit.HOURS,
    "hours": Unit.HOURS,
    "day": Unit.DAYS,
    "days": Unit.DAYS,
    "working day": Unit.WORKING_DAYS,
    "working days": Unit.WORKING_DAYS,
    "month": Unit.MONTHS,
    "months": Unit.MONTHS,
}


class Duration(Word):
    """An amount of one unit."""

    amount: Annotated[float, Field(ge=0, le=_MOST)]
    unit: Unit

    @property
    def needs_calendar(self) -> bool:
        """Whether only a region's calendar can tell when it ends."""
        return self.unit is Unit.WORKING_DAYS

    @property
    def seconds(self) -> float:
        """Its length in seconds.

        Raises:
            ValueError: for months and working days, whose length depends on when they begin.
        """
        if self.unit not in _SECONDS:
            raise ValueError(f"{self} has no fixed length")
        return self.amount * _SECONDS[self.unit]

    def after(self, moment: datetime) -> datetime:
        """The moment this long after `moment`.

        Raises:
            ValueError: for working days; the calendar activity works those out.
        """
        if self.unit is Unit.WORKING_DAYS:
            raise ValueError("working days need the region's calendar")
        if self.unit is Unit.MONTHS:
            return _months_after(moment, int(self.amount))
        return moment + timedelta(seconds=self.seconds)

    @model_serializer
    def __str__(self) -> str:
        """As a policy writes it, which `Span` reads again."""
        return f"{self.amount:.10g} {self.unit}"


def _months_after(moment: datetime, months: int) -> datetime:
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


def parse_duration(value: Any) -> Any:
    """Read `3 working days` and the like; anything that is no text is left to pydantic.

    Raises:
        ValueError: naming the units that exist, for a text that is no duration.
    """
    if not isinstance(value, str):
        return value
    found = _WRITTEN.match(value)
    if not found or found[2] not in _SPELLINGS:
        units = ", ".join(unit.value for unit in Unit)
        raise ValueError(f"{value!r} is no duration: write a number and one of {units}")
    unit = _SPELLINGS[found[2]]
    amount = float(found[1])
    if amount > _MOST:
        raise ValueError(f"{value!r}: the number is over {_MOST}")
    if unit in (Unit.MONTHS, Unit.WORKING_DAYS) and not amount.is_integer():
        raise ValueError(f"{value!r}: {unit} come in whole numbers")
    return Duration(amount=amount, unit=unit)


Span = Annotated[Duration, BeforeValidator(parse_duration)]
"""A duration field of a policy, written as text."""
