"""The lifecycle: one table of allowed moves; each names the journal entry that it writes.

The diagram in `docs/lifecycle.md` is rendered from this table (`make docs`), and a test holds
code, table and diagram together.
"""

from dataclasses import dataclass
from enum import StrEnum

from domain.stages import STATES_OF, Outcome, Stage, State


class EntryKind(StrEnum):
    """What a journal line tells. The first group are moves, the second leave the state as it is."""

    NEED_REGISTERED = "need_registered"
    ELIGIBILITY_CONFIRMED = "eligibility_confirmed"
    ELIGIBILITY_REFUSED = "eligibility_refused"
    PLAN_AGREED = "plan_agreed"
    PLAN_REOPENED = "plan_reopened"
    TRAINING_OPENED = "training_opened"
    LEARNING_RECOGNIZED = "learning_recognized"
    ASSESSMENT_OPENED = "assessment_opened"
    ENROLLMENT_WAITLISTED = "enrollment_waitlisted"
    ENROLLMENT_CONFIRMED = "enrollment_confirmed"
    PROVIDER_FAILED = "provider_failed"
    NEXT_PROVIDER_CHOSEN = "next_provider_chosen"
    TRAINING_BEGAN = "training_began"
    TRAINING_COMPLETED = "training_completed"
    ATTENDANCE_FELL_SHORT = "attendance_fell_short"
    TRAINING_REPEATED = "training_repeated"
    SITTING_SCHEDULED = "sitting_scheduled"
    SITTING_HELD = "sitting_held"
    SITTING_LOST = "sitting_lost"
    ASSESSMENT_PASSED = "assessment_passed"
    RESIT_GRANTED = "resit_granted"
    RETRAINING_ORDERED = "retraining_ordered"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    CERTIFICATE_AWAITED = "certificate_awaited"
    CERTIFICATE_ISSUED = "certificate_issued"
    LEARNING_CREDITED = "learning_credited"
    PLACEMENT_OPENED = "placement_opened"
    MATCHING_BEGAN = "matching_began"
    REFERRAL_MADE = "referral_made"
    REFERRAL_ENDED = "referral_ended"
    OFFER_MADE = "offer_made"
    OFFER_DECLINED = "offer_declined"
    EMPLOYMENT_STARTED = "employment_started"
    FOLLOW_UP_OPENED = "follow_up_opened"
    EMPLOYMENT_ENDED = "employment_ended"
    EMPLOYMENT_RETAINED = "employment_retained"
    PLACED = "placed"
    SEARCH_ENDED = "search_ended"
    PROMOTION_AWAITED = "promotion_awaited"
    PROMOTION_CONFIRMED = "promotion_confirmed"
    PROMOTION_CLOSED = "promotion_closed"
    CONVERSION_AWAITED = "conversion_awaited"
    CONVERSION_CONFIRMED = "conversion_confirmed"
    CONVERSION_CLOSED = "conversion_closed"
    BUSINESS_REGISTERED = "business_registered"
    WITHDRAWN = "withdrawn"
    CONTACT_LOST = "contact_lost"
    TRANSFERRED_OUT = "transferred_out"
    TERMINATED_FRAUD = "terminated_fraud"
    DECEASED = "deceased"

    OPENED = "opened"
    REQUESTED = "requested"
    RELEASED = "released"
    WARNED = "warned"
    PLAN_DRAWN = "plan_drawn"
    PLAN_CHANGED = "plan_changed"
    FACT_RECORDED = "fact_recorded"
    EVENT_LATE = "event_late"
    EVENT_REFUSED = "event_refused"
    CONFLICT_FOUND = "conflict_found"
    CONFLICT_SETTLED = "conflict_settled"
    REMINDED = "reminded"
    STUCK = "stuck"
    ESCALATED = "escalated"
    ESCALATED_ABOVE = "escalated_above"
    CLEARED = "cleared"
    HELD = "held"
    RESUMED = "resumed"
    DEADLINE_EXTENDED = "deadline_extended"
    EVIDENCE_RECORDED = "evidence_recorded"
    PARTNER_SWITCHED = "partner_switched"
    DECIDED = "decided"
    RETRIED = "retried"


@dataclass(frozen=True)
class Move:
    """An allowed move; `outcome` for those into `closed`."""

    before: State
    after: State
    entry: EntryKind
    outcome: Outcome | None = None


def _ways(
    entry: EntryKind, after: State, *befores: State, outcome: Outcome | None = None
) -> tuple[Move, ...]:
    return tuple(Move(before, after, entry, outcome) for before in befores)


