"""Which kept event a wait takes: by the order of the lifecycle, never by the time of arrival."""

from domain.events import Delivery, EventType
from workflows.facts import in_order, reference_of
from workflows.lateness import ENDINGS
from workflows.memory import JourneyMemory, Kept
from workflows.waits import Wait

_SAID_WHEN_ASKED = ("eligibility", "enrollment", "training", "assessment", "referral", "offer")
"""What only a partner that was asked may report; who employs reports for itself."""


def wanted(memory: JourneyMemory, wait: Wait) -> tuple[EventType, Kept] | None:
    """A correction of an ended sitting, else the event that the wait takes next; None if neither
    is at hand.

    The correction comes first: what the wait takes may end the time in which results can be
    corrected, as the certificate does.
    """
    corrections = [
        kept
        for kept in memory.waiting
        if kept.delivery.data.get("supersedes") is not None
        and kept.delivery.type in ENDINGS
        and reference_of(EventType(kept.delivery.type), kept.delivery) in wait.corrected
        and _was_booked(memory, kept, wait)
    ]
    if corrections:
        first = min(corrections, key=in_order)
        return EventType(first.delivery.type), first
    for event in wait.events:
        candidates = [
            kept
            for kept in memory.waiting
            if kept.delivery.type == event.value
            and reference_of(event, kept.delivery) in (None, wait.about)
            and _of_components(kept, wait)
        ]
        if candidates:
            return event, min(candidates, key=in_order)
    return None


def was_asked(memory: JourneyMemory, event: EventType, delivery: Delivery, wait: Wait) -> bool:
    """Whether a partner that names the journey only may speak of what is awaited."""
    if event.value.split(".", maxsplit=1)[0] not in _SAID_WHEN_ASKED:
        return True
    asked = memory.partners_of.get(wait.about or "", ())
    return not (wait.partner or asked) or delivery.partner in (wait.partner, *asked)


def _of_components(kept: Kept, wait: Wait) -> bool:
    return not wait.components or kept.delivery.data.get("component") in wait.components


def _was_booked(memory: JourneyMemory, kept: Kept, wait: Wait) -> bool:
    """Whether the correction is about a component of the booking that it names."""
    assessment = memory.assessment
    ref = reference_of(EventType(kept.delivery.type), kept.delivery)
    sittings = (
        assessment.sittings
        if ref == wait.about
        else next(each.sittings for each in assessment.rounds if each.booking_ref == ref)
    )
    return kept.delivery.data.get("component") in [each.component for each in sittings]
