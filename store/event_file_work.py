"""Reading files of events: a file is leased, and settled chunk by chunk with what it became."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Integer, Interval, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.file_mappings import FileMapping
from domain.senders import SenderKind
from store.event_files import FileRowOutcome
from store.row_errors import ERRORS, RowError
from store.tables import MOMENT


@dataclass(frozen=True)
class FileLease:
    """A file under lease; `token` fences off whoever held it before."""

    file_id: str
    token: int


@dataclass(frozen=True)
class FileInHand:
    """A leased file: what it says, sealed, and who sent it; rows up to `read_to` are settled."""

    lease: FileLease
    partner: str
    partner_kind: SenderKind
    source: str
    mapping: FileMapping
    sealed: bytes
    read_to: int


@dataclass(frozen=True)
class SettledRow:
    """What became of a row."""

    line: int
    outcome: FileRowOutcome
    event_id: str | None = None
    receipt: str | None = None
    original: str | None = None
    errors: tuple[RowError, ...] = ()


# The one that was left longest goes first, so that files share the relay.
_LEASE = text(
    """
    UPDATE event_files
    SET token = nextval('lease_tokens'), leased_until = clock_timestamp() + :lease
    WHERE file_id = (
        SELECT file_id FROM event_files
        WHERE done_at IS NULL AND leased_until < clock_timestamp()
        ORDER BY leased_until, received_at
        LIMIT 1
        FOR UPDATE SKIP LOCKED
    )
    RETURNING file_id, token
    """
).bindparams(bindparam("lease", type_=Interval))
_TAKE = text(
    """
    SELECT file.*, partners.kind AS partner_kind
    FROM event_files AS file JOIN partners USING (partner_id)
    WHERE file_id = :file_id AND token = :token AND done_at IS NULL
    """
)
_HOLD = text(
    """
    UPDATE event_files SET leased_until = clock_timestamp() + :lease
    WHERE file_id = :file_id AND token = :token AND done_at IS NULL
    RETURNING read_to
    """
).bindparams(bindparam("lease", type_=Interval))
_KEEP_ROWS = text(
    """
    INSERT INTO event_file_rows (file_id, line, outcome, event_id, receipt, original, errors)
    SELECT :file_id, line, outcome, event_id, receipt, original, CAST(errors AS jsonb)
    FROM unnest(:lines, :outcomes, :event_ids, :receipts, :originals, :errors)
        AS given(line, outcome, event_id, receipt, original, errors)
    """
).bindparams(
    bindparam("lines", type_=ARRAY(Integer)),
    *(
        bindparam(name, type_=ARRAY(Text))
        for name in ("outcomes", "event_ids", "receipts", "originals", "errors")
    ),
)
_SETTLE = text(
    """
    UPDATE event_files
    SET sent = sent + :sent, repeated = repeated + :repeated, refused = refused + :refused,
        read_to = :read_to, attempts = 0, begun_at = coalesce(begun_at, :now),
        done_at = CASE WHEN sent + repeated + refused + :settled = rows THEN :now END,
        sealed = CASE WHEN sent + repeated + refused + :settled = rows THEN NULL ELSE sealed END
    WHERE file_id = :file_id
    """
).bindparams(
    *(bindparam(name, type_=Integer) for name in ("sent", "repeated", "refused", "settled")),
    bindparam("now", type_=MOMENT),
)
_GIVE_BACK = text(
    """
    UPDATE event_files SET leased_until = clock_timestamp()
    WHERE file_id = :file_id AND token = :token
    """
)
_PUT_BACK = text(
    """
    UPDATE event_files
    SET attempts = attempts + 1,
        leased_until = clock_timestamp() + least(:first * power(2, least(attempts, 20)), :longest)
    WHERE file_id = :file_id AND token = :token
    """
).bindparams(bindparam("first", type_=Interval), bindparam("longest", type_=Interval))


async def lease_file(connection: AsyncConnection, lease: timedelta) -> FileLease | None:
    """The file that has waited longest for its turn, held for the lease; None where none waits."""
    row = (await connection.execute(_LEASE, {"lease": lease})).first()
    return None if row is None else FileLease(row.file_id, row.token)


async def take_file(connection: AsyncConnection, lease: FileLease) -> FileInHand | None:
    """What is under lease; None where the lease is no longer good."""
    row = (await connection.execute(_TAKE, _which(lease))).first()
    if row is None:
        return None
    return FileInHand(
        lease=lease,
        partner=row.partner_id,
        partner_kind=SenderKind(row.partner_kind),
        source=row.source,
        mapping=FileMapping.model_validate(row.mapping),
        sealed=row.sealed,
        read_to=row.read_to,
    )


async def hold_file(connection: AsyncConnection, lease: FileLease, longer: timedelta) -> int | None:
    """Lock a file until the transaction's end, and lengthen its lease.

    Returns:
        The line up to which it is read; None where the lease is no longer good.
    """
    held = await connection.scalar(_HOLD, _which(lease) | {"lease": longer})
    return None if held is None else int(held)


async def settle_rows(
    connection: AsyncConnection, lease: FileLease, rows: Sequence[SettledRow], now: datetime
) -> None:
    """Say what became of the next rows of a file that is held; after the last one it is wiped."""
    await connection.execute(
        _KEEP_ROWS,
        {
            "file_id": lease.file_id,
            "lines": [row.line for row in rows],
            "outcomes": [row.outcome for row in rows],
            "event_ids": [row.event_id for row in rows],
            "receipts": [row.receipt for row in rows],
            "originals": [row.original for row in rows],
            "errors": [ERRORS.dump_json(row.errors).decode() for row in rows],
        },
    )
    outcomes = [row.outcome for row in rows]
    counts = {outcome.value: outcomes.count(outcome) for outcome in FileRowOutcome}
    await connection.execute(
        _SETTLE,
        counts
        | {
            "file_id": lease.file_id,
            "settled": len(rows),
            "read_to": rows[-1].line,
            "now": now,
        },
    )


async def give_back_file(connection: AsyncConnection, lease: FileLease) -> None:
    """Let the other files go first."""
    await connection.execute(_GIVE_BACK, _which(lease))


async def put_back_file(
    connection: AsyncConnection, lease: FileLease, first: timedelta, longest: timedelta
) -> None:
    """Leave a file for later, each time twice as long, from `first` up to `longest`."""
    await connection.execute(_PUT_BACK, _which(lease) | {"first": first, "longest": longest})


def _which(lease: FileLease) -> dict[str, object]:
    return {"file_id": lease.file_id, "token": lease.token}
