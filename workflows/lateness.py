"""Which events come too late: by the stage and state of the journey, and by their request."""

from domain.events import EventType
from domain.stages import STAGE_OF, Stage, State
from workflows.memory import JourneyMemory

WANTED_LAST = {
    EventType.ELIGIBILITY_DECIDED: (Stage.NEED,),
    EventType.CREDIT_RECOGNIZED: (Stage.NEED,),
    EventType.ENROLLMENT_CONFIRMED: (Stage.NEED, Stage.TRAINING),
    EventType.ENROLLMENT_WAITLISTED: (Stage.NEED, Stage.TRAINING),
    EventType.ENROLLMENT_REJECTED: (Stage.NEED, Stage.TRAINING),
    EventType.ENROLLMENT_CANCELED: (Stage.NEED, Stage.TRAINING),
    EventType.TRAINING_COMPLETED: (Stage.NEED, Stage.TRAINING),
    EventType.TRAINING_SUSPENDED: (Stage.NEED, Stage.TRAINING),
    EventType.ASSESSMENT_SCHEDULED: (Stage.NEED, Stage.TRAINING, Stage.ASSESSMENT),
    EventType.ASSESSMENT_ABSENT: (Stage.NEED, Stage.TRAINING, Stage.ASSESSMENT),
    EventType.ASSESSMENT_VOIDED: (Stage.NEED, Stage.TRAINING, Stage.ASSESSMENT),
    EventType.ASSESSMENT_RESULT: (Stage.NEED, Stage.TRAINING, Stage.ASSESSMENT),
    EventType.CERTIFICATE_ISSUED: (Stage.NEED, Stage.TRAINING, Stage.ASSESSMENT),
    EventType.REFERRAL_ACCEPTED: tuple(Stage),
    EventType.REFERRAL_DECLINED: tuple(Stage),
    EventType.OFFER_MADE: tuple(Stage),
    EventType.OFFER_DECLINED: tuple(Stage),
    EventType.EMPLOYMENT_STARTED: tuple(Stage),
    EventType.EMPLOYMENT_ENDED: tuple(Stage),
    EventType.EMPLOYMENT_RETAINED: tuple(Stage),
    EventType.PROMOTION_CONFIRMED: tuple(Stage),
}
"""The stages in which each type can still be wanted; what is not listed never is."""

_NO_LONGER_WANTED_IN = {
    EventType.ELIGIBILITY_DECIDED: (State.PLANNING, State.AGREED),
    EventType.CREDIT_RECOGNIZED: (State.AGREED,),
    EventType.ENROLLMENT_WAITLISTED: (State.WAITLISTED, State.ENROLLED, State.IN_PROGRESS),
    EventType.ENROLLMENT_CONFIRMED: (State.ENROLLED, State.IN_PROGRESS),
    EventType.ENROLLMENT_REJECTED: (State.ENROLLED, State.IN_PROGRESS),
    EventType.ASSESSMENT_SCHEDULED: (State.SCHEDULED, State.AWAITING_RESULTS),
    EventType.CERTIFICATE_ISSUED: (State.CERTIFIED,),
    EventType.REFERRAL_ACCEPTED: (State.OFFERED, State.STARTED, State.FOLLOW_UP),
    EventType.OFFER_MADE: (State.OFFERED, State.STARTED, State.FOLLOW_UP),
    EventType.REFERRAL_DECLINED: (State.STARTED, State.FOLLOW_UP),
    EventType.OFFER_DECLINED: (State.STARTED, State.FOLLOW_UP),
    EventType.EMPLOYMENT_STARTED: (State.STARTED, State.FOLLOW_UP),
}
"""States of the current request that an event about it can no longer change."""

_EMPLOYMENT_ONLY = (
    EventType.REFERRAL_ACCEPTED,
    EventType.REFERRAL_DECLINED,
    EventType.OFFER_MADE,
    EventType.OFFER_DECLINED,
    EventType.EMPLOYMENT_STARTED,
    EventType.EMPLOYMENT_ENDED,
    EventType.EMPLOYMENT_RETAINED,
)


ENDINGS = (
    EventType.ASSESSMENT_RESULT,
    EventType.ASSESSMENT_ABSENT,
    EventType.ASSESSMENT_VOIDED,
)
"""How the sitting of a component ends; a correction may replace one by another."""


class Lateness:
    """What a journey can still be told."""

    def __init__(self, memory: JourneyMemory, in_service: bool) -> None:
        self._memory = memory
        self._in_service = in_service

    def too_late(self, event: EventType, ref: str | None, corrects: bool) -> str | None:
        """Why an event can change nothing any more, None where it still can."""
        memory = self._memory
        stage = STAGE_OF[memory.state]
        if corrects and self.still_correctable(event, ref, stage):
            return None
        if ref is not None and ref in memory.ended_refs:
            return f"{ref} has ended"
        if event is EventType.PROMOTION_CONFIRMED and not self._in_service:
            return "only a journey in service waits for a promotion"
        if event in _EMPLOYMENT_ONLY and self._in_service:
            return "a journey in service makes no referral"
        if ref is not None and ref not in memory.partners_of:
            return None
        if stage not in WANTED_LAST[event]:
            return f"the journey is already in {memory.state}"
        if memory.state in _NO_LONGER_WANTED_IN.get(event, ()):
            return f"the journey is already {memory.state}"
        return None

    def still_correctable(self, event: EventType, ref: str | None, stage: Stage) -> bool:
        """Results until the certificate, a date until the sitting (rule `correction`)."""
        assessment, state = self._memory.assessment, self._memory.state
        if event is EventType.ASSESSMENT_SCHEDULED:
            return state is State.SCHEDULED and ref in (None, assessment.booking_ref)
        past = [each.booking_ref for each in assessment.rounds]
        return (
            event in ENDINGS
            and ref in past
            and stage in (Stage.TRAINING, Stage.ASSESSMENT)
            and state is not State.CERTIFIED
        )
