"""The moves of a journey, read from its timeline."""

from typing import Any

TO_TRAINING = (
    ("need_registered", "eligibility"),
    ("eligibility_confirmed", "planning"),
    ("plan_agreed", "agreed"),
)
TRAINING = (
    ("training_opened", "enrolling"),
    ("enrollment_confirmed", "enrolled"),
    ("training_began", "in_progress"),
    ("training_completed", "completed"),
)
ASSESSMENT = (
    ("assessment_opened", "registering"),
    ("sitting_scheduled", "scheduled"),
    ("sitting_held", "awaiting_results"),
    ("assessment_passed", "passed"),
    ("certificate_awaited", "certificate_pending"),
    ("certificate_issued", "certified"),
)
PLACEMENT = (
    ("placement_opened", "profiling"),
    ("matching_began", "matching"),
    ("referral_made", "referred"),
    ("offer_made", "offered"),
    ("employment_started", "started"),
    ("follow_up_opened", "follow_up"),
    ("employment_retained", "closed"),
)
PROMOTION = (
    ("promotion_awaited", "awaiting_promotion"),
    ("promotion_confirmed", "promoted"),
    ("promotion_closed", "closed"),
)
FROM_NEED_TO_JOB = (*TO_TRAINING, *TRAINING, *ASSESSMENT, *PLACEMENT)


def moves_in(timeline: list[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    """What each move was called, and the state that it led to."""
    return tuple(
        (line["kind"], line["state"]) for line in timeline if line["before"] != line["state"]
    )
