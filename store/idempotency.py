"""Idempotency keys of callers: the same key and body get the same answer."""

from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model import Word
from store.tables import idempotency_keys

KEPT_FOR = timedelta(days=7)
"""How long an answer is kept at least, from when its request began."""
ABANDONED_AFTER = timedelta(seconds=60)
"""A request begun longer ago and never finished is taken over: its process is gone."""


class Fresh(Word):
    """The key is new: do the work, then `finish`."""


class Finished(Word):
    """The key was used for this very request: answer this again."""

    status: int
    headers: dict[str, str]
    body: str


class KeyReused(Exception):
    """The key was used for another request (422)."""


class KeyInFlight(Exception):
    """The request under this key is being worked on (409)."""


_LOCK = select(
    func.pg_try_advisory_xact_lock(
        func.hashtextextended(bindparam("caller") + "\n" + bindparam("key"), 1)
    )
)
_new = insert(idempotency_keys)
_BEGIN = _new.on_conflict_do_update(
    index_elements=[idempotency_keys.c.caller, idempotency_keys.c.key],
    set_={"begun_at": _new.excluded.begun_at},
    where=and_(
        idempotency_keys.c.fingerprint == _new.excluded.fingerprint,
        idempotency_keys.c.status.is_(None),
        idempotency_keys.c.begun_at < bindparam("abandoned_before"),
    ),
).returning(idempotency_keys.c.key)
_THIS = (
    idempotency_keys.c.caller == bindparam("of_caller"),
    idempotency_keys.c.key == bindparam("of_key"),
)
_HELD = select(
    idempotency_keys.c.fingerprint,
    idempotency_keys.c.status,
    idempotency_keys.c.headers,
    idempotency_keys.c.body,
).where(*_THIS)
_FINISH = idempotency_keys.update().where(*_THIS)
_OLD = (
    select(idempotency_keys.c.caller, idempotency_keys.c.key)
    .where(idempotency_keys.c.begun_at < bindparam("before"))
    .order_by(idempotency_keys.c.begun_at)
    .limit(bindparam("at_most"))
    .with_for_update(skip_locked=True)
)
_PURGE = idempotency_keys.delete().where(
    tuple_(idempotency_keys.c.caller, idempotency_keys.c.key).in_(_OLD)
)
_FORGET = idempotency_keys.delete().where(
    *_THIS,
    idempotency_keys.c.status.is_(None),
    idempotency_keys.c.begun_at == bindparam("claimed_at"),
)


async def begin(
    connection: AsyncConnection, caller: str, key: str, fingerprint: str, now: datetime
) -> Fresh | Finished:
    """Claim a key for the request with this fingerprint.

    Where the work is done in the same transaction, a crash leaves no trace of the key. Where it is
    not (a command waits for its journey), commit the claim first.

    Raises:
        KeyReused: the key was used with another fingerprint.
        KeyInFlight: the request is being worked on, here or elsewhere.
    """
    if not (await connection.execute(_LOCK, {"caller": caller, "key": key})).scalar_one():
        raise KeyInFlight(key)
    claimed = await connection.execute(
        _BEGIN,
        {
            "caller": caller,
            "key": key,
            "fingerprint": fingerprint,
            "begun_at": now,
            "abandoned_before": now - ABANDONED_AFTER,
        },
    )
    if claimed.first() is not None:
        return Fresh()
    held = (await connection.execute(_HELD, {"of_caller": caller, "of_key": key})).one()
    if held.fingerprint != fingerprint:
        raise KeyReused(key)
    if held.status is None:
        raise KeyInFlight(key)
    return Finished(status=held.status, headers=held.headers, body=held.body)


async def finish(  # noqa: PLR0917 - an answer is what HTTP says it is
    connection: AsyncConnection,
    caller: str,
    key: str,
    status: int,
    body: str,
    headers: dict[str, str],
) -> None:
    """Keep the answer that every repeat gets."""
    await connection.execute(
        _FINISH.values(status=status, body=body, headers=headers),
        {"of_caller": caller, "of_key": key},
    )


async def forget(connection: AsyncConnection, caller: str, key: str, begun_at: datetime) -> None:
    """Give up a claim whose work had no effect, so that a repeat can try again at once.

    Only the claim that began then: whoever took the key over since keeps it.
    """
    await connection.execute(_FORGET, {"of_caller": caller, "of_key": key, "claimed_at": begun_at})


async def purge(connection: AsyncConnection, before: datetime, at_most: int) -> int:
    """Remove the oldest keys of requests begun before then; returns how many, at most so many.

    Several may purge at once; none waits for a key that somebody is claiming.
    """
    return (await connection.execute(_PURGE, {"before": before, "at_most": at_most})).rowcount
