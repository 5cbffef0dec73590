"""Which kind of partner may send which event type (`domain.md`, Events from partners)."""

from enum import StrEnum

from domain.events import EventType


class SenderKind(StrEnum):
    """What a partner organization is to us."""

    REGISTRY = "registry"
    PROVIDER = "provider"
    CENTER = "center"
    ISSUER = "issuer"
    JOB_SERVICE = "job_service"
    EMPLOYER = "employer"
    INSURANCE = "insurance"
    PANEL = "panel"
    FINANCE = "finance"


_ASSESSORS = frozenset({SenderKind.CENTER, SenderKind.EMPLOYER})
"""Exam centers, and enterprises that are authorized to assess their own staff."""

_RECOGNIZERS = frozenset({SenderKind.CENTER, SenderKind.ISSUER, SenderKind.REGISTRY})
"""Bodies that may be authorized to recognize earlier learning."""

_PLACERS = frozenset({SenderKind.JOB_SERVICE, SenderKind.EMPLOYER})

_HIRERS = frozenset({SenderKind.EMPLOYER, SenderKind.INSURANCE, SenderKind.JOB_SERVICE})
"""Employers and insurance; a job service passes on what employers without a system tell it."""

SENDERS_OF: dict[EventType, frozenset[SenderKind]] = {
    EventType.ELIGIBILITY_DECIDED: frozenset({SenderKind.REGISTRY}),
    EventType.ENROLLMENT_CONFIRMED: frozenset({SenderKind.PROVIDER}),
    EventType.ENROLLMENT_WAITLISTED: frozenset({SenderKind.PROVIDER}),
    EventType.ENROLLMENT_REJECTED: frozenset({SenderKind.PROVIDER}),
    EventType.ENROLLMENT_CANCELED: frozenset({SenderKind.PROVIDER}),
    EventType.ATTENDANCE_SUMMARY: frozenset({SenderKind.PROVIDER}),
    EventType.TRAINING_COMPLETED: frozenset({SenderKind.PROVIDER}),
    EventType.TRAINING_SUSPENDED: frozenset({SenderKind.PROVIDER}),
    EventType.CREDIT_RECOGNIZED: _RECOGNIZERS,
    EventType.APPRENTICESHIP_SIGNED: frozenset({SenderKind.EMPLOYER}),
    EventType.APPRENTICESHIP_ENDED: frozenset({SenderKind.EMPLOYER}),
    EventType.ASSESSMENT_SCHEDULED: _ASSESSORS,
    EventType.ASSESSMENT_ABSENT: _ASSESSORS,
    EventType.ASSESSMENT_VOIDED: _ASSESSORS,
    EventType.ASSESSMENT_RESULT: _ASSESSORS,
    EventType.APPEAL_DECIDED: frozenset({SenderKind.PANEL}),
    EventType.CERTIFICATE_ISSUED: frozenset({SenderKind.ISSUER}),
    EventType.CERTIFICATE_REVOKED: frozenset({SenderKind.ISSUER}),
    EventType.REFERRAL_ACCEPTED: _PLACERS,
    EventType.REFERRAL_DECLINED: _PLACERS,
    EventType.OFFER_MADE: _PLACERS,
    EventType.OFFER_DECLINED: _PLACERS,
    EventType.EMPLOYMENT_STARTED: _HIRERS,
    EventType.EMPLOYMENT_ENDED: _HIRERS,
    EventType.EMPLOYMENT_RETAINED: _HIRERS,
    EventType.PROMOTION_CONFIRMED: frozenset({SenderKind.EMPLOYER}),
    EventType.BUSINESS_REGISTERED: frozenset({SenderKind.REGISTRY}),
    EventType.CLAIM_DECIDED: frozenset({SenderKind.FINANCE}),
}


def may_send(kind: SenderKind, event_type: EventType) -> bool:
    """Whether a partner of this kind may report such a fact at all."""
    return kind in SENDERS_OF[event_type]
