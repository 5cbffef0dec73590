"""`/v1/quarantine`: events in quarantine, for the supervisors who release or reject them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Response
from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncConnection

from api.bodies import JsonObject, parse
from api.corrections import corrected_data
from api.database import transaction
from api.dependencies import ApiDependencies, Deps, Supervisor
from api.kept_events import (
    AskedRejection,
    AskedRelease,
    AskedWithdrawal,
    Awaited,
    Decided,
    KeptEvent,
    KeptEvents,
    KeptEventWithData,
    KeptQuery,
    Step,
)
from api.once import Answer, fingerprint_of, write_once
from api.openapi import takes
from api.paths import NO_SUCH_EVENT, IdempotencyKey, ReceiptId
from api.problems import (
    NotFound,
    QuarantineForbids,
    SecondPersonMissing,
    documented,
)
from api.request_log import note
from api.tokens import Caller
from domain.journal import KeptBack
from domain.masking import without_personal_numbers_in
from store.audit import AuditAction, AuditLine, append
from store.quarantine_decisions import (
    Decision,
    DecisionRefused,
    QuarantineRule,
    SamePerson,
    reject,
    release,
    withdraw,
)
from store.quarantine_views import Kept, KeptFilter, KeptView, find_kept, list_kept
from store.sealed_events import Unreadable, open_event
from store.vault import Vault

router = APIRouter(prefix="/v1/quarantine", tags=["supervisors"])

_NOT_KEPT = {"Cache-Control": "no-store"}


@router.get(
    "",
    response_model=KeptEvents,
    responses=documented(401, 403, 422, 503),
    summary="List the events in quarantine of my region",
)
async def list_quarantine(
    caller: Supervisor, query: Annotated[KeptQuery, Query()], deps: Deps
) -> KeptEvents:
    """Those of the region's journeys; and, where no journey is known, of its partners."""
    wanted = KeptFilter(**query.model_dump(exclude={"limit", "cursor"}))
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        page = await list_kept(connection, caller.region, wanted, query.limit, query.cursor)
    items = [KeptEvent(**_shown(view)) for view in page.items]
    return KeptEvents(items=items, next_cursor=page.next_cursor)


@router.get(
    "/{receipt}",
    response_model=KeptEventWithData,
    responses=documented(401, 403, 404, 422, 503),
    summary="One event in quarantine, with what it says",
)
async def show_kept(
    caller: Supervisor, receipt: ReceiptId, deps: Deps, response: Response
) -> KeptEventWithData:
    """Each look at what an event says is in the audit log."""
    note(receipt=receipt)
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        kept = await find_kept(connection, caller.region, receipt)
        if kept is None or kept.view.since is None:
            raise NotFound(NO_SUCH_EVENT)
        line = AuditLine(
            action=AuditAction.EVENT_READ,
            by=caller.actor,
            about=receipt,
            detail={"reason": kept.view.reason},
        )
        await append(connection, line)
    response.headers.update(_NOT_KEPT)
    return KeptEventWithData(**_shown(kept.view), data=_said(deps.vault, kept))


