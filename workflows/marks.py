"""Marks by component: what an ended sitting means, and what follows from a round of them."""

from datetime import datetime
from decimal import Decimal

from temporalio import workflow

from domain.commands import JOURNEYMAN, PartnerKind
from domain.events import AssessmentAbsent, AssessmentResult, AssessmentVoided, EventType
from domain.lifecycle import EntryKind
from domain.plan import Component, ComponentCredit
from domain.stages import Outcome, Pathway, StuckCause, Turn
from workflows.days import day_of, moment_of
from workflows.desk import Desk
from workflows.memory import Ending, Passed, Round, Sitting
from workflows.waits import Fact, Heard, JourneyEnded, Wait

ENDINGS = (EventType.ASSESSMENT_RESULT, EventType.ASSESSMENT_ABSENT, EventType.ASSESSMENT_VOIDED)


def open_components(desk: Desk) -> tuple[Component, ...]:
    """Components still to be sat: a passed one is not sat again while its pass keeps."""
    rules, now = desk.policy.assessment, workflow.now()
    kept = [
        passed.component
        for passed in desk.memory.assessment.passed
        if rules.component_valid.after(passed.at) > now
    ]
    return tuple(c for c in rules.components[desk.brief.level] if c not in kept)


def past_bookings(desk: Desk) -> tuple[str, ...]:
    """Bookings whose round is over; their results can still be corrected."""
    return tuple(each.booking_ref for each in desk.memory.assessment.rounds)


async def hear_ending(
    desk: Desk,
    switches: tuple[PartnerKind, ...],
    *,
    moved: bool = False,
    wake_at: datetime | None = None,
) -> Heard:
    """Hear the result, absence or loss of one component that has not ended, and note it.

    Results are due the policy's limit after the day sat: a component sat later has its own, later
    deadline. `moved`: a corrected date is heard too, before the end of the sitting that it moves,
    and left to the caller, as a correction of an earlier booking is.
    """
    assessment = desk.memory.assessment
    current = assessment.booking_ref
    open_ones = [s for s in assessment.sittings if not s.ended]
    sat_at = min((s.at for s in open_ones if s.at is not None), default=None)
    heard = await desk.hear(
        Wait(
            key=f"results:{current}:{sat_at.isoformat() if sat_at else 'undated'}",
            events=(EventType.ASSESSMENT_SCHEDULED, *ENDINGS) if moved else ENDINGS,
            about=current,
            components=tuple(s.component for s in open_ones),
            partner=assessment.center.partner if assessment.center else None,
            corrected=(*((current,) if current else ()), *past_bookings(desk)),
            since=sat_at,
            within=desk.policy.assessment.results_within,
            wake_at=wake_at,
            orders=("switch",),
            switches=switches,
            cause=StuckCause.PARTNER_SILENT,
            turn=Turn.PARTNER,
        )
    )
    if isinstance(heard, Fact) and heard.type in ENDINGS and heard.ref in (None, current):
        mark_down(desk, heard, assessment.sittings)
    return heard


def mark_down(desk: Desk, heard: Fact, sittings: list[Sitting]) -> None:
    """Note how a component's sitting ended; a correction takes the place of what was noted."""
    data = heard.data
    assert isinstance(data, AssessmentResult | AssessmentAbsent | AssessmentVoided)
    sitting = next(s for s in sittings if s.component is data.component)
    if sitting.ended:
        desk.tell_corrected(sitting.receipt, heard)
    if sitting.passed:
        _forget_pass(desk, sitting)
    sitting.mark, sitting.passed, sitting.absent, sitting.lost = None, False, False, False
    sitting.receipt = heard.receipt
    match data:
        case AssessmentResult():
            _mark_result(desk, heard, data, sitting)
        case AssessmentAbsent(excused=True) | AssessmentVoided():
            sitting.lost = True
            told = "excused" if isinstance(data, AssessmentAbsent) else "voided by the center"
            desk.note(EntryKind.FACT_RECORDED, heard=heard, detail=f"{data.component}: {told}")
        case AssessmentAbsent():
            sitting.absent = True
            desk.note(
                EntryKind.FACT_RECORDED,
                heard=heard,
                detail=f"{data.component}: absent without excuse",
                rule="absence.unexcused",
            )


def _forget_pass(desk: Desk, sitting: Sitting) -> None:
    """This sitting's pass does not count; the same component passed in another round still does."""
    assessment = desk.memory.assessment
    assert sitting.at is not None
    gone = Passed(component=sitting.component, at=sitting.at)
    assessment.passed = [passed for passed in assessment.passed if passed != gone]
    desk.journal.uncredit_component(_credit(gone))
    for passed in assessment.passed:
        if passed.component is gone.component:
            desk.journal.credit_component(_credit(passed))


