"""How days, times and figures are written: what a reader would take for another one is refused.

`20260612` and `1772326800` are times for pydantic, counted in seconds since 1970, and `7_5` is 75.
"""

import re
from datetime import date, datetime
from math import isfinite

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    _DAY.pattern + r"[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_IN_A_CELL = re.compile(
    _DAY.pattern + r"([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?([Zz]|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_FIGURE = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([Ee][+-]?[0-9]+)?")


def miswritten_in_json(written: object, read: object) -> str:
    """What is wrong with how a day or a time is written in an event; "" where nothing is.

    Args:
        written: the JSON value.
        read: the field's value as its model read it.
    """
    if not isinstance(read, date) or (isinstance(written, str) and _written_as(written, read)):
        return ""
    if isinstance(read, datetime):
        return "must be a time with offset, such as 2026-03-01T09:00:00+08:00"
    return "must be a date, such as 2026-03-01"


def miswritten_in_cell(written: object, read: object) -> str:
    """The same for the cell of a table, where a time needs no offset, or for a fixed value."""
    if isinstance(read, date):
        if isinstance(written, str) and _IN_A_CELL.fullmatch(written):
            return ""
        return "must be a date or time, such as 2026-03-01 or 2026-03-01 09:00"
    if isinstance(read, float) and not isfinite(read):
        return "is too large"
    if isinstance(read, int | float) and not isinstance(read, bool):
        good = _FIGURE.fullmatch(written) if isinstance(written, str) else written is not True
        return "" if good else "must be a figure, such as 75 or 62.5"
    return ""


def _written_as(written: str, read: date) -> bool:
    form = _MOMENT if isinstance(read, datetime) else _DAY
    return form.fullmatch(written) is not None
