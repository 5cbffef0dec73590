"""`POST /v1/journeys/{id}/{command}`: one route for each command of `domain.commands.COMMANDS`."""

import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from fastapi import APIRouter, Depends, Response, params
from pydantic import JsonValue

from api.bodies import OptionalJsonObject, parse
from api.cases import case_in_scope
from api.database import transaction
from api.dependencies import ApiDependencies, Deps, Staff, a_supervisor
from api.etags import Seen, etag_of
from api.event_data import UnfitData, fitting_data
from api.journeys_client import CommandRefused, JourneysUnavailable, NoRunningJourney
from api.once import answer_once, fingerprint_of, update_id_of
from api.openapi import takes
from api.paths import IdempotencyKey, JourneyId
from api.problems import (
    CaseChanged,
    CommandForbidden,
    FieldError,
    NotFound,
    NotStartedYet,
    Problem,
    Unavailable,
    Unprocessable,
    documented,
)
from api.timelines import line_of
from api.tokens import Caller
from domain.commands import (
    CASE_CHANGED,
    COMMANDS,
    Choose,
    Command,
    CommandAnswer,
    Order,
    RecordEvidence,
    Refusal,
)
from domain.masking import without_personal_numbers_in
from domain.stages import Stage
from store.audit import AuditAction, AuditLine
from store.caseload import CaseView, timeline
from store.pages import cursor_of

router = APIRouter(prefix="/v1/journeys/{journey_id}", tags=["caseworkers"])

CATCHES_UP_WITHIN = timedelta(minutes=1)
"""How long after a step was recorded its journey may not know of it: a step is recorded before the
engine keeps it, and where a worker died in between it is taken again."""

JOURNEY_CLOSED = "journey.closed"
"""`domain.md`, after close: a closed journey takes no command."""

MOST_CHANGES_TOLD = 50
"""Lines of the timeline that whoever came too late is told at most."""

FOR_ONE_ROLE: dict[type[Command], tuple[params.Depends, ...]] = {
    Choose: (Depends(a_supervisor),),
}
"""Commands that not every member of staff may give."""

Endpoint = Callable[..., Awaitable[Response]]


def command_of(kind: type[Command], content: dict[str, JsonValue]) -> Command:
    """The command that a body gives, without personal numbers; its name is in the address.

    Raises:
        Unprocessable: naming each field that does not fit.
    """
    if "name" in content:
        raise _invalid(FieldError(field="name", message="there is no such field"))
    command = parse(kind, without_personal_numbers_in(content))
    if isinstance(command, RecordEvidence):
        return _with_fitting_data(command)
    return command


def _with_fitting_data(command: RecordEvidence) -> RecordEvidence:
    try:
        data = fitting_data(command.type, command.data)
    except UnfitData as unfit:
        raise _invalid(*unfit.in_request()) from None
    return command.model_copy(update={"data": data})


def _invalid(*errors: FieldError) -> Unprocessable:
    return Unprocessable("the command is not valid; see errors", errors=errors)


async def give(
    deps: ApiDependencies, caller: Caller, journey_id: str, order: Order, update_id: str
) -> CommandAnswer:
    """The journey's own answer to an order.

    Raises:
        CaseChanged: the journey went on since the caller looked; nothing changed.
        NotFound: there is no such journey in the caller's region.
        CommandForbidden: a rule forbids it, or the journey is closed; nothing changed.
        NotStartedYet: the journey is accepted but not running yet.
        Unavailable: no answer, or a refusal by a journey that has not caught up with what the
            caseload shows; the same key again is safe.
    """
    case = await _case(deps, caller, journey_id)
    if case.stage is Stage.CLOSED:
        return await _answered_before_the_end(deps, case, update_id)
    try:
        return await deps.journeys.command(journey_id, order, update_id)
    except CommandRefused as refused:
        refusal = refused.refusal
        if _is_behind(refusal, case, deps.clock()):
            raise Unavailable(
                "the journey has yet to catch up with its last lines; ask again in some seconds"
            ) from None
        if refusal.rule == CASE_CHANGED and order.seen is not None:
            raise await _changed(deps, caller, journey_id, order.seen) from None
        raise CommandForbidden(
            refusal.detail or "the journey refused the command",
            rule=refusal.rule,
            stage=refusal.stage,
            state=refusal.state,
        ) from None
    except NoRunningJourney:
        case = await _case(deps, caller, journey_id)
        if case.stage is Stage.CLOSED:
            return await _answered_before_the_end(deps, case, update_id)
        raise NotStartedYet("it starts within seconds; nothing was changed") from None
    except JourneysUnavailable as unavailable:
        raise _unknown(unavailable) from None


