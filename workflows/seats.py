"""A seat at a provider: asking for one, waiting for one, and turning to the next provider."""

from datetime import date, datetime

from temporalio import workflow

from activities.services import EnrollmentActivities
from domain.commands import Actor, Decide, PartnerKind, Switch
from domain.events import (
    EnrollmentCanceled,
    EnrollmentConfirmed,
    EnrollmentRejected,
    EventType,
    TrainingSuspended,
)
from domain.lifecycle import EntryKind
from domain.plan import PartnerOption
from domain.stages import StuckCause, Turn
from partners.requests import Accepted, RequestEnrollment
from workflows.days import moment_of
from workflows.desk import Desk
from workflows.memory import ReleaseKind
from workflows.refusals import until_accepted
from workflows.releases import give_back
from workflows.waits import Fact, Instruction, Overdue, Wait

SWITCH_PROVIDER = (PartnerKind.PROVIDER,)


async def ask_for_seat(desk: Desk) -> None:
    """Ask the provider; rejected or silent past the limit, the next of the plan is asked."""
    training = desk.memory.training
    if training.provider is None:
        training.provider = _next_provider(desk)
    if training.provider is None:
        desk.move(EntryKind.PROVIDER_FAILED, detail="the plan names no provider")
        return
    if training.enrollment_ref is None and not await _request_seat(desk, training.provider):
        return
    following = _next_provider(desk)
    heard = await desk.hear(
        Wait(
            key=f"enrollment:{training.enrollment_ref}",
            events=(
                EventType.ENROLLMENT_WAITLISTED,
                EventType.ENROLLMENT_CONFIRMED,
                EventType.ENROLLMENT_REJECTED,
                EventType.ENROLLMENT_CANCELED,
                EventType.TRAINING_SUSPENDED,
            ),
            about=training.enrollment_ref,
            partner=training.provider.partner,
            within=desk.policy.enrollment.answered_within,
            orders=("switch",),
            switches=SWITCH_PROVIDER,
            cause=StuckCause.PARTNER_SILENT,
            turn=Turn.PARTNER,
            ends_overdue=following is not None,
        )
    )
    if isinstance(heard, Fact) and heard.type is EventType.ENROLLMENT_WAITLISTED:
        desk.move(EntryKind.ENROLLMENT_WAITLISTED, heard=heard)
    elif isinstance(heard, Fact) and isinstance(heard.data, EnrollmentConfirmed):
        _confirm(desk, heard, heard.data)
    elif isinstance(heard, Overdue):
        await give_up_seat(desk, detail="no answer within the limit", rule="enrollment.answered")
    else:
        await lose_seat(desk, heard)


async def _request_seat(desk: Desk, provider: PartnerOption) -> bool:
    """True once the provider took the request; False where a person switched instead."""
    brief, training, plan = desk.brief, desk.memory.training, desk.memory.need.plan
    assert plan is not None
    answer = await until_accepted(
        desk,
        "enrollment",
        EnrollmentActivities.request_enrollment,
        lambda: RequestEnrollment(
            idempotency_key=desk.next_key("enrollment"),
            partner=provider.partner,
            journey_id=brief.journey_id,
            person_ref=brief.person_ref,
            occupation=brief.occupation,
            level=brief.level,
            region=brief.delivery_region,
            modules=tuple(module.code for module in plan.modules),
        ),
        PartnerKind.PROVIDER,
    )
    if provider.partner not in training.asked:
        training.asked.append(provider.partner)
    if not isinstance(answer, Accepted):
        await _switch(desk, answer)
        return False
    training.enrollment_ref = answer.ref
    desk.hold_at_partner(ReleaseKind.SEAT, answer.ref, provider.partner)
    desk.note(EntryKind.REQUESTED, detail=f"a seat: {answer.ref}", partner=provider.partner)
    return True


async def wait_for_seat(desk: Desk) -> None:
    """A waitlist has its own deadline; past it the journey is stuck for want of capacity."""
    training = desk.memory.training
    assert training.provider is not None
    heard = await desk.hear(
        Wait(
            key=f"waitlist:{training.enrollment_ref}",
            events=(
                EventType.ENROLLMENT_CONFIRMED,
                EventType.ENROLLMENT_REJECTED,
                EventType.ENROLLMENT_CANCELED,
                EventType.TRAINING_SUSPENDED,
            ),
            about=training.enrollment_ref,
            partner=training.provider.partner,
            within=desk.policy.enrollment.waitlist_within,
            orders=("switch",),
            switches=SWITCH_PROVIDER,
            cause=StuckCause.NO_CAPACITY,
            turn=Turn.PARTNER,
        )
    )
    if isinstance(heard, Fact) and isinstance(heard.data, EnrollmentConfirmed):
        _confirm(desk, heard, heard.data)
    else:
        await lose_seat(desk, heard)


