"""Cohorts: many openings in one file, as received, and what became of each row.

What a row says is sealed about `<cohort>/<line>`, and wiped once it is opened, refused or canceled.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import orjson
from pydantic import JsonValue
from sqlalchemy import (
    ColumnElement,
    Integer,
    LargeBinary,
    Row,
    Text,
    bindparam,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.commands import Actor
from domain.model import Word
from store.caseload import Scope
from store.cohort_tables import cohort_rows, cohorts
from store.ids import new_id
from store.pages import Page, key_of, moment_of, page_of
from store.persons import id_lookup
from store.row_errors import ERRORS, RowError
from store.tables import journeys
from store.vault import Vault


class RowOutcome(StrEnum):
    """What became of a row."""

    WAITING = "waiting"
    OPENED = "opened"
    REFUSED = "refused"
    CANCELED = "canceled"


class CohortState(StrEnum):
    """How far a cohort has come: taken, its first journeys opened, nothing waits any more."""

    RECEIVED = "received"
    OPENING = "opening"
    DONE = "done"


class CheckedRow(Word):
    """A row as its file has it: the body of `POST /v1/journeys`, or what is wrong with it.

    `line` is where it begins: in a CSV file the header is line 1, in JSON the first row is.
    """

    line: int
    body: dict[str, JsonValue] | None
    errors: tuple[RowError, ...] = ()


class CohortView(Word):
    """A cohort and its counts: `rows` is the sum of the four others.

    `region` is the sender's, `form` the media type of what was sent.
    """

    cohort_id: str
    region: str
    name: str
    form: str
    received_by: Actor
    received_at: datetime
    rows: int
    waiting: int
    opened: int
    refused: int
    canceled: int
    begun_at: datetime | None
    done_at: datetime | None

    @property
    def state(self) -> CohortState:
        """How far it has come."""
        if self.done_at is not None:
            return CohortState.DONE
        return CohortState.RECEIVED if self.begun_at is None else CohortState.OPENING


class RowView(Word):
    """What became of a row; `journey_id` and `person_ref` where its journey was opened."""

    line: int
    outcome: RowOutcome
    journey_id: str | None
    person_ref: str | None
    errors: tuple[RowError, ...]


_COLUMNS = [column for column in cohorts.c if column.name != "file_hash"]
_COHORT = select(*_COLUMNS)
_KEEP = (
    insert(cohorts)
    .on_conflict_do_nothing(index_elements=[cohorts.c.region, cohorts.c.file_hash])
    .returning(*_COLUMNS)
)
_SAME_FILE = _COHORT.where(
    cohorts.c.region == bindparam("of_region"), cohorts.c.file_hash == bindparam("of_file")
)
_KEEP_ROWS = text(
    """
    INSERT INTO cohort_rows (cohort_id, line, outcome, sealed, id_lookup, errors)
    SELECT :cohort_id, line, outcome, sealed, id_lookup, CAST(errors AS jsonb)
    FROM unnest(:lines, :outcomes, :sealed, :id_lookups, :errors)
        AS given(line, outcome, sealed, id_lookup, errors)
    """
).bindparams(
    bindparam("lines", type_=ARRAY(Integer)),
    bindparam("outcomes", type_=ARRAY(Text)),
    bindparam("sealed", type_=ARRAY(LargeBinary)),
    bindparam("id_lookups", type_=ARRAY(LargeBinary)),
    bindparam("errors", type_=ARRAY(Text)),
)
_ROWS = select(
    cohort_rows.c.line,
    cohort_rows.c.outcome,
    cohort_rows.c.journey_id,
    journeys.c.person_ref,
    cohort_rows.c.errors,
).join_from(cohort_rows, journeys, isouter=True)
_CANCEL = text(
    """
    WITH canceled AS (
        UPDATE cohort_rows SET outcome = 'canceled', sealed = NULL, id_lookup = NULL
        WHERE cohort_id = :cohort_id AND outcome = 'waiting'
        RETURNING line
    )
    UPDATE cohorts SET canceled = canceled + counted.rows, done_at = coalesce(done_at, :now)
    FROM (SELECT count(*)::int AS rows FROM canceled) AS counted
    WHERE cohort_id = :cohort_id
    RETURNING counted.rows
    """
)


def about(cohort_id: str, line: int) -> str:
    """What a row's content is sealed about."""
    return f"{cohort_id}/{line}"


class Sent(Word):
    """A file as it was sent.

    `region` is the division whose staff send it, and see it; `content_hash` is of its bytes; `by`
    opens its journeys.
    """

    region: str
    name: str
    form: str
    content_hash: str
    by: Actor


