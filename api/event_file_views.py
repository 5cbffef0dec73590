"""What is shown of files of events, to the partner that sent them."""

from datetime import datetime

from pydantic import BaseModel

from api.paging import LongPageQuery
from api.row_errors import ShownRowError
from domain.journal import ReceiptStatus
from store.event_files import FileRowOutcome, FileRowView, FileState, FileView


class FileRowsQuery(LongPageQuery):
    """What the list of rows can be narrowed to."""

    outcome: FileRowOutcome | None = None


class EventFileLinks(BaseModel):
    """Where to look next."""

    self: str
    rows: str
    refused: str


class EventFile(BaseModel):
    """A file: how far it is read, and its counts, of which `rows` is the sum.

    `sent` rows became events, `repeated` ones say what an earlier event said. `type` is the
    events'; `progress` is the part of the rows that is settled, from 0 to 1.
    """

    id: str
    kind: str
    type: str
    state: FileState
    rows: int
    waiting: int
    sent: int
    repeated: int
    refused: int
    progress: float
    received_at: datetime
    begun_at: datetime | None
    done_at: datetime | None
    links: EventFileLinks


class EventFiles(BaseModel):
    """A page of the list; `next_cursor` None at its end."""

    items: list[EventFile]
    next_cursor: str | None


class EventFileRow(BaseModel):
    """What became of a row that is settled; the header is line 1.

    `status` is what its receipt says now; `of` is the first receipt where the row is a repeat, or
    has the id of an event that says something else. `field` of an error is the column's name.
    """

    line: int
    outcome: FileRowOutcome
    event_id: str | None
    receipt: str | None
    status: ReceiptStatus | None
    of: str | None
    errors: list[ShownRowError]


class EventFileRows(BaseModel):
    """A page of rows by line; `next_cursor` None at its end."""

    items: list[EventFileRow]
    next_cursor: str | None


def event_file_of(view: FileView) -> EventFile:
    """The file as it is shown."""
    address = f"/v1/event-files/{view.file_id}"
    return EventFile(
        id=view.file_id,
        type=view.mapping.type.cloud_type,
        state=view.state,
        progress=round((view.rows - view.waiting) / view.rows, 4),
        links=EventFileLinks(
            self=address, rows=f"{address}/rows", refused=f"{address}/rows?outcome=refused"
        ),
        **view.model_dump(exclude={"file_id", "mapping", "named"}),
    )


def file_row_of(file: FileView, view: FileRowView) -> EventFileRow:
    """A row as it is shown: its errors by the names that the columns have in its file."""
    errors = [
        ShownRowError(
            **error.model_dump() | {"line": view.line, "field": _column_of(file, error.field)}
        )
        for error in view.errors
    ]
    return EventFileRow(
        of=view.original, errors=errors, **view.model_dump(exclude={"original", "errors"})
    )


def _column_of(file: FileView, field: str) -> str:
    """The column that a field stands in; of one that has none, its first name in the mapping."""
    known = file.mapping.columns.get(field, (field,))
    return file.named.get(field, known[0])
