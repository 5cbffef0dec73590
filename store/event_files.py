"""Partners' files of events: as received, how far they are read, and what became of each row."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import orjson
from sqlalchemy import Row, and_, bindparam, case, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.file_mappings import FileMapping
from domain.journal import ReceiptStatus
from domain.model import Word
from store.event_file_tables import event_file_rows, event_files
from store.ids import new_id
from store.intake_tables import inbox
from store.pages import Page, key_of, moment_of, page_of
from store.row_errors import RowError
from store.vault import Vault


class FileRowOutcome(StrEnum):
    """What became of a row: an event, the repeat of one, or nothing."""

    SENT = "sent"
    REPEATED = "repeated"
    REFUSED = "refused"


class FileState(StrEnum):
    """How far a file is read."""

    RECEIVED = "received"
    READING = "reading"
    DONE = "done"


class SentFile(Word):
    """A file as its partner sent it: under which source, to be read by which mapping.

    `named` gives the name of each column by the field that it stands for; `content_hash` is of the
    bytes, of which `rows` are rows.
    """

    partner: str
    source: str
    kind: str
    mapping: FileMapping
    named: dict[str, str]
    content_hash: str
    rows: int


class FileView(Word):
    """A file and its counts: `rows` is the sum of the four others."""

    file_id: str
    kind: str
    mapping: FileMapping
    named: dict[str, str]
    received_at: datetime
    rows: int
    waiting: int
    sent: int
    repeated: int
    refused: int
    begun_at: datetime | None
    done_at: datetime | None

    @property
    def state(self) -> FileState:
        """How far it is read."""
        if self.done_at is not None:
            return FileState.DONE
        return FileState.RECEIVED if self.begun_at is None else FileState.READING


class FileRowView(Word):
    """What became of a row: its event, its receipt, what the receipt says now, or what is wrong.

    `original` is the first receipt of an event that the row repeats.
    """

    line: int
    outcome: FileRowOutcome
    event_id: str | None
    receipt: str | None
    original: str | None
    status: ReceiptStatus | None
    errors: tuple[RowError, ...]


_INSIDE = ("partner_id", "source", "file_hash", "sealed", "read_to")
_COLUMNS = [
    column
    for column in event_files.c
    if column.name not in (*_INSIDE, "attempts", "token", "leased_until")
]
_FILE = select(*_COLUMNS)
_KEEP = (
    insert(event_files)
    .on_conflict_do_nothing(index_elements=[event_files.c.partner_id, event_files.c.file_hash])
    .returning(*_COLUMNS)
)
_SAME_FILE = _FILE.where(
    event_files.c.partner_id == bindparam("of_partner"),
    event_files.c.file_hash == bindparam("of_file"),
)
_ROWS = select(
    event_file_rows.c.line,
    event_file_rows.c.outcome,
    event_file_rows.c.event_id,
    event_file_rows.c.receipt,
    event_file_rows.c.original,
    case(
        (event_file_rows.c.outcome == FileRowOutcome.REPEATED, ReceiptStatus.DUPLICATE.value),
        else_=inbox.c.status,
    ).label("status"),
    event_file_rows.c.errors,
).join_from(
    event_file_rows,
    inbox,
    and_(
        inbox.c.receipt == event_file_rows.c.receipt,
        event_file_rows.c.outcome == FileRowOutcome.SENT,
    ),
    isouter=True,
)


async def receive_file(
    connection: AsyncConnection, vault: Vault, file: SentFile, content: bytes, now: datetime
) -> tuple[FileView, bool]:
    """Keep a file to be read; the one of before for the same file again.

    The same is what has the same bytes from the same partner, to be read by the same mapping.

    Args:
        connection: in the caller's transaction.
        vault: seals the content about the file's id.

    Returns:
        The file, and whether it is new.
    """
    file_hash = _hash_of(vault, file)
    same = {"of_partner": file.partner, "of_file": file_hash}
    before = (await connection.execute(_SAME_FILE, same)).first()
    if before is not None:
        return _view(before), False
    file_id = new_id("ef")
    kept = await connection.execute(
        _KEEP,
        {
            "file_id": file_id,
            "partner_id": file.partner,
            "source": file.source,
            "kind": file.kind,
            "mapping": file.mapping.model_dump(mode="json"),
            "named": file.named,
            "file_hash": file_hash,
            "sealed": vault.seal(content, file_id),
            "received_at": now,
            "rows": file.rows,
        },
    )
    row = kept.first()
    if row is None:
        return _view((await connection.execute(_SAME_FILE, same)).one()), False
    return _view(row), True


async def find_file(connection: AsyncConnection, partner: str, file_id: str) -> FileView | None:
    """One file of a partner; None where it does not exist or is another's."""
    query = _FILE.where(event_files.c.file_id == file_id, event_files.c.partner_id == partner)
    row = (await connection.execute(query)).first()
    return None if row is None else _view(row)


async def list_files(
    connection: AsyncConnection, partner: str, limit: int, cursor: str | None
) -> Page[FileView]:
    """A partner's files, newest first.

    Raises:
        BadCursor: the cursor is none of this list's.
    """
    newest = (event_files.c.received_at.desc(), event_files.c.file_id.desc())
    query = _FILE.where(event_files.c.partner_id == partner).order_by(*newest).limit(limit + 1)
    if cursor is not None:
        received_at, file_id = key_of(cursor, (str, str))
        query = query.where(
            tuple_(event_files.c.received_at, event_files.c.file_id)
            < tuple_(moment_of(received_at), file_id)
        )
    found = [_view(row) for row in await connection.execute(query)]
    return page_of(found, limit, lambda last: (last.received_at.isoformat(), last.file_id))


async def list_file_rows(
    connection: AsyncConnection,
    file_id: str,
    outcome: FileRowOutcome | None,
    limit: int,
    cursor: str | None,
) -> Page[FileRowView]:
    """A file's rows that are settled, by line; only those with an outcome, where one is given.

    Raises:
        BadCursor: the cursor is none of this list's.
    """
    after = 0 if cursor is None else key_of(cursor, (int,))[0]
    query = _ROWS.where(event_file_rows.c.file_id == file_id, event_file_rows.c.line > after)
    if outcome is not None:
        query = query.where(event_file_rows.c.outcome == outcome)
    rows = (await connection.execute(query.order_by(event_file_rows.c.line).limit(limit + 1))).all()
    found = [FileRowView.model_validate(dict(row._mapping)) for row in rows]
    return page_of(found, limit, lambda last: (last.line,))


def _hash_of(vault: Vault, file: SentFile) -> bytes:
    mapping = orjson.dumps(file.mapping.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    told = "\n".join((file.content_hash, file.kind, mapping.decode()))
    return vault.lookup("event_file", told)


def _view(row: Row[tuple[object, ...]]) -> FileView:
    fields: Mapping[str, object] = dict(row._mapping)
    settled = row.sent + row.repeated + row.refused
    return FileView.model_validate({**fields, "waiting": row.rows - settled})
