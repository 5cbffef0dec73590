"""Reading an event's data at the door: as the published schema of its type has it, and no laxer.

The models themselves read on what journeys were handed long ago, so they forgive more: figures and
truths in quotes, times in seconds since 1970. From outside, only what the schema says is taken.
"""

import orjson
from pydantic import JsonValue, ValidationError

from api.problems import FieldError
from api.validation import field_errors, shown
from domain.events import DATA_OF, EventType
from domain.written import miswritten_in_json

_EXACT = 2**53
"""Below it a double tells whole numbers apart."""


class UnfitData(Exception):
    """Data that does not fit its type's schema; `errors` names each field of it, and why."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(_told(error) for error in errors))
        self.errors = errors

    def in_request(self) -> list[FieldError]:
        """The errors of a request that gives the data as `data`, without the values."""
        return [
            error.model_copy(update={"field": _place(error), "value": None})
            for error in self.errors
        ]


def fitting_data(event: EventType, data: JsonValue) -> dict[str, JsonValue]:
    """The fields that the type has, as a journey is handed them.

    Raises:
        UnfitData: a field is missing, or not what the schema says.
    """
    if not isinstance(data, dict):
        raise UnfitData([FieldError(field="", message="must be a JSON object")])
    whole = {name: _whole(value) for name, value in data.items()}
    try:
        fitting = DATA_OF[event].model_validate_json(orjson.dumps(whole), strict=True)
    except ValidationError as error:
        raise UnfitData(field_errors(error.errors())) from None
    wrong = [
        FieldError(field=name, message=why, value=shown(data[name]))
        for name in sorted(fitting.model_fields_set)
        if (why := miswritten_in_json(data[name], getattr(fitting, name)))
    ]
    if wrong:
        raise UnfitData(wrong)
    return fitting.model_dump(mode="json", exclude_unset=True)


def _whole(value: JsonValue) -> JsonValue:
    """A figure without a fraction as an integer, which 1.0 is in JSON Schema."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return value


def _told(error: FieldError) -> str:
    return f"{_place(error)}: {error.message}"


def _place(error: FieldError) -> str:
    return f"data.{error.field}" if error.field else "data"
