"""Booking a sitting: which center may assess this trainee, and turning to another one."""

from datetime import datetime

from temporalio import workflow

from activities.services import ExamActivities
from domain.commands import PartnerKind, Switch
from domain.lifecycle import EntryKind
from domain.plan import PartnerOption
from domain.stages import Pathway, State, StuckCause, Turn
from partners.requests import Accepted, BookSitting
from workflows.days import day_of
from workflows.desk import Desk
from workflows.marks import open_components
from workflows.memory import ReleaseKind, Sitting
from workflows.refusals import until_accepted
from workflows.releases import give_back
from workflows.waits import Instruction, Wait

SWITCH_CENTER = (PartnerKind.CENTER,)


async def book(desk: Desk) -> bool:
    """True once the center took the booking; False where a person has to name a center."""
    brief, assessment = desk.brief, desk.memory.assessment
    if assessment.center is not None and not may_assess(desk, assessment.center, workflow.now()):
        _turn_from(desk, assessment.center)
    center = assessment.center = assessment.center or _next_center(desk)
    if center is None:
        await _without_center(desk)
        return False
    components = open_components(desk)
    answer = await until_accepted(
        desk,
        "exam",
        ExamActivities.book_sitting,
        lambda: BookSitting(
            idempotency_key=desk.next_key("booking"),
            partner=center.partner,
            journey_id=brief.journey_id,
            person_ref=brief.person_ref,
            occupation=brief.occupation,
            level=brief.level,
            region=brief.delivery_region,
            components=components,
            attempt=assessment.failed_attempts + 1,
        ),
        PartnerKind.CENTER,
    )
    if center.partner not in assessment.asked:
        assessment.asked.append(center.partner)
    if not isinstance(answer, Accepted):
        await switch_center(desk, answer)
        return False
    assessment.booking_ref = answer.ref
    assessment.sittings = [Sitting(component=component) for component in components]
    desk.hold_at_partner(ReleaseKind.SITTING, answer.ref, center.partner)
    desk.note(
        EntryKind.REQUESTED,
        detail=f"a sitting of {', '.join(components)}, attempt "
        f"{assessment.failed_attempts + 1}: {answer.ref}",
        partner=center.partner,
    )
    return True


def _turn_from(desk: Desk, center: PartnerOption) -> None:
    """A center that may not assess this trainee today is not asked."""
    desk.note(
        EntryKind.PARTNER_SWITCHED,
        detail=f"may not assess this trainee on {day_of(workflow.now()).isoformat()}",
        rule="booking.assessor_authorized",
        partner=center.partner,
    )
    desk.memory.assessment.center = None


async def _without_center(desk: Desk) -> None:
    heard = await desk.hear(
        Wait(
            key=f"center:{desk.asked_times('booking')}",
            needed="center",
            orders=("switch", "retry"),
            switches=SWITCH_CENTER,
            within=desk.policy.plan.decided_within,
            cause=StuckCause.NO_CAPACITY,
            turn=Turn.STAFF,
            stuck_at_once=True,
        )
    )
    desk.memory.assessment.asked = []
    if isinstance(heard, Instruction) and heard.order.command.name == "switch":
        await switch_center(desk, heard)
    else:
        desk.tell_retried(heard)


async def switch_center(desk: Desk, heard: Instruction) -> None:
    choose_center(desk, heard)
    if desk.memory.state is State.SCHEDULED:
        desk.move(EntryKind.SITTING_LOST, by=heard.order.by)
    await cancel_booking(desk)


def choose_center(desk: Desk, heard: Instruction) -> None:
    """The center that a person named; the next of the plan where she named none."""
    command = heard.order.command
    assert isinstance(command, Switch)
    desk.note(EntryKind.PARTNER_SWITCHED, by=heard.order.by, detail=command.reason)
    plan = desk.memory.need.plan
    options = plan.centers if plan else ()
    desk.memory.assessment.center = next((o for o in options if o.partner == command.to), None)


async def cancel_booking(desk: Desk) -> None:
    ended = desk.memory.assessment.booking_ref
    desk.memory.assessment.booking_ref = None
    desk.memory.assessment.sittings = []
    if ended is not None:
        desk.end_reference(ended)
        await give_back(desk, ended)


def lose_booking(desk: Desk) -> None:
    """The booking is over; what is still to be sat is booked anew."""
    assessment = desk.memory.assessment
    ended, assessment.booking_ref, assessment.sittings = assessment.booking_ref, None, []
    desk.used_up(ended)


def _next_center(desk: Desk) -> PartnerOption | None:
    """The first center not asked yet that may assess this trainee today."""
    plan, asked = desk.memory.need.plan, desk.memory.assessment.asked
    if plan is None:
        return None
    return next(
        (o for o in plan.centers if o.partner not in asked and may_assess(desk, o, workflow.now())),
        None,
    )


def may_assess(desk: Desk, center: PartnerOption, at: datetime) -> bool:
    """Authorized on the day, and not the trainer, save an enterprise for its own staff."""
    own_staff = (
        desk.brief.pathway is Pathway.IN_SERVICE and center.organization == desk.brief.employer
    )
    trained = center.organization in desk.memory.training.trainer_organizations
    return center.authorized_on(day_of(at)) and (own_staff or not trained)
