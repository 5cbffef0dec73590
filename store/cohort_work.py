"""Working off cohorts: rows are leased, and each is settled in the transaction of its opening."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from pydantic import JsonValue
from sqlalchemy import BigInteger, Integer, Interval, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.commands import Actor
from store.cohorts import RowOutcome, about
from store.intake_tables import TO_DELIVER, TO_FOLD, UNSORTED
from store.pauses import GOES_ON
from store.row_errors import ERRORS, RowError
from store.tables import MOMENT
from store.vault import Vault


@dataclass(frozen=True)
class RowLease:
    """A row under lease; `token` fences off whoever held it before."""

    cohort_id: str
    line: int
    token: int


@dataclass(frozen=True)
class RowInHand:
    """A row that nobody else can settle until this transaction ends.

    `body` is that of `POST /v1/journeys`; `region` and `by` are the sender's.
    """

    lease: RowLease
    body: dict[str, JsonValue]
    region: str
    by: Actor


_ANY_OPEN = text("SELECT EXISTS (SELECT 1 FROM cohorts WHERE done_at IS NULL)")
_LEASE = text(
    """
    WITH free AS (
        SELECT next.cohort_id, next.line,
            row_number() OVER (PARTITION BY next.cohort_id ORDER BY next.line) AS place
        FROM cohorts
        CROSS JOIN LATERAL (
            SELECT cohort_id, line FROM cohort_rows
            WHERE cohort_rows.cohort_id = cohorts.cohort_id AND outcome = 'waiting'
                AND leased_until < clock_timestamp()
            ORDER BY line
            LIMIT :at_most
            FOR UPDATE SKIP LOCKED
        ) AS next
        WHERE cohorts.done_at IS NULL
    ),
    chosen AS (
        SELECT cohort_id, line FROM free ORDER BY place, random() LIMIT :at_most
    )
    UPDATE cohort_rows
    SET token = nextval('lease_tokens'), leased_until = clock_timestamp() + :lease
    FROM chosen
    WHERE cohort_rows.cohort_id = chosen.cohort_id AND cohort_rows.line = chosen.line
    RETURNING cohort_rows.cohort_id, cohort_rows.line, cohort_rows.token
    """
).bindparams(bindparam("lease", type_=Interval))
_TAKE = text(
    """
    SELECT one.sealed, cohorts.region, cohorts.received_by, cohorts.received_role
    FROM cohort_rows AS one JOIN cohorts USING (cohort_id)
    WHERE one.cohort_id = :cohort_id AND one.line = :line AND one.token = :token
        AND one.outcome = 'waiting'
    FOR UPDATE OF one
    """
)
_SETTLE = text(
    """
    WITH settled AS (
        UPDATE cohort_rows
        SET outcome = :outcome, journey_id = :journey_id, errors = CAST(:errors AS jsonb),
            sealed = NULL, id_lookup = NULL
        WHERE cohort_id = :cohort_id AND line = :line AND token = :token AND outcome = 'waiting'
        RETURNING cohort_id
    )
    UPDATE cohorts
    SET opened = opened + :opened, refused = refused + :refused,
        begun_at = coalesce(begun_at, :now),
        done_at = CASE WHEN opened + refused + canceled + 1 = rows THEN :now END
    FROM settled WHERE cohorts.cohort_id = settled.cohort_id
    """
).bindparams(
    bindparam("opened", type_=Integer),
    bindparam("refused", type_=Integer),
    bindparam("now", type_=MOMENT),
)
_PUT_BACK = text(
    """
    UPDATE cohort_rows
    SET attempts = attempts + 1,
        leased_until = clock_timestamp() + least(:first * power(2, least(attempts, 20)), :longest)
    FROM unnest(:cohorts, :lines, :tokens) AS held(cohort_id, line, token)
    WHERE cohort_rows.cohort_id = held.cohort_id AND cohort_rows.line = held.line
        AND cohort_rows.token = held.token AND outcome = 'waiting'
    """
).bindparams(
    bindparam("cohorts", type_=ARRAY(Text)),
    bindparam("lines", type_=ARRAY(Integer)),
    bindparam("tokens", type_=ARRAY(BigInteger)),
    bindparam("first", type_=Interval),
    bindparam("longest", type_=Interval),
)
_PRESSURE = text(
    f"""
    SELECT
        greatest(
            (
                SELECT count(*) FROM (
                    SELECT FROM inbox WHERE {UNSORTED} AND {GOES_ON} LIMIT :most
                ) AS few
            ),
            (
                SELECT count(*) FROM (
                    SELECT FROM inbox WHERE {TO_FOLD} AND {GOES_ON} LIMIT :most
                ) AS few
            ),
            (
                SELECT count(*) FROM (
                    SELECT FROM inbox WHERE {TO_DELIVER} AND {GOES_ON} LIMIT :most
                ) AS few
            )
        ) AS events,
        (SELECT count(*) FROM (SELECT FROM outbox LIMIT :most) AS few) AS starts,
        (
            SELECT count(*) FROM (
                SELECT FROM journeys
                WHERE sequence = 0 AND opened_at > clock_timestamp() - :lately
                LIMIT :most
            ) AS few
        ) AS beginners
    """  # noqa: S608 (the predicates are our own)
).bindparams(bindparam("lately", type_=Interval))
_NOT_BEGUN = text(
    """
    SELECT count(*) FROM journeys
    WHERE journey_id = ANY(:journeys) AND sequence = 0 AND opened_at > clock_timestamp() - :lately
    """
).bindparams(bindparam("journeys", type_=ARRAY(Text)), bindparam("lately", type_=Interval))
_MOST_COUNTED = 1000


@dataclass(frozen=True)
class Pressure:
    """What waits, each counted up to 1,000: events of the kind that most of wait to be carried,
    journeys to be started, and journeys opened lately that have not written their first line."""

    events: int
    starts: int
    beginners: int


async def any_open(connection: AsyncConnection) -> bool:
    """Whether a cohort has rows that are not settled yet."""
    return bool((await connection.execute(_ANY_OPEN)).scalar_one())


async def pressure(connection: AsyncConnection, lately: timedelta) -> Pressure:
    """How much waits that goes before the rows of cohorts; counted in partial indexes.

    What a paused partner sent goes nowhere, so nobody waits for it.

    Args:
        lately: how long a journey that writes nothing counts as a beginner.
    """
    found = await connection.execute(_PRESSURE, {"most": _MOST_COUNTED, "lately": lately})
    row = found.one()
    return Pressure(events=row.events, starts=row.starts, beginners=row.beginners)


async def not_begun(connection: AsyncConnection, journeys: Iterable[str], lately: timedelta) -> int:
    """How many of these journeys, if opened lately, have not written their first line."""
    given = {"journeys": list(journeys), "lately": lately}
    return int((await connection.execute(_NOT_BEGUN, given)).scalar_one())


async def lease_rows(
    connection: AsyncConnection, at_most: int, lease: timedelta
) -> tuple[RowLease, ...]:
    """The first waiting rows of all open cohorts, shared out between these; held for the lease."""
    rows = await connection.execute(_LEASE, {"at_most": at_most, "lease": lease})
    leases = (RowLease(row.cohort_id, row.line, row.token) for row in rows)
    return tuple(sorted(leases, key=lambda held: (held.cohort_id, held.line)))


async def take_row(connection: AsyncConnection, vault: Vault, lease: RowLease) -> RowInHand | None:
    """The row, locked until the transaction's end; None where the lease is no longer good.

    Raises:
        Unsealable: it was altered, or sealed under another key.
    """
    found = (await connection.execute(_TAKE, _which(lease))).first()
    if found is None:
        return None
    plain = vault.unseal(found.sealed, about(lease.cohort_id, lease.line))
    by = Actor(id=found.received_by, role=found.received_role)
    return RowInHand(lease, orjson.loads(plain), found.region, by)


async def row_opened(
    connection: AsyncConnection, lease: RowLease, journey_id: str, now: datetime
) -> None:
    """Say which journey the row opened, and wipe what it said."""
    await _settle(connection, lease, RowOutcome.OPENED, now, journey_id=journey_id)


async def row_refused(
    connection: AsyncConnection, lease: RowLease, errors: Sequence[RowError], now: datetime
) -> None:
    """Say why the row opens nothing, and wipe what it said."""
    await _settle(connection, lease, RowOutcome.REFUSED, now, errors=errors)


async def put_back_rows(
    connection: AsyncConnection, leases: Iterable[RowLease], first: timedelta, longest: timedelta
) -> None:
    """Leave rows for later, each time twice as long, from `first` up to `longest`."""
    held = list(leases)
    await connection.execute(
        _PUT_BACK,
        {
            "cohorts": [lease.cohort_id for lease in held],
            "lines": [lease.line for lease in held],
            "tokens": [lease.token for lease in held],
            "first": first,
            "longest": longest,
        },
    )


async def _settle(  # noqa: PLR0917
    connection: AsyncConnection,
    lease: RowLease,
    outcome: RowOutcome,
    now: datetime,
    journey_id: str | None = None,
    errors: Sequence[RowError] = (),
) -> None:
    await connection.execute(
        _SETTLE,
        _which(lease)
        | {
            "outcome": outcome,
            "journey_id": journey_id,
            "errors": ERRORS.dump_json(tuple(errors)).decode(),
            "opened": int(outcome is RowOutcome.OPENED),
            "refused": int(outcome is RowOutcome.REFUSED),
            "now": now,
        },
    )


def _which(lease: RowLease) -> dict[str, object]:
    return {"cohort_id": lease.cohort_id, "line": lease.line, "token": lease.token}
