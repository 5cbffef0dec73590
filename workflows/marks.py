"""Marks by component: what an ended sitting means, and what follows from a round of them."""

from datetime import UTC, date, datetime, time

from temporalio import workflow

from domain.commands import JOURNEYMAN, PartnerKind
from domain.events import AssessmentAbsent, AssessmentResult, AssessmentVoided, EventType
from domain.lifecycle import EntryKind
from domain.plan import Component, ComponentCredit
from domain.stages import Outcome, Pathway, StuckCause, Turn
from workflows.desk import Desk
from workflows.memory import Ending, Passed, Sitting
from workflows.waits import Fact, Heard, JourneyEnded, Wait


def open_components(desk: Desk) -> tuple[Component, ...]:
    """Components still to be sat: a passed one is not sat again while its pass keeps."""
    rules, now = desk.policy.assessment, workflow.now()
    kept = [
        passed.component
        for passed in desk.memory.assessment.passed
        if rules.component_valid.after(passed.at) > now
    ]
    return tuple(c for c in rules.components[desk.brief.level] if c not in kept)


async def hear_ending(
    desk: Desk,
    *,
    wake_at: datetime | None = None,
    orders: tuple[str, ...] = (),
    switches: tuple[PartnerKind, ...] = (),
) -> Heard:
    """Hear the result, absence or loss of one component that has not ended, and note it.

    Results are due the policy's limit after the last component's sitting.
    """
    assessment = desk.memory.assessment
    heard = await desk.hear(
        Wait(
            key=f"results:{assessment.booking_ref}",
            events=(
                EventType.ASSESSMENT_RESULT,
                EventType.ASSESSMENT_ABSENT,
                EventType.ASSESSMENT_VOIDED,
            ),
            about=assessment.booking_ref,
            components=tuple(s.component for s in assessment.sittings if not s.ended),
            partner=assessment.center.partner if assessment.center else None,
            since=max((s.at for s in assessment.sittings if s.at is not None), default=None),
            within=desk.policy.assessment.results_within,
            wake_at=wake_at,
            orders=orders,
            switches=switches,
            cause=StuckCause.PARTNER_SILENT,
            turn=Turn.PARTNER,
        )
    )
    if isinstance(heard, Fact):
        _mark_down(desk, heard)
    return heard


def _mark_down(desk: Desk, heard: Fact) -> None:
    data = heard.data
    assert isinstance(data, AssessmentResult | AssessmentAbsent | AssessmentVoided)
    sitting = next(s for s in desk.memory.assessment.sittings if s.component is data.component)
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


def _mark_result(desk: Desk, heard: Fact, data: AssessmentResult, sitting: Sitting) -> None:
    """Pass or fail by the policy's mark; refused from who may not assess on the day sat."""
    assessment = desk.memory.assessment
    sat_at = _moment(data.sat_at) or sitting.at or workflow.now()
    if assessment.center is not None and not assessment.center.authorized_on(sat_at.date()):
        sitting.lost = True
        desk.reject(
            heard,
            "booking.assessor_authorized",
            f"the center was not authorized on {sat_at.date().isoformat()}",
        )
        return
    sitting.mark, sitting.at, sitting.receipt = data.mark, sat_at, heard.receipt
    passed = data.mark >= desk.policy.assessment.pass_mark
    desk.note(
        EntryKind.FACT_RECORDED,
        heard=heard,
        detail=f"{data.component}: {data.mark:g}, {'passed' if passed else 'failed'}",
        rule="marks.pass_mark",
    )
    if passed:
        assessment.passed = [p for p in assessment.passed if p.component is not data.component]
        assessment.passed.append(Passed(component=data.component, at=sat_at))
        desk.journal.credit_component(ComponentCredit(component=data.component, passed_at=sat_at))


async def close_round(desk: Desk) -> None:
    """Every component of the booking has ended: passed, resit, retraining, exhausted, or again."""
    assessment, rules = desk.memory.assessment, desk.policy.assessment
    failed = [
        sitting.component
        for sitting in assessment.sittings
        if sitting.absent or (sitting.mark is not None and sitting.mark < rules.pass_mark)
    ]
    ended, assessment.booking_ref, assessment.sittings = assessment.booking_ref, None, []
    if failed:
        await _after_failing(desk, ", ".join(failed))
    elif open_components(desk):
        desk.move(EntryKind.SITTING_LOST, detail="booked again; no attempt is used")
    else:
        assessment.passed_at = workflow.now()
        assessment.resit_until = None
        desk.move(EntryKind.ASSESSMENT_PASSED, rule="marks.pass_mark")
    desk.used_up(ended)


async def _after_failing(desk: Desk, failed: str) -> None:
    """One resit within its limit, then retraining; so many attempts in all."""
    assessment, rules = desk.memory.assessment, desk.policy.assessment
    assessment.failed_attempts += 1
    told = f"attempt {assessment.failed_attempts} of {rules.attempts}: {failed} failed"
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
    assessment.resits_since_training = 0
    assessment.resit_until = None
    assessment.asked, assessment.center = [], None
    desk.move(EntryKind.RETRAINING_ORDERED, detail=told, rule="marks.retrain")


def can_retrain(desk: Desk) -> bool:
    """Where no module is left to take, or by recognition only, there is nothing to retrain."""
    plan = desk.memory.need.plan
    return desk.brief.pathway is not Pathway.RPL_ONLY and plan is not None and bool(plan.modules)


def _moment(sat_at: date | datetime | None) -> datetime | None:
    if sat_at is None:
        return None
    if not isinstance(sat_at, datetime):
        sat_at = datetime.combine(sat_at, time.min)
    return sat_at if sat_at.tzinfo else sat_at.replace(tzinfo=UTC)