def _confirm(desk: Desk, heard: Fact, confirmed: EnrollmentConfirmed) -> None:
    training = desk.memory.training
    starts, now = _moment(confirmed.start), workflow.now()
    training.begins = max(starts, now) if starts else now
    desk.move(
        EntryKind.ENROLLMENT_CONFIRMED,
        heard=heard,
        detail=f"{confirmed.cohort} {confirmed.site}".strip(),
    )


async def choose_next_provider(desk: Desk) -> None:
    """The next provider of the plan not yet asked in this round; a person where none is left."""
    training = desk.memory.training
    training.provider = training.provider or _next_provider(desk)
    if training.provider is None:
        heard = await desk.hear(
            Wait(
                key=f"provider:{desk.asked_times('enrollment')}",
                needed="provider",
                orders=("switch", "retry"),
                switches=SWITCH_PROVIDER,
                within=desk.policy.plan.decided_within,
                cause=StuckCause.NO_CAPACITY,
                turn=Turn.STAFF,
                stuck_at_once=True,
            )
        )
        training.asked = []
        if isinstance(heard, Instruction) and isinstance(heard.order.command, Switch):
            _choose(desk, heard.order.command)
            desk.note(
                EntryKind.PARTNER_SWITCHED, by=heard.order.by, detail=heard.order.command.reason
            )
        else:
            desk.tell_retried(heard)
        training.provider = training.provider or _next_provider(desk)
        if training.provider is None:
            return
    desk.move(
        EntryKind.NEXT_PROVIDER_CHOSEN,
        partner=training.provider.partner,
        rule="enrollment.next_provider",
    )


async def lose_seat(desk: Desk, heard: object) -> None:
    """The provider said no, or a person turned elsewhere."""
    if isinstance(heard, Instruction):
        await _switch(desk, heard)
        return
    assert isinstance(heard, Fact)
    data = heard.data
    assert isinstance(data, EnrollmentRejected | EnrollmentCanceled | TrainingSuspended)
    training = desk.memory.training
    desk.move(EntryKind.PROVIDER_FAILED, heard=heard, detail=f"{heard.type}: {data.reason}")
    ended, training.enrollment_ref, training.provider = training.enrollment_ref, None, None
    desk.used_up(ended)


async def _switch(desk: Desk, heard: Instruction) -> None:
    """A person turned to another provider: the one she named, else the next of the plan."""
    command, by = heard.order.command, heard.order.by
    assert isinstance(command, Switch | Decide)
    switched = EntryKind.PARTNER_SWITCHED if isinstance(command, Switch) else EntryKind.DECIDED
    desk.note(switched, by=by, detail=command.reason)
    await give_up_seat(desk, detail=command.reason, by=by, switch=command)


async def give_up_seat(
    desk: Desk,
    *,
    detail: str,
    rule: str | None = None,
    by: Actor | None = None,
    switch: Switch | Decide | None = None,
) -> None:
    """Turn away from the provider: its seat is given back."""
    training = desk.memory.training
    provider, ended = training.provider, training.enrollment_ref
    desk.move(
        EntryKind.PROVIDER_FAILED,
        by=by,
        detail=detail,
        rule=rule,
        partner=provider.partner if provider else None,
    )
    training.provider, training.enrollment_ref = None, None
    if isinstance(switch, Switch):
        _choose(desk, switch)
    if ended is not None:
        desk.end_reference(ended)
        await give_back(desk, ended)


def _choose(desk: Desk, command: Switch) -> None:
    """The provider that a person named; the next of the plan where she named none."""
    plan = desk.memory.need.plan
    if command.to is None or plan is None:
        return
    desk.memory.training.provider = next(
        (option for option in plan.providers if option.partner == command.to), None
    )


def _next_provider(desk: Desk) -> PartnerOption | None:
    plan = desk.memory.need.plan
    asked = desk.memory.training.asked
    if plan is None:
        return None
    return next((option for option in plan.providers if option.partner not in asked), None)


def _moment(start: date | datetime | None) -> datetime | None:
    return None if start is None else moment_of(start)
