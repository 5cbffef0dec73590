"""Reading a partner's file: its columns by a mapping, each row into an event.

A row goes the way of a single event. Its event's id is the row's own, or made of what the row says,
so that the same row again is a repeat wherever it stands, and a row that says something else, such
as a correction, is an event of its own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import orjson
from pydantic import JsonValue, ValidationError

from api.arrivals import arrival_of
from api.cloud_events import attributes
from api.csv_files import (
    cells_error,
    columns_of,
    lines_of,
    must_hold_rows,
    must_not_be_too_many,
)
from api.partner_book import Sender
from api.problems import FieldError, Problem
from api.row_errors import row_errors
from api.validation import field_errors, shown
from domain.events import DATA_OF
from domain.file_mappings import EVENT_ID, SUBJECT, FileMapping
from domain.written import miswritten_in_cell
from store.inbox import Arrival, canonical
from store.row_errors import RowError
from store.vault import Vault

FORM_RULE = "event.form"
CHINA = timezone(timedelta(hours=8))
"""Times in files are China Standard Time where they have no offset."""


@dataclass(frozen=True)
class CheckedFile:
    """A file whose envelope is good: how many rows it has, and its columns' names by field."""

    rows: int
    named: dict[str, str]


class RowRefused(Exception):
    """A row becomes no event; `errors` says why."""

    def __init__(self, errors: Sequence[RowError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = tuple(errors)


def check_file(content: bytes, mapping: FileMapping, most_rows: int) -> CheckedFile:
    """Look at a file as a whole, not at what its rows say.

    Raises:
        MalformedBody: it can't be decoded, or is no CSV; names line and byte.
        Unprocessable: naming what is wrong with the header, or that there are no or too many rows.
    """
    lines = lines_of(content)
    header = next(lines, (1, []))[1]
    columns = columns_of(header, mapping.columns, mapping.needed)
    rows = 0
    for _ in lines:
        rows += 1
        must_not_be_too_many(rows, most_rows)
    must_hold_rows(rows)
    return CheckedFile(rows, dict(zip(columns, header, strict=True)))


class FileReader:
    """Reads the rows of a file that `check_file` found good.

    Args:
        content: the file.
        mapping: what its columns stand for.
        source: the CloudEvents source of its events.
        sender: who sent it.
        vault: makes the ids of rows that have none of their own.
        data_limit: bytes of an event's data that may enter a journey's history.
    """

    def __init__(  # noqa: PLR0917
        self,
        content: bytes,
        mapping: FileMapping,
        source: str,
        sender: Sender,
        vault: Vault,
        data_limit: int,
    ) -> None:
        self._lines = lines_of(content)
        self._header = next(self._lines)[1]
        self._columns = columns_of(self._header, mapping.columns, mapping.needed)
        self._mapping = mapping
        self._data = DATA_OF[mapping.type]
        self._source = source
        self._sender = sender
        self._vault = vault
        self._data_limit = data_limit

    def rows(self, after: int) -> Iterator[tuple[int, Arrival | RowRefused]]:
        """Each row after a line: the line where it begins, and its event or why it is none."""
        for line, cells in self._lines:
            if line <= after:
                continue
            try:
                yield line, self._arrival(cells)
            except RowRefused as refused:
                yield line, refused

    def _arrival(self, cells: Sequence[str]) -> Arrival:
        wrong = cells_error(self._columns, cells)
        if wrong is not None:
            raise RowRefused(row_errors([wrong], FORM_RULE))
        raw = orjson.dumps(dict(zip(self._header, cells, strict=True)))
        given = {name: cell for name, cell in zip(self._columns, cells, strict=True) if cell}
        try:
            event = self._event(given)
            about = attributes(event)
            arrival = arrival_of(event, about, raw, self._sender, self._data_limit)
        except Problem as problem:
            errors = problem.errors or [FieldError(field="", message=problem.detail)]
            raise _refused(errors) from None
        if arrival.kept_back is not None:
            raise _refused([FieldError(field="", message=arrival.detail)])
        return arrival

    def _event(self, given: Mapping[str, str]) -> dict[str, JsonValue]:
        """The row as an event in structured mode, its data as the type's model has it."""
        data: dict[str, JsonValue] = dict(self._mapping.constants)
        data |= {
            field: self._value(field, cell)
            for field, cell in given.items()
            if field not in (SUBJECT, EVENT_ID)
        }
        fitting = self._fitting(data)
        subject = given.get(SUBJECT, "")
        event: dict[str, JsonValue] = {
            "specversion": "1.0",
            "source": self._source,
            "type": self._mapping.type.cloud_type,
            "subject": subject,
            "data": fitting,
        }
        return event | {"id": given.get(EVENT_ID) or self._id_of(event)}

    def _fitting(self, data: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        try:
            read = self._data.model_validate(data)
        except ValidationError as error:
            raise _refused(field_errors(error.errors())) from None
        given = {name: getattr(read, name) for name in read.model_fields_set}
        wrong = [
            FieldError(field=name, message=why, value=shown(data[name]))
            for name, value in given.items()
            if (why := miswritten_in_cell(data[name], value))
        ]
        if wrong:
            raise _refused(wrong)
        times = {name: value for name, value in given.items() if isinstance(value, datetime)}
        here = {name: at if at.tzinfo else at.replace(tzinfo=CHINA) for name, at in times.items()}
        return read.model_copy(update=here).model_dump(mode="json", exclude_unset=True)

    def _value(self, field: str, cell: str) -> str:
        told = self._mapping.values.get(field, {}).get(cell, cell)
        for form in self._mapping.formats.get(field, ()):
            try:
                moment = datetime.strptime(told, form)  # noqa: DTZ007 (see below)
            except ValueError:
                continue
            if "%H" not in form and "%I" not in form:
                return moment.date().isoformat()
            return (moment if moment.tzinfo else moment.replace(tzinfo=CHINA)).isoformat()
        return told

    def _id_of(self, event: Mapping[str, JsonValue]) -> str:
        """Keyed, so that nobody who sees it can try marks until one fits."""
        return f"row-{self._vault.lookup('event_row', canonical(event).decode()).hex()[:48]}"


def _refused(errors: Iterable[FieldError]) -> RowRefused:
    """What is wrong with an event, told once of each field of its row."""
    of_fields: dict[str, FieldError] = {}
    for error in errors:
        field = error.field.partition(".")[0]
        field = EVENT_ID if field == "id" else field
        of_fields.setdefault(field, error.model_copy(update={"field": field}))
    return RowRefused(row_errors(of_fields.values(), FORM_RULE))
