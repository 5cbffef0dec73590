"""What follows a booking: dates, marks, absences, and the certificate once all is passed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from domain.events import (
    AssessmentAbsent,
    AssessmentResult,
    AssessmentScheduled,
    AssessmentVoided,
    CertificateIssued,
    EventData,
    EventType,
    PromotionConfirmed,
)
from domain.levels import SkillLevel
from domain.plan import Component
from partners.requests import BookSitting
from partners.sandbox.behavior import Step
from partners.sandbox.ledger import Examined, Reference
from partners.sandbox.scripts import TraineeScript

PASS_MARK = 60.0


@dataclass(frozen=True)
class Sitting:
    """What follows a booking: its steps, and the components that it passes."""

    steps: tuple[Step, ...]
    passed: frozenset[Component]


def after_booking(
    request: BookSitting,
    taken: Reference,
    examined: Examined,
    script: TraineeScript,
    *,
    issuer: str,
    now: datetime,
) -> Sitting:
    """The sitting and, where nothing is left to pass, the certificate and the promotion."""
    steps: list[tuple[EventType, EventData]] = []
    passed = set[Component]()
    for part in request.components:
        scheduled = AssessmentScheduled(
            booking_ref=taken.ref, component=part, attempt=request.attempt, at=now
        )
        steps.append((EventType.ASSESSMENT_SCHEDULED, scheduled))
    for part in request.components:
        kind, data = _sat(request, taken, part, script, now)
        steps.append((kind, data))
        if isinstance(data, AssessmentResult) and data.mark >= PASS_MARK:
            passed.add(part)
    told = [Step(request.partner, kind, taken.ref, data) for kind, data in steps]
    everything = examined.booked | set(request.components)
    if not examined.certified and everything <= examined.passed | passed:
        told.extend(_certified(request, taken, script, issuer, now.date()))
    return Sitting(tuple(told), frozenset(passed))


def _sat(
    request: BookSitting,
    taken: Reference,
    part: Component,
    script: TraineeScript,
    now: datetime,
) -> tuple[EventType, EventData]:
    for absence in script.absent:
        if absence.sitting == taken.ordinal and absence.component in (None, part):
            return EventType.ASSESSMENT_ABSENT, AssessmentAbsent(
                booking_ref=taken.ref,
                component=part,
                attempt=request.attempt,
                excused=absence.excused,
                reason=absence.reason,
            )
    for voiding in script.voided:
        if voiding.sitting == taken.ordinal and voiding.component in (None, part):
            return EventType.ASSESSMENT_VOIDED, AssessmentVoided(
                booking_ref=taken.ref,
                component=part,
                attempt=request.attempt,
                reason=voiding.reason,
            )
    mark = script.mark(request.attempt, part)
    return EventType.ASSESSMENT_RESULT, AssessmentResult(
        booking_ref=taken.ref,
        component=part,
        attempt=request.attempt,
        raw=mark,
        max=100,
        pass_mark=PASS_MARK,
        outcome="pass" if mark >= PASS_MARK else "fail",
        assessor=f"assessor-{taken.ref[-4:]}",
        standard_version=f"{request.occupation.code}-2024",
        sat_at=now,
    )


def _certified(
    request: BookSitting,
    taken: Reference,
    script: TraineeScript,
    issuer: str,
    today: date,
) -> Iterator[Step]:
    if script.certificate_silent:
        return
    number = f"S{today:%y}{int(taken.ref[-12:], 16) % 10**13:013d}"
    certificate = CertificateIssued(
        number=number,
        level=request.level,
        scope=request.occupation.code,
        issued_on=today,
        verify_url=f"https://certificates.example/{number}",
    )
    yield Step(issuer, EventType.CERTIFICATE_ISSUED, request.journey_id, certificate)
    if script.promotion and script.employer:
        lower = list(SkillLevel)[max(request.level.rank - 2, 0)]
        promotion = PromotionConfirmed(
            old_level=lower,
            new_level=request.level,
            wage_before=6200,
            wage_after=7100,
            effective=today + timedelta(days=30),
        )
        yield Step(script.employer, EventType.PROMOTION_CONFIRMED, request.journey_id, promotion)
