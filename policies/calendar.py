"""Working days of a region, from the `holidays` library.

The State Council announces each year's days off and the weekend days worked instead of them late
in the year before. The library knows both once it was released after the announcement; for later
years it gives the statutory days off alone, and after its last year (2100) only weekends are off.
Days off that one province adds (Guangxi's third of March, the Tibetan New Year) are not in it: they
count as working days.
"""

from bisect import bisect_right
from datetime import MAXYEAR, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

CHINA_TIME = ZoneInfo("Asia/Shanghai")
"""The legal time of every division in the catalog."""


class RegionCalendar:
    """Works out the end of deadlines in working days; implements the planning activities' port."""

    def due(self, region: str, since: datetime, working_days: int) -> datetime:  # noqa: ARG002
        """The same time of day on the n-th working day after `since`, in China's time.

        A moment on a day off counts from the start of the next working day. With 0 working days
        it is that start, or `since` itself.

        Args:
            region: a division code; all of them follow the national calendar.
            since: a moment with a time zone.
            working_days: how many, from 0.

        Raises:
            ValueError: for a moment without a time zone, or a number below 0.
            OverflowError: for a day after the year 9999.
        """
        if since.tzinfo is None:
            raise ValueError("a deadline starts at a moment with a time zone")
        if working_days < 0:
            raise ValueError(f"{working_days} working days: must be 0 or more")
        moment = since.astimezone(CHINA_TIME)
        if not is_working_day(moment.date()):
            moment = datetime.combine(_next_working_day(moment.date(), 1), time(), CHINA_TIME)
        if working_days == 0:
            return moment
        day = _next_working_day(moment.date(), working_days)
        return moment + timedelta(days=(day - moment.date()).days)


def is_working_day(day: date) -> bool:
    """Whether offices work on that day: weekend days worked instead of a day off included."""
    return day in _working_days(day.year)[1]


def _next_working_day(day: date, number: int) -> date:
    year = day.year
    days = _working_days(year)[0]
    place = bisect_right(days, day) + number - 1
    while place >= len(days):
        place -= len(days)
        year += 1
        if year > MAXYEAR:
            raise OverflowError(f"{number} working days after {day} is no date")
        days = _working_days(year)[0]
    return days[place]


@lru_cache(maxsize=128)
def _working_days(year: int) -> tuple[list[date], frozenset[date]]:
    calendar = holidays.country_holidays("CN", years=year)
    first = date(year, 1, 1)
    length = (date(year, 12, 31) - first).days + 1
    days = [first + timedelta(days=offset) for offset in range(length)]
    working = [day for day in days if calendar.is_working_day(day)]
    return working, frozenset(working)