def _credit(passed: Passed) -> ComponentCredit:
    return ComponentCredit(component=passed.component, passed_at=passed.at)


def _mark_result(desk: Desk, heard: Fact, data: AssessmentResult, sitting: Sitting) -> None:
    """Pass or fail by the policy's mark; refused from who may not assess on the day sat."""
    assessment = desk.memory.assessment
    told_at = moment_of(data.sat_at) if data.sat_at is not None else sitting.at
    sat_at = min(told_at or workflow.now(), workflow.now())
    plan = desk.memory.need.plan
    centers = [c for c in (plan.centers if plan else ()) if c.partner == heard.partner]
    if not all(center.authorized_on(day_of(sat_at)) for center in centers):
        sitting.lost = True
        desk.reject(
            heard,
            "booking.assessor_authorized",
            f"the center was not authorized on {day_of(sat_at).isoformat()}",
        )
        return
    sitting.mark, sitting.at = data.mark, sat_at
    sitting.passed = reaches(data, desk.policy.assessment.pass_mark)
    desk.note(
        EntryKind.FACT_RECORDED,
        heard=heard,
        detail=f"{data.component}: {data.mark:g}, {'passed' if sitting.passed else 'failed'}",
        rule="marks.pass_mark",
    )
    if sitting.passed:
        passed = Passed(component=data.component, at=sat_at)
        assessment.passed.append(passed)
        desk.journal.credit_component(_credit(passed))


def reaches(data: AssessmentResult, pass_mark: float) -> bool:
    """Whether `raw` of `max` points reaches the pass mark (0 to 100), without rounding."""
    raw, most, least = (Decimal(str(number)) for number in (data.raw, data.max, pass_mark))
    return raw * 100 >= least * most


def failed_of(sittings: list[Sitting]) -> list[Component]:
    """The components that used the attempt: sat and failed, or absent without excuse."""
    return [s.component for s in sittings if s.absent or (s.mark is not None and not s.passed)]


def close_round(desk: Desk) -> None:
    """Every component of the booking has ended: passed, resit, retraining, exhausted, or again."""
    assessment = desk.memory.assessment
    ended, sittings = assessment.booking_ref, assessment.sittings
    failed = failed_of(sittings)
    assessment.booking_ref, assessment.sittings = None, []
    if ended is not None:
        assessment.rounds.append(Round(booking_ref=ended, sittings=sittings, failed=bool(failed)))
    desk.used_up(ended)
    if failed:
        assessment.failed_attempts += 1
        follow_failure(desk, failed)
    elif open_components(desk):
        desk.move(EntryKind.SITTING_LOST, detail="booked again; no attempt is used")
    else:
        assessment.passed_at = workflow.now()
        assessment.resit_until = None
        desk.move(EntryKind.ASSESSMENT_PASSED, rule="marks.pass_mark")


def follow_failure(desk: Desk, failed: list[Component]) -> None:
    """One resit within its limit, then retraining; so many attempts in all."""
    assessment, rules = desk.memory.assessment, desk.policy.assessment
    told = f"attempt {assessment.failed_attempts} of {rules.attempts}: {', '.join(failed)} failed"
    if assessment.failed_attempts >= rules.attempts:
        raise JourneyEnded(
            Ending(
                outcome=Outcome.EXHAUSTED,
                entry=EntryKind.ATTEMPTS_EXHAUSTED,
                by=JOURNEYMAN,
                reason=told,
            )
        )
    if assessment.resits_since_training < rules.resits or not can_retrain(desk):
        assessment.resits_since_training += 1
        assessment.resit_until = rules.resit_within.after(workflow.now())
        desk.move(EntryKind.RESIT_GRANTED, detail=told, rule="marks.resit")
        return
    order_retraining(desk, told, "marks.retrain")


def order_retraining(desk: Desk, told: str, rule: str, heard: Fact | None = None) -> None:
    """Back to training; afterwards the plan's centers are asked anew."""
    assessment = desk.memory.assessment
    assessment.resits_since_training = 0
    assessment.resit_until = None
    assessment.asked, assessment.center = [], None
    desk.move(EntryKind.RETRAINING_ORDERED, heard=heard, detail=told, rule=rule)


def can_retrain(desk: Desk) -> bool:
    """Where no module is left to take, or by recognition only, there is nothing to retrain."""
    plan = desk.memory.need.plan
    return desk.brief.pathway is not Pathway.RPL_ONLY and plan is not None and bool(plan.modules)
