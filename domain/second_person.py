"""What needs a second person (`domain.md`, Commands from staff)."""

from datetime import timedelta

from domain.events import EventType

WAITS_FOR = timedelta(days=14)
"""How long a request waits for a second person: two weeks outlast a leave. Then it is as if it had
never been made, so that nobody agrees to what its asker has long forgotten."""

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