def _is_behind(refusal: Refusal, case: CaseView, now: datetime) -> bool:
    return (
        refusal.sequence is not None
        and refusal.sequence < case.sequence
        and now - case.updated_at < CATCHES_UP_WITHIN
    )


def _unknown(unavailable: JourneysUnavailable) -> Unavailable:
    return Unavailable(
        f"{unavailable}; ask again under the same Idempotency-Key to learn what became of it"
    )


async def _changed(
    deps: ApiDependencies, caller: Caller, journey_id: str, seen: int
) -> CaseChanged:
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        case = await case_in_scope(connection, caller.region, journey_id)
        since = await timeline(connection, journey_id, MOST_CHANGES_TOLD, cursor_of(seen))
    return CaseChanged(
        "look at what changed, and decide again",
        sequence=case.sequence,
        changes=[line_of(entry) for entry in since.items],
    )


async def _case(deps: ApiDependencies, caller: Caller, journey_id: str) -> CaseView:
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        return await case_in_scope(connection, caller.region, journey_id)


async def _answered_before_the_end(
    deps: ApiDependencies, case: CaseView, update_id: str
) -> CommandAnswer:
    """The answer to the very command that ended the journey, where its caller did not get it."""
    try:
        answer = await deps.journeys.answered(case.journey_id, update_id)
    except JourneysUnavailable as unavailable:
        raise _unknown(unavailable) from None
    if answer is None:
        raise CommandForbidden(
            f"the journey is closed: {case.outcome}",
            rule=JOURNEY_CLOSED,
            stage=case.stage,
            state=case.state,
        )
    return answer


def _endpoint(kind: type[Command]) -> Endpoint:
    name = str(kind.model_fields["name"].default)

    async def endpoint(  # noqa: PLR0917 (called by FastAPI, by name)
        caller: Staff,
        journey_id: JourneyId,
        body: OptionalJsonObject,
        deps: Deps,
        seen: Seen,
        key: IdempotencyKey = None,
    ) -> Response:
        order = Order(command=command_of(kind, body.content), by=caller.actor, seen=seen)
        known = "" if seen is None else f" {etag_of(seen)}"
        fingerprint = fingerprint_of(f"POST /v1/journeys/{journey_id}/{name}{known}", body.raw)
        update_id = update_id_of(caller, key or uuid.uuid4().hex, fingerprint)

        async def answer() -> str:
            return (await give(deps, caller, journey_id, order, update_id)).model_dump_json()

        def told(fault: Exception | None) -> AuditLine | None:
            return _audited(order, journey_id, fault)

        return await answer_once(deps, caller, key, fingerprint, answer, told)

    return endpoint


def _audited(order: Order, journey_id: str, fault: Exception | None) -> AuditLine | None:
    """What the audit log is told of a command; nothing where there is no such journey."""
    detail: dict[str, JsonValue] = {"command": order.command.name, "outcome": "done"}
    match fault:
        case NotFound():
            return None
        case Problem() if not isinstance(fault, Unavailable):
            detail |= {"outcome": "refused", "rule": fault.rule or fault.code}
        case Exception():
            detail |= {"outcome": "unknown"}
    return AuditLine(
        action=AuditAction.JOURNEY_COMMANDED, by=order.by, about=journey_id, detail=detail
    )


def _needs_a_body(kind: type[Command]) -> bool:
    return any(field.is_required() for field in kind.model_fields.values())


for _kind in COMMANDS:
    _name = str(_kind.model_fields["name"].default)
    router.add_api_route(
        f"/{_name}",
        _endpoint(_kind),
        methods=["POST"],
        name=_name,
        response_model=CommandAnswer,
        dependencies=FOR_ONE_ROLE.get(_kind, ()),
        responses=documented(400, 401, 403, 404, 409, 412, 413, 415, 422, 503),
        summary=f"Command: {_name}",
        description=_kind.__doc__,
        openapi_extra=takes(_kind, required=_needs_a_body(_kind)),
    )
