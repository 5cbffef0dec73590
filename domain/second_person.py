"""What needs a second person (`domain.md`, Commands from staff)."""

from domain.events import EventType

CHANGES_A_RESULT = frozenset(
    {
        EventType.ASSESSMENT_RESULT,
        EventType.ASSESSMENT_ABSENT,
        EventType.ASSESSMENT_VOIDED,
        EventType.APPEAL_DECIDED,
        EventType.CERTIFICATE_ISSUED,
        EventType.CERTIFICATE_REVOKED,
        EventType.TRAINING_COMPLETED,
        EventType.CREDIT_RECOGNIZED,
    }
)
"""Events that change what a trainee has reached: released from quarantine by two persons only."""
