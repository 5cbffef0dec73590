"""`Idempotency-Key`: the same key and body get the same answer, and nothing happens twice."""

import hashlib
from collections.abc import Awaitable, Callable

from fastapi import Response
from sqlalchemy.ext.asyncio import AsyncConnection

from api.database import transaction
from api.dependencies import ApiDependencies
from api.problems import IdempotencyKeyReused, StillInFlight
from api.tokens import Caller
from store.idempotency import Finished, KeyInFlight, KeyReused, begin, finish, forget

MEDIA_TYPE = "application/json"


def fingerprint_of(address: str, body: bytes) -> str:
    """What a key stands for: where it was sent, and what."""
    return hashlib.sha256(address.encode() + b"\n" + body).hexdigest()


def update_id_of(caller: Caller, key: str, fingerprint: str) -> str:
    """The id under which a journey knows a command: the same for the same request and key."""
    told = "\n".join((caller.subject, key, fingerprint))
    return f"key-{hashlib.sha256(told.encode()).hexdigest()[:40]}"


async def earlier_answer(
    connection: AsyncConnection,
    deps: ApiDependencies,
    caller: Caller,
    key: str,
    fingerprint: str,
) -> Response | None:
    """The answer given before under this key; None for a key that is new.

    Raises:
        IdempotencyKeyReused: the key stands for another request.
        StillInFlight: the first one is still being answered.
    """
    try:
        found = await begin(connection, caller.subject, key, fingerprint, deps.clock())
    except KeyReused:
        raise IdempotencyKeyReused("choose a new key for another request") from None
    except KeyInFlight:
        raise StillInFlight("ask again under the same key") from None
    if not isinstance(found, Finished):
        return None
    return Response(
        found.body, status_code=found.status, headers=found.headers, media_type=MEDIA_TYPE
    )


async def answer_once(
    deps: ApiDependencies,
    caller: Caller,
    key: str,
    fingerprint: str,
    answer: Callable[[], Awaitable[str]],
) -> Response:
    """The JSON answer under this key: an earlier one, else that of `answer`, kept.

    For work that waits for somebody else, so no transaction is open meanwhile. A refusal is not
    kept, because it changed nothing: the same request may be given another answer later.

    Raises:
        Problem: those of `earlier_answer`, and whatever `answer` raises.
    """
    within = deps.limits.database_answer
    async with transaction(deps.engine, within) as connection:
        before = await earlier_answer(connection, deps, caller, key, fingerprint)
    if before is not None:
        return before
    try:
        content = await answer()
    except Exception:
        async with transaction(deps.engine, within) as connection:
            await forget(connection, caller.subject, key)
        raise
    async with transaction(deps.engine, within) as connection:
        await finish(connection, caller.subject, key, 200, content, {})
    return Response(content, media_type=MEDIA_TYPE)
