"""How the columns of a partner's file become events: one mapping for each kind of file."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from domain.events import DATA_OF, EventType
from domain.model import Word
from domain.written import miswritten_in_cell

SUBJECT, EVENT_ID = "subject", "event_id"
"""What a column gives besides data: whom a row is about, and the id of its event."""

_MOST = 50
_COLUMN = Annotated[str, StringConstraints(min_length=1, max_length=60, strip_whitespace=True)]
_NAMES = Annotated[tuple[_COLUMN, ...], Field(min_length=1, max_length=10)]
_CELL = Annotated[str, StringConstraints(max_length=200)]
_SOME_TIME = datetime(2026, 11, 23, 14, 35, 59)  # noqa: DTZ001 - as a cell has it


def _several(names: object) -> object:
    return [names] if isinstance(names, str) else names


Names = Annotated[_NAMES, BeforeValidator(_several)]
"""One name, or several that mean the same."""


class FileMapping(Word):
    """How the rows of a file become events of one type.

    Args:
        type: the event's, without `journeyman.` and `.v1`.
        columns: for `subject`, `event_id` and each field of the type's data, the name of its
            column, or several that mean the same.
        constants: fields of the data that are the same in each row.
        values: for a field, what some cells stand for.
        formats: for a date or time, how cells write it (as `strptime` has it), tried in turn; ISO
            8601 always goes.
    """

    type: EventType
    columns: Annotated[dict[_COLUMN, Names], Field(min_length=1, max_length=_MOST)]
    constants: Annotated[dict[_COLUMN, str | int | float | bool], Field(max_length=_MOST)] = {}
    values: Annotated[
        dict[_COLUMN, Annotated[dict[_CELL, _CELL], Field(max_length=_MOST)]],
        Field(max_length=_MOST),
    ] = {}
    formats: Annotated[dict[_COLUMN, Names], Field(max_length=_MOST)] = {}

    @property
    def needed(self) -> frozenset[str]:
        """Fields whose columns no file lacks."""
        fields = DATA_OF[self.type].model_fields
        required = {name for name, field in fields.items() if field.is_required()}
        return frozenset(required - self.constants.keys()) | {SUBJECT}


DEFAULTS: Mapping[str, FileMapping] = MappingProxyType(
    {
        "results": FileMapping(
            type=EventType.ASSESSMENT_RESULT,
            columns={
                SUBJECT: ("booking_ref", "准考证号", "预约号"),
                "component": ("component", "科目"),
                "attempt": ("attempt", "考试次数"),
                "raw": ("raw", "成绩"),
                "max": ("max", "满分"),
                "pass_mark": ("pass_mark", "合格线"),
                "outcome": ("outcome", "结论"),
                "assessor": ("assessor", "考评员"),
                "standard_version": ("standard_version", "标准版本"),
                "sat_at": ("sat_at", "考试日期"),
                EVENT_ID: ("event_id", "事件编号"),
                "supersedes": ("supersedes", "更正事件编号"),
            },
            values={
                "component": {"理论": "theory", "实操": "practical", "综合": "comprehensive"},
                "outcome": {"合格": "pass", "不合格": "fail"},
            },
            formats={"sat_at": ("%Y/%m/%d", "%Y年%m月%d日", "%Y/%m/%d %H:%M")},
        ),
        "attendance": FileMapping(
            type=EventType.ATTENDANCE_SUMMARY,
            columns={
                SUBJECT: ("enrollment_ref", "学员编号", "报名号"),
                "period": ("period", "周期"),
                "module": ("module", "模块"),
                "hours_planned": ("hours_planned", "计划学时"),
                "hours_attended": ("hours_attended", "实到学时"),
                "method": ("method", "方式"),
                "verified": ("verified", "已核实"),
                EVENT_ID: ("event_id", "事件编号"),
                "supersedes": ("supersedes", "更正事件编号"),
            },
            values={
                "method": {"线上": "online", "线下": "in_person", "混合": "hybrid"},
                "verified": {"是": "true", "否": "false"},
            },
        ),
    }
)
"""The mappings of every partner that has none of its own under these names."""


Fault = tuple[str, str]
"""Where something is wrong, and why."""


def faults_in(mapping: FileMapping) -> Iterator[Fault]:
    """Why a mapping can't be used."""
    fields = _fields_of(mapping.type)
    yield from _in_columns(mapping, (SUBJECT, EVENT_ID, *fields))
    yield from _in_constants(mapping, fields)
    yield from _in_values(mapping, fields)
    yield from _in_formats(mapping, fields)


def _in_columns(mapping: FileMapping, takes: Collection[str]) -> Iterator[Fault]:
    named: dict[str, str] = {}
    for field, names in mapping.columns.items():
        if field not in takes:
            yield f"columns.{field}", f"there is no such field; there are {', '.join(takes)}"
        for name in names:
            if named.setdefault(name, field) != field:
                yield f"columns.{field}", f"the column {name} stands for {named[name]} as well"
    for field in sorted(mapping.needed - mapping.columns.keys()):
        yield f"columns.{field}", "is needed, as a column or (not the subject) as a constant"


def _in_constants(mapping: FileMapping, fields: Collection[str]) -> Iterator[Fault]:
    for field, value in mapping.constants.items():
        if field not in fields:
            yield f"constants.{field}", "there is no such field of the data"
        elif field in mapping.columns:
            yield f"constants.{field}", "is a column already"
        elif fault := _fault_in(mapping.type, field, value):
            yield f"constants.{field}", fault


def _in_values(mapping: FileMapping, fields: Collection[str]) -> Iterator[Fault]:
    for field, values in mapping.values.items():
        if field not in mapping.columns or field not in fields:
            yield f"values.{field}", "is no column that gives a field of the data"
            continue
        for cell, value in values.items():
            if fault := _fault_in(mapping.type, field, value):
                yield f"values.{field}.{cell}", fault


def _in_formats(mapping: FileMapping, fields: Mapping[str, bool]) -> Iterator[Fault]:
    for field, formats in mapping.formats.items():
        if not fields.get(field, False):
            yield f"formats.{field}", "is no date or time of this type"
        elif field not in mapping.columns:
            yield f"formats.{field}", "is no column"
        for form in formats:
            if not _can_be_read(form):
                yield f"formats.{field}", f"{form} is no way to write a whole date, as %Y/%m/%d is"


def _fields_of(event_type: EventType) -> dict[str, bool]:
    """The fields of a type that a cell can give, and whether each is a date or time."""
    shapes: dict[str, Any] = DATA_OF[event_type].model_json_schema()["properties"]
    kinds = {name: list(_kinds_of(shape)) for name, shape in shapes.items()}
    return {
        name: any(kind.get("format") in ("date", "date-time") for kind in of)
        for name, of in kinds.items()
        if all("$ref" in kind or kind.get("type") in _IN_A_CELL for kind in of)
    }


_IN_A_CELL = ("string", "number", "integer", "boolean", "null")


def _kinds_of(shape: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "anyOf" in shape:
        yield from shape["anyOf"]
    else:
        yield shape


def _fault_in(event_type: EventType, field: str, value: object) -> str:
    info = DATA_OF[event_type].model_fields[field]
    kind: Any = Annotated[info.annotation, info]
    try:
        read = TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        return str(error.errors()[0]["msg"])
    return miswritten_in_cell(value, read)


def _can_be_read(form: str) -> bool:
    """Whether a date that is written so can be read, and is the same then."""
    try:
        read = datetime.strptime(_SOME_TIME.strftime(form), form)  # noqa: DTZ007
    except ValueError:
        return False
    return date(read.year, read.month, read.day) == _SOME_TIME.date()
