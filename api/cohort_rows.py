"""Checking a cohort's rows: by the same code as `POST /v1/journeys`, without repeating a person."""

from collections.abc import Iterable, Sequence

from pydantic import JsonValue, ValidationError

from api.cohort_file import PERSON, GivenRow
from api.opening import AskedJourney, Rules, opening_of
from api.problems import Problem
from api.row_errors import row_errors
from api.tokens import Caller
from api.validation import field_errors
from store.cohorts import CheckedRow
from store.openings import Opening
from store.row_errors import RowError

FORM_RULE = "opening.form"
SAME_ROW_RULE = "cohort.one_row_a_journey"


class RowRefused(Exception):
    """A row opens no journey; `errors` says why."""

    def __init__(self, errors: Sequence[RowError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = tuple(errors)


def check_rows(rows: Iterable[GivenRow], caller: Caller, rules: Rules) -> list[CheckedRow]:
    """Every row with what is wrong with it; of rows for the same journey the first one stands.

    What only the database knows (the person, her open journeys, the registry) is checked when the
    row is opened, and everything else once more, because rules may have changed by then.
    """
    checked: list[CheckedRow] = []
    first: dict[tuple[str, str, str], int] = {}
    for row in rows:
        try:
            if row.body is None:
                raise RowRefused(row_errors([row.wrong] if row.wrong else [], FORM_RULE))
            opening = opening_of_row(row.body, caller, rules)
            _must_be_first(first, opening, row.line)
        except RowRefused as refused:
            checked.append(CheckedRow(line=row.line, body=None, errors=refused.errors))
        else:
            checked.append(CheckedRow(line=row.line, body=row.body))
    return checked


def opening_of_row(body: dict[str, JsonValue], caller: Caller, rules: Rules) -> Opening:
    """What a row opens.

    Raises:
        RowRefused: naming every field that is wrong, and by which rule.
    """
    try:
        return opening_of(AskedJourney.model_validate(body), caller, rules)
    except ValidationError as error:
        raise RowRefused(row_errors(field_errors(error.errors()), FORM_RULE)) from None
    except Problem as problem:
        raise RowRefused(row_errors(problem.errors, FORM_RULE)) from None


def column_of(field: str) -> str:
    """The CSV column that a field of the body stands in: `id_number` for `person.id_number`."""
    parts = field.split(".")
    return parts[1] if parts[0] == "person" and parts[1:] and parts[1] in PERSON else parts[0]


def _must_be_first(first: dict[tuple[str, str, str], int], opening: Opening, line: int) -> None:
    person = opening.person.id_number if opening.person else opening.person_ref or ""
    before = first.setdefault((person, opening.occupation.code, opening.level), line)
    if before != line:
        told = f"the same person, occupation and level as in line {before}"
        raise RowRefused([RowError(field="", rule=SAME_ROW_RULE, message=told)])
