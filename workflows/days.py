"""Days and moments as partners write them, read in the legal time of every division."""

from datetime import date, datetime, time, timedelta, timezone

CHINA_TIME = timezone(timedelta(hours=8), "China")
_FIRST = datetime(1900, 1, 1, tzinfo=CHINA_TIME)
_LAST = datetime(2200, 1, 1, tzinfo=CHINA_TIME)


def moment_of(written: date | datetime) -> datetime:
    """The moment that a partner wrote: a date is the start of its day in China's time.

    Clipped to the years 1900 to 2199, so that a slip of a partner's never overflows a deadline.
    """
    if not isinstance(written, datetime):
        written = datetime.combine(written, time.min)
    if not _FIRST.year <= written.year < _LAST.year:
        return _FIRST if written.year < _FIRST.year else _LAST
    return written if written.tzinfo else written.replace(tzinfo=CHINA_TIME)


def day_of(moment: datetime) -> date:
    """The day on which a moment falls in China's time."""
    return moment.astimezone(CHINA_TIME).date()
