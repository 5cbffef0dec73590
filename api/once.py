"""`Idempotency-Key`: the same key and request get the same answer, and nothing happens twice.

After the IETF draft (draft-ietf-httpapi-idempotency-key-header-07): the same request again is given
the answer of the first one, status, headers and body; another request under the key is a 422; while
the first one is being answered, a 409. A key belongs to the caller's account (issuer and subject),
and an answer to who she was when it was given: role, region. Keys are kept for 7 days. A refusal is
not kept, because it changed nothing: the same request may be given another answer later.

Of keys and requests keyed hashes are kept, so that a person named in a body can't be guessed.
Answers are kept in plain. They hold ids and codes, never personal data and never a secret: a route
that tells either does not keep its answer.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from fastapi import Response
from sqlalchemy.ext.asyncio import AsyncConnection

from api.database import transaction
from api.dependencies import ApiDependencies
from api.problems import IdempotencyKeyReused, StillInFlight
from api.tokens import Caller
from store.audit import AuditLine, append
from store.idempotency import Finished, KeyInFlight, KeyReused, begin, finish, forget

MEDIA_TYPE = "application/json"


@dataclass(frozen=True)
class Answer:
    """A good answer in JSON, as it is given and kept."""

    content: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        """The same over HTTP."""
        return Response(
            self.content,
            status_code=self.status,
            headers=dict(self.headers),
            media_type=MEDIA_TYPE,
        )


def fingerprint_of(address: str, body: bytes) -> str:
    """What a key stands for: where it was sent, and what."""
    return hashlib.sha256(address.encode() + b"\n" + body).hexdigest()


def update_id_of(caller: Caller, key: str, fingerprint: str) -> str:
    """The id under which a journey knows a command: the same for the same request and key."""
    told = "\n".join((caller.subject, key, fingerprint))
    return f"key-{hashlib.sha256(told.encode()).hexdigest()[:40]}"


async def earlier_answer(  # noqa: PLR0917 (a key, whose, for what and since when)
    connection: AsyncConnection,
    deps: ApiDependencies,
    caller: Caller,
    key: str,
    fingerprint: str,
    begun_at: datetime,
) -> Response | None:
    """The answer given before under this key; None for a key that is new.

    Raises:
        IdempotencyKeyReused: the key stands for another request, or for one of hers as somebody
            else: with another role or region.
        StillInFlight: the first one is still being answered.
    """
    whole = _as_whom(deps, caller, fingerprint)
    try:
        found = await begin(connection, caller.subject, _kept_as(deps, key), whole, begun_at)
    except KeyReused:
        raise IdempotencyKeyReused("choose a new key for another request") from None
    except KeyInFlight:
        raise StillInFlight("ask again under the same key") from None
    if not isinstance(found, Finished):
        return None
    return Answer(found.body, found.status, found.headers).response()


async def write_once(
    deps: ApiDependencies,
    caller: Caller,
    key: str | None,
    fingerprint: str,
    write: Callable[[AsyncConnection], Awaitable[Answer]],
) -> Response:
    """The answer under this key: an earlier one, else that of `write`, kept where there is a key.

    Key, effect and answer are one transaction: either all of them last or none does.

    Raises:
        Problem: those of `earlier_answer`, and whatever `write` raises.
    """
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        if key is not None:
            before = await earlier_answer(connection, deps, caller, key, fingerprint, deps.clock())
            if before is not None:
                return before
        answer = await write(connection)
        if key is not None:
            await finish(
                connection,
                caller.subject,
                _kept_as(deps, key),
                answer.status,
                answer.content,
                dict(answer.headers),
            )
    return answer.response()


async def answer_once(  # noqa: PLR0917 (a request, its work and its trace)
    deps: ApiDependencies,
    caller: Caller,
    key: str | None,
    fingerprint: str,
    answer: Callable[[], Awaitable[str]],
    told: Callable[[Exception | None], AuditLine | None],
) -> Response:
    """The same for work that waits for somebody else, so that no transaction is open meanwhile.

    Args:
        told: what the audit log is told, given what `answer` raised, None where it answered. It is
            written in one transaction with what becomes of the key.

    Raises:
        Problem: those of `earlier_answer`, and whatever `answer` raises.
    """
    within, begun_at = deps.limits.database_answer, deps.clock()
    if key is not None:
        async with transaction(deps.engine, within) as connection:
            before = await earlier_answer(connection, deps, caller, key, fingerprint, begun_at)
        if before is not None:
            return before
    try:
        content = await answer()
    except Exception as fault:
        async with transaction(deps.engine, within) as connection:
            if key is not None:
                await forget(connection, caller.subject, _kept_as(deps, key), begun_at)
            if line := told(fault):
                await append(connection, line)
        raise
    async with transaction(deps.engine, within) as connection:
        if key is not None:
            await finish(connection, caller.subject, _kept_as(deps, key), 200, content, {})
        if line := told(None):
            await append(connection, line)
    return Answer(content).response()


def _as_whom(deps: ApiDependencies, caller: Caller, fingerprint: str) -> str:
    who = (caller.role, caller.region, caller.partner)
    return deps.vault.lookup("request", "\n".join((*who, fingerprint))).hex()


def _kept_as(deps: ApiDependencies, key: str) -> str:
    """A key as it is kept beside its caller's subject, who is another under another issuer."""
    return deps.vault.lookup("idempotency_key", f"{deps.tokens.issuer}\n{key}").hex()