_OPEN_STATES = tuple(state for state in State if state is not State.CLOSED)
_AFTER_CERTIFICATE = (State.CERTIFIED, *STATES_OF[Stage.PLACEMENT])
BEFORE_CERTIFICATE = tuple(state for state in _OPEN_STATES if state not in _AFTER_CERTIFICATE)
"""States in which a trainee may still withdraw (rule `withdrawal.before_certificate`)."""

MOVES: tuple[Move, ...] = (
    *_ways(EntryKind.NEED_REGISTERED, State.ELIGIBILITY, State.INTAKE),
    *_ways(EntryKind.ELIGIBILITY_CONFIRMED, State.PLANNING, State.ELIGIBILITY),
    *_ways(
        EntryKind.ELIGIBILITY_REFUSED,
        State.CLOSED,
        State.ELIGIBILITY,
        outcome=Outcome.INELIGIBLE,
    ),
    *_ways(EntryKind.PLAN_AGREED, State.AGREED, State.PLANNING),
    *_ways(EntryKind.TRAINING_OPENED, State.ENROLLING, State.AGREED, State.RETRAIN),
    *_ways(EntryKind.LEARNING_RECOGNIZED, State.RECOGNIZED, State.AGREED),
    *_ways(EntryKind.ENROLLMENT_WAITLISTED, State.WAITLISTED, State.ENROLLING),
    *_ways(EntryKind.ENROLLMENT_CONFIRMED, State.ENROLLED, State.ENROLLING, State.WAITLISTED),
    *_ways(
        EntryKind.PROVIDER_FAILED,
        State.PROVIDER_FAILED,
        State.ENROLLING,
        State.WAITLISTED,
        State.ENROLLED,
        State.IN_PROGRESS,
        State.UNDER_ATTENDED,
    ),
    *_ways(EntryKind.NEXT_PROVIDER_CHOSEN, State.ENROLLING, State.PROVIDER_FAILED),
    *_ways(EntryKind.TRAINING_BEGAN, State.IN_PROGRESS, State.ENROLLED),
    *_ways(EntryKind.TRAINING_COMPLETED, State.COMPLETED, State.IN_PROGRESS),
    *_ways(EntryKind.ATTENDANCE_FELL_SHORT, State.UNDER_ATTENDED, State.IN_PROGRESS),
    *_ways(EntryKind.TRAINING_REPEATED, State.ENROLLING, State.UNDER_ATTENDED),
    *_ways(EntryKind.PLAN_REOPENED, State.PLANNING, State.IN_PROGRESS),
    *_ways(
        EntryKind.ASSESSMENT_OPENED,
        State.REGISTERING,
        State.AGREED,
        State.RECOGNIZED,
        State.COMPLETED,
        State.RESIT,
    ),
    *_ways(EntryKind.SITTING_SCHEDULED, State.SCHEDULED, State.REGISTERING),
    *_ways(EntryKind.SITTING_HELD, State.AWAITING_RESULTS, State.SCHEDULED),
    *_ways(
        EntryKind.SITTING_LOST,
        State.REGISTERING,
        State.REGISTERING,
        State.SCHEDULED,
        State.AWAITING_RESULTS,
        State.CERTIFICATE_PENDING,
    ),
    *_ways(EntryKind.ASSESSMENT_PASSED, State.PASSED, State.AWAITING_RESULTS),
    *_ways(EntryKind.RESIT_GRANTED, State.RESIT, State.AWAITING_RESULTS, State.CERTIFICATE_PENDING),
    *_ways(
        EntryKind.RETRAINING_ORDERED,
        State.RETRAIN,
        State.AWAITING_RESULTS,
        State.REGISTERING,
        State.CERTIFICATE_PENDING,
    ),
    *_ways(
        EntryKind.ATTEMPTS_EXHAUSTED,
        State.CLOSED,
        State.AWAITING_RESULTS,
        State.CERTIFICATE_PENDING,
        outcome=Outcome.EXHAUSTED,
    ),
    *_ways(EntryKind.CERTIFICATE_AWAITED, State.CERTIFICATE_PENDING, State.PASSED),
    *_ways(EntryKind.CERTIFICATE_ISSUED, State.CERTIFIED, State.CERTIFICATE_PENDING),
    *_ways(
        EntryKind.LEARNING_CREDITED,
        State.CLOSED,
        State.CERTIFIED,
        outcome=Outcome.CERTIFIED_NO_JOB,
    ),
    *_ways(EntryKind.PLACEMENT_OPENED, State.PROFILING, State.CERTIFIED),
    *_ways(EntryKind.MATCHING_BEGAN, State.MATCHING, State.PROFILING),
    *_ways(EntryKind.REFERRAL_MADE, State.REFERRED, State.MATCHING),
    *_ways(EntryKind.REFERRAL_ENDED, State.MATCHING, State.REFERRED, State.OFFERED),
    *_ways(EntryKind.OFFER_MADE, State.OFFERED, State.REFERRED),
    *_ways(EntryKind.OFFER_DECLINED, State.MATCHING, State.OFFERED),
    *_ways(EntryKind.EMPLOYMENT_STARTED, State.STARTED, State.OFFERED),
    *_ways(EntryKind.FOLLOW_UP_OPENED, State.FOLLOW_UP, State.STARTED),
    *_ways(EntryKind.EMPLOYMENT_ENDED, State.MATCHING, State.FOLLOW_UP),
    *_ways(EntryKind.EMPLOYMENT_RETAINED, State.CLOSED, State.FOLLOW_UP, outcome=Outcome.RETAINED),
    *_ways(EntryKind.PLACED, State.CLOSED, State.FOLLOW_UP, outcome=Outcome.PLACED),
    *_ways(
        EntryKind.SEARCH_ENDED,
        State.CLOSED,
        State.MATCHING,
        outcome=Outcome.CERTIFIED_NO_JOB,
    ),
    *_ways(EntryKind.PROMOTION_AWAITED, State.AWAITING_PROMOTION, State.CERTIFIED),
    *_ways(EntryKind.PROMOTION_CONFIRMED, State.PROMOTED, State.AWAITING_PROMOTION),
    *_ways(EntryKind.PROMOTION_CLOSED, State.CLOSED, State.PROMOTED, outcome=Outcome.PROMOTED),
    *_ways(EntryKind.CONVERSION_AWAITED, State.AWAITING_CONVERSION, State.CERTIFIED),
    *_ways(EntryKind.CONVERSION_CONFIRMED, State.CONVERTED, State.AWAITING_CONVERSION),
    *_ways(EntryKind.CONVERSION_CLOSED, State.CLOSED, State.CONVERTED, outcome=Outcome.CONVERTED),
    *_ways(
        EntryKind.BUSINESS_REGISTERED,
        State.CLOSED,
        State.PROFILING,
        outcome=Outcome.SELF_EMPLOYED,
    ),
    *_ways(EntryKind.WITHDRAWN, State.CLOSED, *BEFORE_CERTIFICATE, outcome=Outcome.WITHDRAWN),
    *_ways(EntryKind.CONTACT_LOST, State.CLOSED, *_OPEN_STATES, outcome=Outcome.LOST_CONTACT),
    *_ways(EntryKind.TRANSFERRED_OUT, State.CLOSED, *_OPEN_STATES, outcome=Outcome.TRANSFERRED_OUT),
    *_ways(
        EntryKind.TERMINATED_FRAUD, State.CLOSED, *_OPEN_STATES, outcome=Outcome.TERMINATED_FRAUD
    ),
    *_ways(EntryKind.DECEASED, State.CLOSED, *_OPEN_STATES, outcome=Outcome.DECEASED),
)

