"""The demo's cohort: a file like any other, read by the same reader as at the door.

The trainees of `cohort.csv` are invented: their telephone numbers begin with a prefix that is given
to nobody, their identity numbers are drawn by lot.
"""

from collections.abc import Iterable
from pathlib import Path

from pydantic import JsonValue, ValidationError

from api.cohort_file import GivenRow, read_csv
from api.cohort_rows import column_of
from api.opening import AskedJourney, AskedPerson
from api.problems import FieldError, Problem
from api.validation import field_errors

COHORT_FILE = Path(__file__).parent / "cohort.csv"
MOST_ROWS = 10_000


class CohortError(Exception):
    """The file is no cohort; the text names line and column of everything that is wrong with it."""

    def __init__(self, problems: Iterable[str]) -> None:
        super().__init__("\n".join(problems))


class CohortRow(AskedJourney):
    """One trainee and the journey to open for her."""

    person: AskedPerson

    @property
    def name(self) -> str:
        """By which the demo's script knows her."""
        return self.person.name

    def request(self) -> dict[str, JsonValue]:
        """The body of `POST /v1/journeys` that opens this journey."""
        body: dict[str, JsonValue] = self.model_dump(
            mode="json", exclude_none=True, exclude_defaults=True
        )
        return body


def read_cohort(source: Path | bytes) -> list[CohortRow]:
    """The trainees of a CSV file; see `api.cohort_file.read_csv`.

    Raises:
        CohortError: naming line and column of everything that is wrong.
    """
    try:
        given = read_csv(source if isinstance(source, bytes) else source.read_bytes(), MOST_ROWS)
    except Problem as problem:
        raise CohortError([problem.detail, *map(_told, problem.errors)]) from None
    rows: list[CohortRow] = []
    problems: list[str] = []
    for row in given.rows:
        try:
            rows.append(CohortRow.model_validate(row.body))
        except ValidationError as error:
            problems += _wrong_with(row, error)
    if problems:
        raise CohortError(problems)
    return rows


def _wrong_with(row: GivenRow, error: ValidationError) -> list[str]:
    errors = [row.wrong] if row.wrong else field_errors(error.errors())
    return [f"line {row.line}, {_told(wrong)}" for wrong in errors]


def _told(wrong: FieldError) -> str:
    value = "" if wrong.value is None else f" = {wrong.value!r}"
    return f"{column_of(wrong.field)}{value}: {wrong.message}"