async def receive_cohort(
    connection: AsyncConnection,
    vault: Vault,
    sent: Sent,
    rows: Sequence[CheckedRow],
    now: datetime,
) -> tuple[CohortView, bool]:
    """Keep a cohort whose good rows wait to be opened; the one of before for the same file again.

    Args:
        connection: in the caller's transaction.
        vault: seals the good rows; of the others nothing is kept but their errors.
        sent: what was sent by whom.
        rows: at least one; no two of the same line.
        now: the current time.

    Returns:
        The cohort, and whether it is new.
    """
    file_hash = vault.lookup("cohort", sent.content_hash)
    good = sum(row.body is not None for row in rows)
    kept = await connection.execute(
        _KEEP,
        {
            "cohort_id": new_id("co"),
            "region": sent.region,
            "name": sent.name,
            "form": sent.form,
            "file_hash": file_hash,
            "received_by": sent.by.id,
            "received_role": sent.by.role,
            "received_at": now,
            "rows": len(rows),
            "refused": len(rows) - good,
            "done_at": None if good else now,
        },
    )
    row = kept.first()
    if row is None:
        same = {"of_region": sent.region, "of_file": file_hash}
        return _cohort((await connection.execute(_SAME_FILE, same)).one()), False
    cohort = _cohort(row)
    # Sealing thousands of rows takes a tenth of a second, in which a door must answer others.
    arrays = await asyncio.to_thread(_arrays, vault, cohort.cohort_id, rows)
    await connection.execute(_KEEP_ROWS, arrays)
    return cohort, True


async def find_cohort(
    connection: AsyncConnection, scope: Scope, cohort_id: str
) -> CohortView | None:
    """One cohort; None where it does not exist or was sent outside the scope."""
    query = _COHORT.where(cohorts.c.cohort_id == cohort_id, *_within(scope))
    row = (await connection.execute(query)).first()
    return None if row is None else _cohort(row)


async def list_cohorts(
    connection: AsyncConnection, scope: Scope, limit: int, cursor: str | None
) -> Page[CohortView]:
    """The cohorts that were sent within a scope, newest first.

    Raises:
        BadCursor: the cursor is none of this list's.
    """
    newest = (cohorts.c.received_at.desc(), cohorts.c.cohort_id.desc())
    query = _COHORT.where(*_within(scope)).order_by(*newest).limit(limit + 1)
    if cursor is not None:
        received_at, cohort_id = key_of(cursor, (str, str))
        query = query.where(
            tuple_(cohorts.c.received_at, cohorts.c.cohort_id)
            < tuple_(moment_of(received_at), cohort_id)
        )
    found = [_cohort(row) for row in await connection.execute(query)]
    return page_of(found, limit, lambda last: (last.received_at.isoformat(), last.cohort_id))


async def list_rows(
    connection: AsyncConnection,
    cohort_id: str,
    outcome: RowOutcome | None,
    limit: int,
    cursor: str | None,
) -> Page[RowView]:
    """A cohort's rows by line; only those with an outcome, where one is given.

    Raises:
        BadCursor: the cursor is none of this list's.
    """
    after = 0 if cursor is None else key_of(cursor, (int,))[0]
    query = _ROWS.where(cohort_rows.c.cohort_id == cohort_id, cohort_rows.c.line > after)
    if outcome is not None:
        query = query.where(cohort_rows.c.outcome == outcome)
    rows = (await connection.execute(query.order_by(cohort_rows.c.line).limit(limit + 1))).all()
    found = [RowView.model_validate(dict(row._mapping)) for row in rows]
    return page_of(found, limit, lambda last: (last.line,))


async def cancel_waiting(connection: AsyncConnection, cohort_id: str, now: datetime) -> int:
    """Open none of the rows that still wait; returns how many they were."""
    done = await connection.execute(_CANCEL, {"cohort_id": cohort_id, "now": now})
    return int(done.scalar_one())


def _arrays(vault: Vault, cohort_id: str, rows: Sequence[CheckedRow]) -> dict[str, object]:
    return {
        "cohort_id": cohort_id,
        "lines": [row.line for row in rows],
        "outcomes": [
            RowOutcome.REFUSED if row.body is None else RowOutcome.WAITING for row in rows
        ],
        "sealed": [
            None
            if row.body is None
            else vault.seal(orjson.dumps(row.body), about(cohort_id, row.line))
            for row in rows
        ],
        "id_lookups": [_id_lookup(vault, row) for row in rows],
        "errors": [ERRORS.dump_json(row.errors).decode() for row in rows],
    }


def _id_lookup(vault: Vault, row: CheckedRow) -> bytes | None:
    """The keyed hash of the identity number of a row that waits, None where it says none."""
    person = row.body.get("person") if row.body is not None else None
    number = person.get("id_number") if isinstance(person, dict) else None
    return id_lookup(vault, number) if isinstance(number, str) else None


def _within(scope: Scope) -> list[ColumnElement[bool]]:
    """Those that were sent in the scope's region or in a division within it."""
    return [cohorts.c.region.startswith(scope.region, autoescape=True)] if scope.region else []


def _cohort(row: Row[tuple[object, ...]]) -> CohortView:
    fields = dict(row._mapping)
    settled = fields["opened"] + fields["refused"] + fields["canceled"]
    by = {"id": fields.pop("received_by"), "role": fields.pop("received_role")}
    return CohortView.model_validate(
        fields | {"received_by": by, "waiting": fields["rows"] - settled}
    )
