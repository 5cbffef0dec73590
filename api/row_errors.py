"""What is wrong with rows of a file: as it is kept, and as it is shown."""

import csv
import io
import re
from collections.abc import Iterable

from pydantic import BaseModel

from api.problems import FieldError
from domain.masking import without_personal_numbers_in
from store.row_errors import RowError

MOST_ERRORS = 20
"""Told of one row."""
HEADER = ("line", "field", "rule", "message", "value")

_CODE = re.compile(r"[\x21-\x7e]{1,60}")
_MOST_DIGITS = 8
"""More than any code of ours has, fewer than a telephone or identity number."""
_FIELD = re.compile(r"[A-Za-z0-9_.]{0,120}")
_STARTS_A_FORMULA = ("=", "+", "-", "@")


class ShownRowError(BaseModel):
    """One thing wrong with a row; `field` is the column of a CSV file, the path in JSON.

    The value is left out where it could be personal.
    """

    line: int
    field: str
    rule: str
    message: str
    value: str | int | float | bool | None = None


def row_errors(errors: Iterable[FieldError], rule: str) -> list[RowError]:
    """Errors as they are kept with a row: values only where they can be nothing but codes.

    Args:
        rule: by which those are wrong that name none.
    """
    return [
        RowError(
            field=error.field if _FIELD.fullmatch(error.field) else "",
            rule=error.rule or rule,
            message=error.message,
            value=_code(error.value),
        )
        for error, _ in zip(errors, range(MOST_ERRORS), strict=False)
    ]


def table_of_errors(errors: Iterable[ShownRowError], *, headed: bool = True) -> str:
    """Errors as CSV, made safe for spreadsheets."""
    written = io.StringIO()
    table = csv.writer(written)
    if headed:
        table.writerow(HEADER)
    for error in errors:
        value = "" if error.value is None else str(error.value)
        table.writerow((error.line, error.field, error.rule, error.message, _inert(value)))
    return written.getvalue()


def _code(value: str | float | bool | None) -> str | int | float | bool | None:
    """The value, where it can be nothing but a code or a figure."""
    written = str(value)
    if not _CODE.fullmatch(written) or sum(map(str.isdigit, written)) > _MOST_DIGITS:
        return None
    return value if without_personal_numbers_in(value) == value else None


def _inert(value: str) -> str:
    """The value so that no spreadsheet takes it for a formula."""
    return f"'{value}" if value.startswith(_STARTS_A_FORMULA) else value
