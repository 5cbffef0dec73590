"""The stage `assessment`: booking, sitting, marks by component, resit, retraining, certificate."""

from datetime import datetime

from temporalio import workflow

from domain.events import AssessmentScheduled, AssessmentVoided, CertificateIssued, EventType
from domain.lifecycle import EntryKind
from domain.plan import Component
from domain.stages import Pathway, State, StuckCause, Turn
from workflows.booking import (
    SWITCH_CENTER,
    book,
    cancel_booking,
    choose_center,
    lose_booking,
    switch_center,
)
from workflows.corrections import correct_past, corrects_past
from workflows.days import day_of, moment_of
from workflows.desk import Desk
from workflows.marks import (
    can_retrain,
    close_round,
    hear_ending,
    open_components,
    order_retraining,
    past_bookings,
)
from workflows.memory import Sitting
from workflows.releases import give_back
from workflows.waits import Fact, Instruction, Wait, Woken


async def assess(desk: Desk) -> None:
    """One step of the stage, from the state in which the journey is."""
    match desk.memory.state:
        case State.REGISTERING:
            await register(desk)
        case State.SCHEDULED:
            await wait_for_sitting(desk)
        case State.AWAITING_RESULTS:
            await hear_results(desk)
        case State.PASSED:
            desk.move(EntryKind.CERTIFICATE_AWAITED)
        case State.CERTIFICATE_PENDING:
            await await_certificate(desk)
        case State.CERTIFIED:
            open_placement(desk)
        case State.RESIT:
            desk.move(EntryKind.ASSESSMENT_OPENED, rule="marks.resit")
        case State.RETRAIN:
            desk.move(EntryKind.TRAINING_OPENED, rule="marks.retrain")


async def register(desk: Desk) -> None:
    """Book what is still to be sat, and wait until every component has its date."""
    assessment = desk.memory.assessment
    if assessment.booking_ref is None:
        await _take_corrections(desk)
        if not open_components(desk):
            _all_passed_before(desk)
            return
        if not await book(desk):
            return
    heard = await desk.hear(
        Wait(
            key=f"schedule:{assessment.booking_ref}",
            events=(EventType.ASSESSMENT_SCHEDULED, EventType.ASSESSMENT_VOIDED),
            about=assessment.booking_ref,
            components=tuple(s.component for s in assessment.sittings if not s.ended),
            partner=assessment.center.partner if assessment.center else None,
            corrected=past_bookings(desk),
            within=desk.policy.assessment.scheduled_within,
            orders=("switch",),
            switches=SWITCH_CENTER,
            cause=StuckCause.PARTNER_SILENT,
            turn=Turn.PARTNER,
        )
    )
    if isinstance(heard, Instruction):
        await switch_center(desk, heard)
    elif isinstance(heard, Fact):
        await _hear_date(desk, heard)


async def _take_corrections(desk: Desk) -> None:
    """Corrections of earlier rounds that came in the meantime count before anything is booked."""
    wanted = Wait(
        key="corrections",
        corrected=past_bookings(desk),
        cause=StuckCause.PARTNER_SILENT,
        turn=Turn.NOBODY,
    )
    while (heard := desk.take(wanted)) is not None:
        await correct_past(desk, heard)


def _all_passed_before(desk: Desk) -> None:
    """Every component is passed and kept, by credit or by correction: nothing is sat again."""
    desk.move(EntryKind.SITTING_SCHEDULED, detail="every component is credited", rule="marks.keep")
    desk.move(EntryKind.SITTING_HELD)
    close_round(desk)


async def _hear_date(desk: Desk, heard: Fact) -> None:
    """Note a component's date, or its loss; once each has either, the booking stands."""
    if corrects_past(desk, heard):
        await correct_past(desk, heard)
        return
    data, sittings = heard.data, desk.memory.assessment.sittings
    if isinstance(data, AssessmentVoided):
        _sitting(desk, data.component).lost = True
        desk.note(EntryKind.FACT_RECORDED, heard=heard, detail=f"{data.component} voided")
    else:
        assert isinstance(data, AssessmentScheduled)
        at = moment_of(data.at) if data.at is not None else None
        sitting = _sitting(desk, data.component)
        if sitting.scheduled:
            desk.tell_corrected(sitting.scheduled_by, heard)
        sitting.scheduled, sitting.scheduled_by, sitting.at = True, heard.receipt, at
        when = f" on {at.isoformat()}" if at else ""
        desk.note(EntryKind.FACT_RECORDED, heard=heard, detail=f"{data.component} is sat{when}")
        if at is not None and not await _date_suits(desk, heard, at):
            return
    if desk.memory.state is not State.REGISTERING:
        return
    if all(sitting.ended for sitting in sittings):
        desk.move(EntryKind.SITTING_LOST, rule="absence.center_cancels")
        lose_booking(desk)
    elif all(sitting.scheduled or sitting.ended for sitting in sittings):
        desk.move(EntryKind.SITTING_SCHEDULED, heard=heard)


