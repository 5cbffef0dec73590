"""What each event tells us in a sentence, with an example of its data, for whoever sends it."""

from dataclasses import dataclass

from pydantic import JsonValue

from domain.events import EventType


@dataclass(frozen=True)
class Example:
    """One event type told to partners.

    Attributes:
        tells: what the sender says with it.
        subject: the reference or journey that it is about.
        data: data that fits the type's schema.
    """

    tells: str
    subject: str
    data: dict[str, JsonValue]


_JOURNEY = "jn_0195e0a4c1d28f6b3a7e5c9d10f2b4a6"
_ENROLLMENT = "EN-2026-000317"
_BOOKING = "BK-2026-004411"
_REFERRAL = "RF-2026-000921"

EXAMPLES: dict[EventType, Example] = {
    EventType.ELIGIBILITY_DECIDED: Example(
        "Whether the trainee may take part, by which rules, and until when.",
        _JOURNEY,
        {"outcome": "eligible", "rule_ids": ["GD-2026-7"], "valid_to": "2027-03-01"},
    ),
    EventType.ENROLLMENT_CONFIRMED: Example(
        "The trainee has a seat.",
        _ENROLLMENT,
        {
            "enrollment_ref": _ENROLLMENT,
            "cohort": "2026-03",
            "site": "Bao'an campus",
            "region": "440306",
            "mode": "hybrid",
            "start": "2026-03-16",
            "end": "2026-05-29",
            "modules": ["safety", "basics"],
        },
    ),
    EventType.ENROLLMENT_WAITLISTED: Example(
        "There is no seat yet; the trainee waits for one.",
        _ENROLLMENT,
        {"enrollment_ref": _ENROLLMENT, "position": 4},
    ),
    EventType.ENROLLMENT_REJECTED: Example(
        "The trainee gets no seat.",
        _ENROLLMENT,
        {"enrollment_ref": _ENROLLMENT, "reason": "the cohort is full"},
    ),
    EventType.ENROLLMENT_CANCELED: Example(
        "A seat that was given is taken back.",
        _ENROLLMENT,
        {"enrollment_ref": _ENROLLMENT, "reason": "the course does not take place"},
    ),
    EventType.ATTENDANCE_SUMMARY: Example(
        "How many hours of a period were planned and attended; one for each module.",
        _ENROLLMENT,
        {
            "enrollment_ref": _ENROLLMENT,
            "period": "2026-W12",
            "module": "safety",
            "hours_planned": 20,
            "hours_attended": 18.5,
            "method": "in_person",
            "verified": True,
        },
    ),
    EventType.TRAINING_COMPLETED: Example(
        "The course is over, and how much of it was attended.",
        _ENROLLMENT,
        {
            "enrollment_ref": _ENROLLMENT,
            "hours": 180,
            "attendance_pct": 92.5,
            "module_results": {"safety": "passed", "basics": "passed"},
        },
    ),
    EventType.TRAINING_SUSPENDED: Example(
        "The course stops for now.",
        _ENROLLMENT,
        {"enrollment_ref": _ENROLLMENT, "reason": "the workshop is being repaired"},
    ),
    EventType.CREDIT_RECOGNIZED: Example(
        "Earlier learning counts for these modules.",
        _JOURNEY,
        {"modules": ["safety"], "source_credential": "CR-7781", "expires": "2027-06-30"},
    ),
    EventType.APPRENTICESHIP_SIGNED: Example(
        "A contract of apprenticeship has been signed.",
        _JOURNEY,
        {
            "contract_ref": "AP-2026-00012",
            "start": "2026-04-01",
            "end": "2027-03-31",
            "mentors": ["mentor-17", "mentor-22"],
            "wage": 3200,
        },
    ),
    EventType.APPRENTICESHIP_ENDED: Example(
        "A contract of apprenticeship has ended.",
        _JOURNEY,
        {"contract_ref": "AP-2026-00012", "reason": "served to its end"},
    ),
    EventType.ASSESSMENT_SCHEDULED: Example(
        "When a component is sat.",
        _BOOKING,
        {
            "booking_ref": _BOOKING,
            "component": "theory",
            "attempt": 1,
            "at": "2026-06-12T09:00:00+08:00",
        },
    ),
    EventType.ASSESSMENT_ABSENT: Example(
        "The trainee did not come to a sitting; unexcused, it uses up an attempt.",
        _BOOKING,
        {
            "booking_ref": _BOOKING,
            "component": "theory",
            "attempt": 1,
            "excused": True,
            "reason": "a certificate from a doctor",
        },
    ),
    EventType.ASSESSMENT_VOIDED: Example(
        "A sitting does not count, and uses up no attempt.",
        _BOOKING,
        {
            "booking_ref": _BOOKING,
            "component": "theory",
            "attempt": 1,
            "reason": "a power failure in the hall",
        },
    ),
    EventType.ASSESSMENT_RESULT: Example(
        "The marks of one component. Correct it by a new event with `supersedes`.",
        _BOOKING,
        {
            "booking_ref": _BOOKING,
            "component": "practical",
            "attempt": 1,
            "raw": 75,
            "max": 100,
            "pass_mark": 60,
            "outcome": "pass",
            "assessor": "assessor-0042",
            "standard_version": "2024",
            "sat_at": "2026-06-12T13:30:00+08:00",
        },
    ),
    EventType.APPEAL_DECIDED: Example(
        "What the panel decided about an appeal against a result.",
        _JOURNEY,
        {"result_ref": "result-0043", "outcome": "upheld"},
    ),
    EventType.CERTIFICATE_ISSUED: Example(
        "A certificate has been issued, and where anybody can verify it.",
        _JOURNEY,
        {
            "number": "2644031234567",
            "level": "4",
            "scope": "electrician",
            "issued_on": "2026-06-30",
            "verify_url": "https://certificates.example/2644031234567",
        },
    ),
    EventType.CERTIFICATE_REVOKED: Example(
        "A certificate is no longer valid.",
        _JOURNEY,
        {"number": "2644031234567", "reason": "the result was corrected"},
    ),
    EventType.REFERRAL_ACCEPTED: Example(
        "The employer will see the trainee.",
        _REFERRAL,
        {"referral_ref": _REFERRAL, "vacancy_ref": "VC-55120"},
    ),
    EventType.REFERRAL_DECLINED: Example(
        "The employer will not see the trainee.",
        _REFERRAL,
        {
            "referral_ref": _REFERRAL,
            "vacancy_ref": "VC-55120",
            "reason": "the vacancy is filled",
        },
    ),
    EventType.OFFER_MADE: Example(
        "The employer offers a job.",
        _REFERRAL,
        {
            "referral_ref": _REFERRAL,
            "vacancy_ref": "VC-55120",
            "terms": {"wage": 6200, "contract_months": 24},
        },
    ),
    EventType.OFFER_DECLINED: Example(
        "An offer came to nothing.",
        _REFERRAL,
        {"referral_ref": _REFERRAL, "vacancy_ref": "VC-55120", "reason": "too far from home"},
    ),
    EventType.EMPLOYMENT_STARTED: Example(
        "The trainee has begun to work.",
        _REFERRAL,
        {
            "referral_ref": _REFERRAL,
            "employer": "employer-0981",
            "type": "full_time",
            "contract_months": 24,
            "wage": 6200,
            "date": "2026-07-15",
        },
    ),
    EventType.EMPLOYMENT_ENDED: Example(
        "The trainee no longer works there.",
        _REFERRAL,
        {
            "referral_ref": _REFERRAL,
            "employer": "employer-0981",
            "date": "2026-09-01",
            "reason": "left by agreement",
        },
    ),
    EventType.EMPLOYMENT_RETAINED: Example(
        "The trainee still works there, so many months after the start.",
        _REFERRAL,
        {
            "referral_ref": _REFERRAL,
            "employer": "employer-0981",
            "month": 3,
            "date": "2026-10-15",
        },
    ),
    EventType.PROMOTION_CONFIRMED: Example(
        "An employee rose by a level or a pay step.",
        _JOURNEY,
        {
            "old_level": "5",
            "new_level": "4",
            "wage_before": 5200,
            "wage_after": 6100,
            "effective": "2026-08-01",
        },
    ),
    EventType.BUSINESS_REGISTERED: Example(
        "The trainee has a business of her own.",
        _JOURNEY,
        {"registration_ref": "BR-2026-77101", "date": "2026-07-20"},
    ),
    EventType.CLAIM_DECIDED: Example(
        "What was decided about a claim for a subsidy.",
        _JOURNEY,
        {
            "claim_ref": "CL-2026-00455",
            "outcome": "approved",
            "amount": 1800,
            "reason": "within the annual limit",
        },
    ),
}