@router.post(
    "/{receipt}/release",
    response_model=Decided,
    responses={
        202: {"model": Decided, "description": "A second person has to ask for the same"},
        **documented(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
    summary="Put an event back on its way",
    openapi_extra=takes(AskedRelease),
)
async def release_one(
    caller: Supervisor,
    receipt: ReceiptId,
    body: JsonObject,
    deps: Deps,
    key: IdempotencyKey = None,
) -> Response:
    """It goes to the journey of its subject; where it changes a result, two persons are needed."""
    asked = parse(AskedRelease, body.content)
    fingerprint = fingerprint_of(f"POST /v1/quarantine/{receipt}/release", body.raw)
    note(receipt=receipt)

    async def write(connection: AsyncConnection) -> Answer:
        kept = await _to_decide(connection, caller, receipt)
        return await _release(connection, deps, caller, kept, asked)

    return await write_once(deps, caller, key, fingerprint, write)


@router.post(
    "/{receipt}/reject",
    response_model=Decided,
    responses=documented(400, 401, 403, 404, 409, 413, 415, 422, 503),
    summary="Reject an event for good",
    openapi_extra=takes(AskedRejection),
)
async def reject_one(
    caller: Supervisor,
    receipt: ReceiptId,
    body: JsonObject,
    deps: Deps,
    key: IdempotencyKey = None,
) -> Response:
    """It ends as `rejected`, and its sender reads why."""
    asked = parse(AskedRejection, body.content)
    fingerprint = fingerprint_of(f"POST /v1/quarantine/{receipt}/reject", body.raw)
    note(receipt=receipt)

    async def write(connection: AsyncConnection) -> Answer:
        kept = await _to_decide(connection, caller, receipt)
        decision = Decision(by=caller.actor, reason=asked.reason, at=deps.clock())
        with _refusals():
            await reject(connection, deps.vault, kept, decision)
        return _answer(kept.view, decision, "rejected", kept.view.journey_id)

    return await write_once(deps, caller, key, fingerprint, write)


@router.post(
    "/{receipt}/withdraw",
    response_model=Decided,
    responses=documented(400, 401, 403, 404, 409, 413, 415, 422, 503),
    summary="Withdraw a release that waits for a second person, or decline it",
    openapi_extra=takes(AskedWithdrawal),
)
async def withdraw_one(
    caller: Supervisor,
    receipt: ReceiptId,
    body: JsonObject,
    deps: Deps,
    key: IdempotencyKey = None,
) -> Response:
    """The event stays in quarantine. By itself a request lapses after two weeks."""
    asked = parse(AskedWithdrawal, body.content)
    fingerprint = fingerprint_of(f"POST /v1/quarantine/{receipt}/withdraw", body.raw)
    note(receipt=receipt)

    async def write(connection: AsyncConnection) -> Answer:
        kept = await _to_decide(connection, caller, receipt)
        decision = Decision(by=caller.actor, reason=asked.reason, at=deps.clock())
        with _refusals():
            await withdraw(connection, deps.vault, kept, decision)
        return _answer(kept.view, decision, "withdrawn", kept.view.journey_id)

    return await write_once(deps, caller, key, fingerprint, write)


@contextmanager
def _refusals() -> Iterator[None]:
    """What a rule forbids, as a problem."""
    try:
        yield
    except DecisionRefused as refused:
        raise QuarantineForbids(str(refused), rule=refused.rule) from None


async def _to_decide(connection: AsyncConnection, caller: Caller, receipt: str) -> Kept:
    kept = await find_kept(connection, caller.region, receipt, to_decide=True)
    if kept is None:
        raise NotFound(NO_SUCH_EVENT)
    return kept


async def _release(
    connection: AsyncConnection,
    deps: ApiDependencies,
    caller: Caller,
    kept: Kept,
    asked: AskedRelease,
) -> Answer:
    decision = Decision(
        by=caller.actor,
        reason=asked.reason,
        at=deps.clock(),
        subject=asked.subject,
        data=corrected_data(kept.view, asked.data, deps.limits.event_data_bytes),
    )
    try:
        with _refusals():
            journey_id = await release(connection, deps.vault, kept, decision, caller.region)
    except Unreadable as unreadable:
        raise QuarantineForbids(str(unreadable), rule=QuarantineRule.UNREADABLE) from None
    except SamePerson:
        raise SecondPersonMissing("another supervisor has to ask for the same release") from None
    if journey_id is None:
        return _answer(kept.view, decision, "awaiting_second_person", kept.view.journey_id)
    return _answer(kept.view, decision, "received", journey_id)


def _answer(
    view: KeptView,
    decision: Decision,
    status: Step,
    journey_id: str | None,
) -> Answer:
    decided = Decided(
        receipt=view.receipt,
        status=status,
        journey_id=journey_id,
        by=decision.by.id,
        at=decision.at,
    )
    return Answer(
        decided.model_dump_json(), status=202 if status == "awaiting_second_person" else 200
    )


def _shown(view: KeptView) -> dict[str, object]:
    awaits = view.asked
    return {
        **view.model_dump(exclude={"status", "region", "asked"}),
        "awaits": awaits and Awaited(**awaits.model_dump(exclude={"correction"})),
    }


def _said(vault: Vault, kept: Kept) -> JsonValue:
    """The data of the event; as it was sent, where it does not fit its schema."""
    said: JsonValue
    try:
        data, raw = open_event(vault, kept.view.receipt, kept.sealed)
        said = orjson.loads(raw if kept.view.reason == KeptBack.SCHEMA else data)
    except (Unreadable, orjson.JSONDecodeError):
        return None
    if isinstance(said, dict) and "specversion" in said:
        said = said.get("data")
    return without_personal_numbers_in(said)