async def _date_suits(desk: Desk, heard: Fact, at: datetime) -> bool:
    """A resit comes within its limit, else retraining; the center is authorized on the day sat."""
    assessment = desk.memory.assessment
    too_late = assessment.resit_until is not None and at > assessment.resit_until
    if too_late and can_retrain(desk):
        if desk.memory.state is State.SCHEDULED:
            desk.move(EntryKind.SITTING_LOST, heard=heard, rule="marks.resit_within")
        order_retraining(desk, "no resit within its limit", "marks.resit_within", heard)
        await cancel_booking(desk)
        return False
    center = assessment.center
    if center is not None and not center.authorized_on(day_of(at)):
        if desk.memory.state is State.SCHEDULED:
            desk.move(EntryKind.SITTING_LOST, heard=heard, rule="booking.assessor_authorized")
        desk.note(
            EntryKind.PARTNER_SWITCHED,
            detail=f"not authorized on {day_of(at).isoformat()}",
            rule="booking.assessor_authorized",
            partner=center.partner,
        )
        assessment.center = None
        await cancel_booking(desk)
        return False
    return True


async def wait_for_sitting(desk: Desk) -> None:
    """Until the first component's hour, or what the center reports before."""
    assessment = desk.memory.assessment
    open_ones = [sitting for sitting in assessment.sittings if not sitting.ended]
    if not open_ones:
        desk.move(EntryKind.SITTING_LOST, rule="absence.center_cancels")
        lose_booking(desk)
        return
    first = min((sitting.at for sitting in open_ones if sitting.at is not None), default=None)
    if first is None or first <= workflow.now():
        desk.move(EntryKind.SITTING_HELD)
        return
    heard = await hear_ending(desk, SWITCH_CENTER, moved=True, wake_at=first)
    if isinstance(heard, Instruction):
        await switch_center(desk, heard)
    elif isinstance(heard, Fact) and heard.type is EventType.ASSESSMENT_SCHEDULED:
        await _hear_date(desk, heard)
    elif corrects_past(desk, heard):
        assert isinstance(heard, Fact)
        await correct_past(desk, heard)
    elif isinstance(heard, Woken) or any(s.ended and not s.lost for s in assessment.sittings):
        desk.move(EntryKind.SITTING_HELD)


async def hear_results(desk: Desk) -> None:
    """Hear every component's end, then see what follows from the marks."""
    if all(sitting.ended for sitting in desk.memory.assessment.sittings):
        close_round(desk)
        return
    heard = await hear_ending(desk, SWITCH_CENTER)
    if isinstance(heard, Instruction):
        await _switch_while_silent(desk, heard)
    elif corrects_past(desk, heard):
        assert isinstance(heard, Fact)
        await correct_past(desk, heard)


async def _switch_while_silent(desk: Desk, heard: Instruction) -> None:
    """What the silent center has not reported is sat elsewhere; what it reported stands."""
    assessment = desk.memory.assessment
    silent = assessment.booking_ref
    for sitting in assessment.sittings:
        sitting.lost = sitting.lost or not sitting.ended
    choose_center(desk, heard)
    if silent is not None:
        desk.end_reference(silent)
        await give_back(desk, silent)
    close_round(desk)


async def await_certificate(desk: Desk) -> None:
    """The issuer has the policy's limit from the pass; until then a result may be corrected."""
    assessment = desk.memory.assessment
    heard = await desk.hear(
        Wait(
            key=f"certificate:{len(assessment.rounds)}",
            events=(EventType.CERTIFICATE_ISSUED,),
            corrected=past_bookings(desk),
            since=assessment.passed_at,
            within=desk.policy.assessment.certificate_within,
            cause=StuckCause.PARTNER_SILENT,
            turn=Turn.PARTNER,
        )
    )
    assert isinstance(heard, Fact)
    if corrects_past(desk, heard):
        await correct_past(desk, heard)
        return
    assert isinstance(heard.data, CertificateIssued)
    assessment.certificate = heard.data.number
    assessment.certified_at = workflow.now()
    desk.move(EntryKind.CERTIFICATE_ISSUED, heard=heard, detail=heard.data.number)


def open_placement(desk: Desk) -> None:
    """In service the employer confirms a promotion; else a job is sought."""
    if desk.brief.pathway is Pathway.IN_SERVICE:
        desk.move(EntryKind.PROMOTION_AWAITED)
    else:
        desk.move(EntryKind.PLACEMENT_OPENED)


def _sitting(desk: Desk, component: Component) -> Sitting:
    return next(s for s in desk.memory.assessment.sittings if s.component is component)
