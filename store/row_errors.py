"""What is wrong with a row of a file, as it is kept with the row."""

from pydantic import TypeAdapter

from domain.model import Word


class RowError(Word):
    """One thing wrong with a row: in which field, by which rule, in words, with which value.

    Holds no personal data: the value is left out where it could be.
    """

    field: str
    rule: str
    message: str
    value: str | int | float | bool | None = None


ERRORS = TypeAdapter(tuple[RowError, ...])
