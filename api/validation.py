"""Saying which field is wrong and why, without repeating personal data."""

from collections.abc import Iterable, Mapping

from api.problems import FieldError
from domain.masking import WITHHELD, without_personal_numbers, without_personal_numbers_in

PERSONAL = frozenset({"person", "name", "id_number", "phone"})
"""Fields whose values are never repeated, wherever they stand."""

_LONGEST_VALUE = 80
_LONGEST_FIELD = 120


def field_errors(errors: Iterable[Mapping[str, object]]) -> list[FieldError]:
    """Pydantic's errors in our words; at most 50, so that an answer stays small."""
    return [_field_error(error) for _, error in zip(range(50), errors, strict=False)]


def _field_error(error: Mapping[str, object]) -> FieldError:
    where = error.get("loc", ())
    parts = [str(part) for part in where] if isinstance(where, tuple) else []
    if parts and parts[0] in ("body", "query", "path", "header"):
        parts = parts[1:]
    unknown = error.get("type") == "extra_forbidden"
    value = None if unknown or PERSONAL & set(parts) else shown(error.get("input"))
    told = str(error.get("msg", "not valid")).removeprefix("Value error, ")
    message = "there is no such field" if unknown else told
    field = without_personal_numbers(".".join(parts)[:_LONGEST_FIELD])
    return FieldError(field=field, message=without_personal_numbers(message[:300]), value=value)


def shown(value: object) -> str | int | float | bool | None:
    """A value as an error may repeat it: short, plain, without personal numbers; else left out."""
    if isinstance(value, bool | int | float):
        fits = len(str(value)) <= _LONGEST_VALUE and without_personal_numbers_in(value) != WITHHELD
        return value if fits else None
    if isinstance(value, str) and len(value) <= _LONGEST_VALUE:
        return without_personal_numbers(value)
    return None