_BY_ENTRY: dict[tuple[State, EntryKind], Move] = {(m.before, m.entry): m for m in MOVES}


class ForbiddenMove(Exception):
    """The lifecycle table has no such move: a fault in our code, never a partner's doing."""


def move(before: State, entry: EntryKind) -> Move:
    """The move that `entry` makes out of `before`.

    Raises:
        ForbiddenMove: where the table has none.
    """
    found = _BY_ENTRY.get((before, entry))
    if found is None:
        raise ForbiddenMove(f"no move {entry} out of {before}")
    return found


_FROM_ANYWHERE = (
    EntryKind.WITHDRAWN,
    EntryKind.CONTACT_LOST,
    EntryKind.TRANSFERRED_OUT,
    EntryKind.TERMINATED_FRAUD,
    EntryKind.DECEASED,
)


def render_mermaid() -> str:
    """The lifecycle as a Mermaid state diagram; endings open from anywhere stand in a note."""
    lines = ["stateDiagram-v2", "    [*] --> intake"]
    for stage, states in STATES_OF.items():
        if stage is Stage.CLOSED:
            continue
        lines.append(f"    state {stage} {{")
        lines.extend(f"        {state}" for state in states)
        lines.append("    }")
    for m in MOVES:
        if m.entry in _FROM_ANYWHERE:
            continue
        target = f"closed_{m.outcome}" if m.outcome else m.after
        lines.append(f"    {m.before} --> {target}: {m.entry}")
    endings = {m.outcome for m in MOVES if m.outcome and m.entry not in _FROM_ANYWHERE}
    lines.extend(f"    closed_{outcome} --> [*]" for outcome in sorted(endings))
    return "\n".join(lines) + "\n"
