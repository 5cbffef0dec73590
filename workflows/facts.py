"""What an event is about and what it says, in few characters, so that repeats are known."""

import hashlib
import json
from datetime import UTC

from domain.events import (
    DATA_OF,
    AssessmentAbsent,
    AssessmentResult,
    AssessmentScheduled,
    AssessmentVoided,
    Delivery,
    EventData,
    EventType,
)
from workflows.days import moment_of
from workflows.memory import Kept

_REF_FIELDS = {
    "enrollment": "enrollment_ref",
    "attendance": "enrollment_ref",
    "training": "enrollment_ref",
    "assessment": "booking_ref",
    "referral": "referral_ref",
    "offer": "referral_ref",
    "employment": "referral_ref",
}


def reference_of(event: EventType, delivery: Delivery) -> str | None:
    """The shared reference that an event is about, None where it names the journey only."""
    field = _REF_FIELDS.get(event.value.split(".", maxsplit=1)[0])
    if field is None:
        return None
    stated = delivery.data.get(field)
    return delivery.about or (stated if isinstance(stated, str) else None)


def key_of(source: str, event_id: str) -> str:
    """An event's identity in few characters, for the seen list."""
    return compact(source, event_id)


def compact(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()


def fact_of(event: EventType, ref: str | None, partner: str, data: EventData) -> str:
    """What a partner's fact is about.

    A component's date, and the end of its sitting, are said once for a booking (and attempt, where
    no booking is named). Another type may come again with other values, which are part of it then.
    """
    if isinstance(
        data, AssessmentScheduled | AssessmentResult | AssessmentAbsent | AssessmentVoided
    ):
        what = "date" if event is EventType.ASSESSMENT_SCHEDULED else "end"
        return f"{what}:{partner}:{ref or data.attempt or ''}:{data.component}"
    return f"{event}:{partner}:{ref or ''}:{said_in(data)}"


def can_be_contradicted(data: EventData) -> bool:
    """Whether the fact is said once: a component's date, a sitting's end, or a correction."""
    return data.supersedes is not None or isinstance(
        data, AssessmentScheduled | AssessmentResult | AssessmentAbsent | AssessmentVoided
    )


def said_in(data: EventData) -> str:
    """A digest of what a fact says; of a sitting's end, only what follows is drawn from."""
    match data:
        case AssessmentResult():
            said = f"{data.raw} of {data.max}"
        case AssessmentAbsent():
            said = "excused" if data.excused else "absent"
        case AssessmentVoided():
            said = "voided"
        case AssessmentScheduled():
            said = str(moment_of(data.at).astimezone(UTC) if data.at else None)
        case _:
            said = json.dumps(data.model_dump(mode="json", exclude={"supersedes"}), sort_keys=True)
    return compact(said)


def fact_in(kept: Kept) -> str:
    event, delivery = EventType(kept.delivery.type), kept.delivery
    data = DATA_OF[event].model_validate(delivery.data)
    return fact_of(event, reference_of(event, delivery), delivery.partner, data)


def in_order(kept: Kept) -> tuple[str, str, str]:
    """Among events of one type: by component and month, then by id; never by arrival."""
    data = kept.delivery.data
    rank = f"{data.get('component', '')}{str(data.get('month') or '').zfill(3)}"
    return ("0" if kept.by else "1", rank, kept.delivery.event_id)
