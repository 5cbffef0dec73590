"""What follows a request: the events that a real partner would report, in their order."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from domain.events import (
    AttendanceSummary,
    EligibilityDecided,
    EmploymentEnded,
    EmploymentRetained,
    EmploymentStarted,
    EnrollmentCanceled,
    EnrollmentConfirmed,
    EnrollmentRejected,
    EnrollmentWaitlisted,
    EventData,
    EventType,
    OfferDeclined,
    OfferMade,
    ReferralAccepted,
    ReferralDeclined,
    TrainingCompleted,
)
from partners.requests import CheckEligibility, MakeReferral, RequestEnrollment
from partners.sandbox.ledger import Reference
from partners.sandbox.scripts import PartnerControl, TraineeScript

MODULE_HOURS = 40.0
FOLLOW_UP_MONTHS = (1, 3, 6)


@dataclass(frozen=True)
class Step:
    """An event that a partner will report; `subject` is a shared reference or the journey."""

    partner: str
    type: EventType
    subject: str
    data: EventData


def after_check(request: CheckEligibility, script: TraineeScript, today: date) -> tuple[Step, ...]:
    """A registry's decision."""
    data = EligibilityDecided(
        outcome=script.eligibility,
        rule_ids=("elig-identity", "elig-age", f"elig-program-{request.program}"[:100]),
        valid_to=today + timedelta(days=365),
    )
    decided = EventType.ELIGIBILITY_DECIDED
    return (Step(request.partner, decided, request.journey_id, data),)


def after_enrollment(
    request: RequestEnrollment,
    taken: Reference,
    script: TraineeScript,
    partner: PartnerControl,
    today: date,
) -> tuple[Step, ...]:
    """A provider's answer and, after a confirmation, the training."""
    answer = script.enrollment_answer(taken.ordinal)
    if partner.rejects:
        answer = "rejected"
    elif partner.waitlists:
        answer = "waitlisted"
    ref = taken.ref
    steps: list[tuple[EventType, EventData]] = []
    if answer == "rejected":
        rejected = EnrollmentRejected(enrollment_ref=ref, reason="no seat left in this term")
        steps.append((EventType.ENROLLMENT_REJECTED, rejected))
    if answer in ("waitlisted", "waitlisted_then_confirmed"):
        waits = EnrollmentWaitlisted(enrollment_ref=ref, position=3)
        steps.append((EventType.ENROLLMENT_WAITLISTED, waits))
    if answer in ("confirmed", "canceled", "waitlisted_then_confirmed"):
        steps.append((EventType.ENROLLMENT_CONFIRMED, _confirmed(request, ref, today)))
    if answer == "canceled":
        canceled = EnrollmentCanceled(enrollment_ref=ref, reason="the class did not come about")
        steps.append((EventType.ENROLLMENT_CANCELED, canceled))
    if answer in ("confirmed", "waitlisted_then_confirmed"):
        steps.extend(_training(request, ref, script.attendance(taken.ordinal), today))
    return tuple(Step(request.partner, kind, ref, data) for kind, data in steps)


def _confirmed(request: RequestEnrollment, ref: str, today: date) -> EnrollmentConfirmed:
    return EnrollmentConfirmed(
        enrollment_ref=ref,
        cohort=f"{today:%Y-%m}-{request.partner}"[:100],
        site=f"{request.region} 实训基地",
        region=request.region,
        mode="hybrid",
        start=today,
        end=today + timedelta(days=30),
        modules=request.modules,
    )


def _training(
    request: RequestEnrollment, ref: str, percent: float, today: date
) -> Iterator[tuple[EventType, EventData]]:
    attended = round(MODULE_HOURS * percent / 100, 4)
    modules = request.modules or ("",)
    for week, mode in enumerate(("online", "in_person"), start=1):
        summary = AttendanceSummary(
            enrollment_ref=ref,
            period=f"{today + timedelta(days=7 * week):%G-W%V}",
            module=modules[(week - 1) % len(modules)],
            hours_planned=MODULE_HOURS,
            hours_attended=attended,
            method="online" if mode == "online" else "in_person",
            verified=True,
        )
        yield EventType.ATTENDANCE_SUMMARY, summary
    completed = TrainingCompleted(
        enrollment_ref=ref,
        hours=round(attended * len(modules), 4),
        attendance_pct=percent,
        module_results=dict.fromkeys(request.modules, "completed"),
    )
    yield EventType.TRAINING_COMPLETED, completed


def after_referral(
    request: MakeReferral,
    taken: Reference,
    script: TraineeScript,
    partner: PartnerControl,
    today: date,
) -> tuple[Step, ...]:
    """A job service's and an employer's answers, the start of work and what follows it."""
    answer = "declined" if partner.rejects else script.referral_answer(taken.ordinal)
    ref, vacancy = taken.ref, request.vacancy_ref
    steps: list[tuple[EventType, EventData]] = []
    if answer == "declined":
        declined = ReferralDeclined(
            referral_ref=ref, vacancy_ref=vacancy, reason="the vacancy has been filled"
        )
        steps.append((EventType.REFERRAL_DECLINED, declined))
    if answer in ("accepted", "offer_declined", "ended"):
        accepted = ReferralAccepted(referral_ref=ref, vacancy_ref=vacancy)
        steps.append((EventType.REFERRAL_ACCEPTED, accepted))
        offer = OfferMade(
            referral_ref=ref, vacancy_ref=vacancy, terms={"wage": 6800, "contract_months": 36}
        )
        steps.append((EventType.OFFER_MADE, offer))
    if answer == "offer_declined":
        turned_down = OfferDeclined(
            referral_ref=ref, vacancy_ref=vacancy, reason="too far from home"
        )
        steps.append((EventType.OFFER_DECLINED, turned_down))
    if answer in ("accepted", "ended"):
        ends_before = script.ended_before_month if answer == "ended" else None
        steps.extend(_employment(request, ref, script, ends_before, today))
    return tuple(Step(request.partner, kind, ref, data) for kind, data in steps)


def _employment(
    request: MakeReferral,
    ref: str,
    script: TraineeScript,
    ends_before: int | None,
    today: date,
) -> Iterator[tuple[EventType, EventData]]:
    started = EmploymentStarted(
        referral_ref=ref,
        employer=request.employer,
        date=today,
        type="full_time",
        contract_months=36,
        wage=6800,
    )
    yield EventType.EMPLOYMENT_STARTED, started
    for month in FOLLOW_UP_MONTHS:
        if month == ends_before:
            ended = EmploymentEnded(
                referral_ref=ref, employer=request.employer, date=today, reason="left by own wish"
            )
            yield EventType.EMPLOYMENT_ENDED, ended
            return
        if not script.retained_silent:
            retained = EmploymentRetained(
                referral_ref=ref, employer=request.employer, date=today, month=month
            )
            yield EventType.EMPLOYMENT_RETAINED, retained
