"""Saying which field is wrong and why, without repeating personal data."""

from collections.abc import Iterable, Mapping

from api.problems import FieldError

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
    return FieldError(field=".".join(parts)[:_LONGEST_FIELD], message=message[:300], value=value)


def shown(value: object) -> str | int | float | bool | None:
    """A value as an error may repeat it: short and plain, else left out."""
    if isinstance(value, bool | int | float):
        return value if len(str(value)) <= _LONGEST_VALUE else None
    if isinstance(value, str) and len(value) <= _LONGEST_VALUE:
        return value
    return None
