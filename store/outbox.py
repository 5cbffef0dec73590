"""The outbox: journeys written and not yet started. A line goes when its workflow runs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from pydantic import JsonValue
from sqlalchemy import BigInteger, Interval, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True)
class Start:
    """A start line under lease: the journey, its brief as written, the lease's fencing token."""

    journey_id: str
    brief: dict[str, JsonValue]
    token: int


_LEASE = text(
    """
    WITH free AS (
        SELECT journey_id FROM outbox
        WHERE leased_until < clock_timestamp()
        ORDER BY written_at
        LIMIT :at_most
        FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox SET token = nextval('lease_tokens'), leased_until = clock_timestamp() + :lease
    FROM free
    WHERE outbox.journey_id = free.journey_id
    RETURNING outbox.journey_id, outbox.brief, outbox.token
    """
).bindparams(bindparam("lease", type_=Interval))
_LINES = (bindparam("journeys", type_=ARRAY(Text)), bindparam("tokens", type_=ARRAY(BigInteger)))
_STARTED = text(
    """
    DELETE FROM outbox USING unnest(:journeys, :tokens) AS held(journey_id, token)
    WHERE outbox.journey_id = held.journey_id AND outbox.token = held.token
    """
).bindparams(*_LINES)
_GIVE_BACK = text(
    """
    UPDATE outbox SET leased_until = clock_timestamp() + :pause
    FROM unnest(:journeys, :tokens) AS held(journey_id, token)
    WHERE outbox.journey_id = held.journey_id AND outbox.token = held.token
    """
).bindparams(*_LINES, bindparam("pause", type_=Interval))


async def lease_starts(
    connection: AsyncConnection, at_most: int, lease: timedelta
) -> tuple[Start, ...]:
    """The oldest start lines that nobody holds; held from now on for as long as the lease."""
    rows = await connection.execute(_LEASE, {"at_most": at_most, "lease": lease})
    return tuple(Start(row.journey_id, row.brief, row.token) for row in rows)


async def started(connection: AsyncConnection, starts: Iterable[Start]) -> None:
    """Strike the lines whose workflows run; a line leased anew meanwhile stays."""
    await connection.execute(_STARTED, _held(starts))


async def give_back_starts(
    connection: AsyncConnection, starts: Iterable[Start], pause: timedelta
) -> None:
    """Leave lines for later: nobody leases them before the pause is over."""
    await connection.execute(_GIVE_BACK, _held(starts) | {"pause": pause})


def _held(starts: Iterable[Start]) -> dict[str, object]:
    lines = sorted(starts, key=lambda start: start.journey_id)
    return {
        "journeys": [start.journey_id for start in lines],
        "tokens": [start.token for start in lines],
    }
