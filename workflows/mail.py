"""Partner events in a journey: which are new, which wait for their turn, which come too late.

The rules are those of `domain.md`, How events meet states. The order of arrival never decides:
what is not wanted yet waits, and a wait takes what it wants in the order of the lifecycle.
"""

import hashlib
import json
from datetime import datetime, timedelta

from pydantic import JsonValue, ValidationError

from domain.commands import Actor
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
from domain.journal import ReceiptStatus
from domain.lifecycle import EntryKind
from domain.policy import Policy
from domain.stages import STAGE_OF, Stage, State
from workflows.journal import Journal
from workflows.memory import JourneyMemory, Kept
from workflows.waits import Fact, Wait

_REF_FIELDS = {
    "enrollment": "enrollment_ref",
    "attendance": "enrollment_ref",
    "training": "enrollment_ref",
    "assessment": "booking_ref",
    "referral": "referral_ref",
    "offer": "referral_ref",
    "employment": "referral_ref",
}
_WANTED_LAST = {
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


_ENDINGS = (
    EventType.ASSESSMENT_RESULT,
    EventType.ASSESSMENT_ABSENT,
    EventType.ASSESSMENT_VOIDED,
)
"""How the sitting of a component ends; a correction may replace one by another."""


def reference_of(event: EventType, delivery: Delivery) -> str | None:
    """The shared reference that an event is about, None where it names the journey only."""
    field = _REF_FIELDS.get(event.value.split(".", maxsplit=1)[0])
    if field is None:
        return None
    stated = delivery.data.get(field)
    return delivery.about or (stated if isinstance(stated, str) else None)


class Mailroom:
    """Sorts what arrived, keeps what is early, hands out what a wait wants."""

    def __init__(
        self, memory: JourneyMemory, journal: Journal, policy: Policy, in_service: bool
    ) -> None:
        self._memory = memory
        self._journal = journal
        self._policy = policy
        self._in_service = in_service
        self._seen = set(memory.seen)
        self._new: list[Kept] = []

    def sort(self, delivery: Delivery, now: datetime) -> None:
        """Take one delivery: drop a redelivery, refuse what can't be read, keep the rest."""
        key, receipt = key_of(delivery.source, delivery.event_id), _compact(delivery.receipt)
        if key in self._seen:
            if receipt not in self._seen:
                self._remember(receipt)
                self._duplicate(delivery, "this event had come before")
            return
        self._remember(key, receipt)
        event = _known_type(delivery.type)
        if event is None or event not in _WANTED_LAST:
            self._late(delivery, f"this journey never waits for {delivery.type}")
            return
        try:
            data = DATA_OF[event].model_validate(delivery.data)
        except ValidationError as error:
            self._refuse(delivery, "event.schema", _first_fault(error))
            return
        self._place(event, data, delivery, now)

    def _remember(self, *keys: str) -> None:
        self._seen.update(keys)
        self._memory.seen.extend(keys)

    def _place(self, event: EventType, data: EventData, delivery: Delivery, now: datetime) -> None:
        ref = reference_of(event, delivery)
        if self._of_a_stranger(ref, delivery):
            self._refuse(delivery, "event.not_yours", f"{ref} was not asked of this partner")
            return
        if key_of(delivery.source, delivery.event_id) in self._memory.superseded:
            if data.supersedes is not None:
                self._memory.superseded.append(key_of(delivery.source, data.supersedes))
                self._withdraw(delivery, data.supersedes)
            self._journal.receipt(
                delivery.receipt, ReceiptStatus.SUPERSEDED, "a correction had arrived before it"
            )
            return
        fact = fact_of(event, ref, delivery.partner, data)
        if data.supersedes is not None:
            if self._repeats(f"correction:{delivery.source}:{data.supersedes}", data, delivery):
                return
            self._memory.superseded.append(key_of(delivery.source, data.supersedes))
            self._withdraw(delivery, data.supersedes, fact)
            self._memory.known_facts[fact] = _said(data)
        elif self._repeats(fact, data, delivery):
            return
        reason = self._too_late(event, ref, data.supersedes is not None)
        if reason is not None:
            self._late(delivery, reason)
            return
        kept = Kept(delivery=delivery, until=self._policy.events.kept_early.after(now))
        self._memory.waiting.append(kept)
        self._new.append(kept)

    def _of_a_stranger(self, ref: str | None, delivery: Delivery) -> bool:
        """Whether the reference was shared with other partners only."""
        partners = self._memory.partners_of.get(ref) if ref else None
        return partners is not None and delivery.partner not in partners

    def _withdraw(self, delivery: Delivery, event_id: str, fact: str | None = None) -> None:
        """A correction takes the place of the event that it names and of what that one corrects."""
        for kept in list(self._memory.waiting):
            named = (kept.delivery.source, kept.delivery.event_id) == (delivery.source, event_id)
            if kept.by is None and (named or (fact is not None and _fact_in(kept) == fact)):
                self._memory.waiting.remove(kept)
                self._journal.receipt(
                    kept.delivery.receipt,
                    ReceiptStatus.SUPERSEDED,
                    f"corrected by {delivery.event_id}",
                )

    def _repeats(self, fact: str, data: EventData, delivery: Delivery) -> bool:
        """The same fact under a new id: equal values repeat it, other values contradict it."""
        known = self._memory.known_facts.get(fact)
        if known is None:
            self._memory.known_facts[fact] = _said(data)
            return False
        if known == _said(data):
            self._duplicate(delivery, "the same fact had been reported")
            return True
        self._journal.note(
            EntryKind.CONFLICT_FOUND,
            by=_partner_actor(delivery.partner),
            detail=f"a second {delivery.type} with other values: {fact}",
            rule="event.contradiction",
            receipt=delivery.receipt,
        )
        self._journal.receipt(
            delivery.receipt,
            ReceiptStatus.CONFLICT,
            "other values than reported before, without `supersedes`; a supervisor decides",
        )
        return True

    def _too_late(self, event: EventType, ref: str | None, corrects: bool) -> str | None:
        memory = self._memory
        stage = STAGE_OF[memory.state]
        if corrects and self._still_correctable(event, ref, stage):
            return None
        if ref is not None and ref in memory.ended_refs:
            return f"{ref} has ended"
        if event is EventType.PROMOTION_CONFIRMED and not self._in_service:
            return "only a journey in service waits for a promotion"
        if event in _EMPLOYMENT_ONLY and self._in_service:
            return "a journey in service makes no referral"
        if ref is not None and ref not in memory.partners_of:
            return None
        if stage not in _WANTED_LAST[event]:
            return f"the journey is already in {memory.state}"
        if memory.state in _NO_LONGER_WANTED_IN.get(event, ()):
            return f"the journey is already {memory.state}"
        return None

    def _still_correctable(self, event: EventType, ref: str | None, stage: Stage) -> bool:
        """Results until the certificate, a date until the sitting (rule `correction`)."""
        assessment, state = self._memory.assessment, self._memory.state
        if event is EventType.ASSESSMENT_SCHEDULED:
            return state is State.SCHEDULED and ref in (None, assessment.booking_ref)
        past = [each.booking_ref for each in assessment.rounds]
        return (
            event in _ENDINGS
            and ref in past
            and stage in (Stage.TRAINING, Stage.ASSESSMENT)
            and state is not State.CERTIFIED
        )

    def pick(self, wait: Wait) -> Fact | None:
        """The event that the wait wants, None where none is at hand."""
        while True:
            found = self._find(wait)
            if found is None:
                return None
            event, kept = found
            self._memory.waiting.remove(kept)
            delivery = kept.delivery
            ref = reference_of(event, delivery)
            if ref is None and kept.by is None and not self._was_asked(event, delivery, wait):
                self._refuse(delivery, "event.not_yours", "this was not asked of this partner")
                continue
            by = kept.by or _partner_actor(delivery.partner)
            receipt = None if kept.by else delivery.receipt
            self._journal.receipt(
                receipt, ReceiptStatus.APPLIED, f"applied in {self._memory.state}"
            )
            return Fact(
                event,
                receipt,
                ref,
                DATA_OF[event].model_validate(delivery.data),
                by,
                delivery.partner,
            )

    def _was_asked(self, event: EventType, delivery: Delivery, wait: Wait) -> bool:
        """Whether a partner that names the journey only may speak of what is awaited."""
        if not _asked(event):
            return True
        asked = self._memory.partners_of.get(wait.about or "", ())
        return not (wait.partner or asked) or delivery.partner in (wait.partner, *asked)

    def _find(self, wait: Wait) -> tuple[EventType, Kept] | None:
        for event in wait.events:
            candidates = [
                kept
                for kept in self._memory.waiting
                if kept.delivery.type == event.value
                and reference_of(event, kept.delivery) in (None, wait.about)
                and _of_components(kept, wait)
            ]
            if candidates:
                return event, min(candidates, key=_in_order)
        corrections = [
            kept
            for kept in self._memory.waiting
            if kept.delivery.data.get("supersedes") is not None
            and kept.delivery.type in _ENDINGS
            and reference_of(EventType(kept.delivery.type), kept.delivery) in wait.corrected
            and self._was_booked(kept, wait)
        ]
        if corrections:
            first = min(corrections, key=_in_order)
            return EventType(first.delivery.type), first
        return None

    def _was_booked(self, kept: Kept, wait: Wait) -> bool:
        """Whether the correction is about a component of the booking that it names."""
        assessment = self._memory.assessment
        ref = reference_of(EventType(kept.delivery.type), kept.delivery)
        sittings = (
            assessment.sittings
            if ref == wait.about
            else next(each.sittings for each in assessment.rounds if each.booking_ref == ref)
        )
        return kept.delivery.data.get("component") in [each.component for each in sittings]

    def keep_evidence(
        self, event: EventType, data: dict[str, JsonValue], wait: Wait, by: Actor, now: datetime
    ) -> None:
        """What staff record in a partner's place waits like the partner's own event."""
        delivery = Delivery(
            receipt=f"evidence-{self._memory.sequence}",
            source=f"/staff/{by.id}",
            event_id=f"evidence-{self._memory.sequence}",
            partner=wait.partner or "journeyman",
            type=event.value,
            about=wait.about,
            data=data,
            received_at=now,
        )
        self._memory.waiting.insert(0, Kept(delivery=delivery, until=now, by=by))

    def tell_kept(self) -> None:
        """Receipts for those that arrived since and still wait: they are buffered."""
        for kept in self._new:
            if kept in self._memory.waiting:
                self._journal.receipt(
                    kept.delivery.receipt,
                    ReceiptStatus.BUFFERED,
                    f"waits for its turn; the journey is {self._memory.state}",
                )
        self._new.clear()

    def drop_ended(self) -> None:
        """A request has ended: what still waits about it comes too late, save corrections."""
        for kept in list(self._memory.waiting):
            event = EventType(kept.delivery.type)
            corrects = kept.delivery.data.get("supersedes") is not None
            ref = reference_of(event, kept.delivery)
            stage = STAGE_OF[self._memory.state]
            if ref in self._memory.ended_refs and not (
                corrects and self._still_correctable(event, ref, stage)
            ):
                self._memory.waiting.remove(kept)
                self._late(kept.delivery, "the request that it is about has ended")

    def sift(self, now: datetime) -> None:
        """Look again at what waits: whose reference is known by now, what nothing awaits any more,
        and what waited as long as the policy lets it. Time on hold does not count.
        """
        for kept in [each for each in self._memory.waiting if each.by is None]:
            delivery, event = kept.delivery, EventType(kept.delivery.type)
            ref = reference_of(event, delivery)
            reason = self._too_late(event, ref, delivery.data.get("supersedes") is not None)
            if self._of_a_stranger(ref, delivery):
                self._memory.waiting.remove(kept)
                self._refuse(delivery, "event.not_yours", f"{ref} was not asked of this partner")
            elif reason is not None:
                self._memory.waiting.remove(kept)
                self._late(delivery, reason)
            elif kept.until <= now and self._memory.held_since is None:
                self._give_up(kept)

    def _give_up(self, kept: Kept) -> None:
        """To a supervisor; the same fact may be reported again."""
        self._memory.waiting.remove(kept)
        self._memory.known_facts.pop(_fact_in(kept), None)
        self._journal.note(
            EntryKind.WARNED,
            detail=f"{kept.delivery.type} waited too long; a supervisor decides",
            rule="event.kept_early",
            receipt=kept.delivery.receipt,
        )
        self._journal.receipt(
            kept.delivery.receipt,
            ReceiptStatus.QUARANTINED,
            "too_early: its turn did not come in time; a supervisor decides",
        )

    def keep_longer(self, held_for: timedelta) -> None:
        """The journey was on hold: what was kept meanwhile has as much longer to wait."""
        self._memory.waiting = [
            kept.model_copy(update={"until": kept.until + held_for})
            for kept in self._memory.waiting
        ]
        self._new.clear()

    def next_give_up(self) -> datetime | None:
        """When the first kept event has waited long enough."""
        return min((kept.until for kept in self._memory.waiting if kept.by is None), default=None)

    def close(self) -> None:
        """The journey ends: what still waits changes nothing any more."""
        for kept in self._memory.waiting:
            if kept.by is None:
                self._late(kept.delivery, "the journey has ended")
        self._memory.waiting.clear()

    def _duplicate(self, delivery: Delivery, reason: str) -> None:
        self._journal.receipt(delivery.receipt, ReceiptStatus.DUPLICATE, reason)

    def _late(self, delivery: Delivery, reason: str) -> None:
        self._journal.note(
            EntryKind.EVENT_LATE,
            by=_partner_actor(delivery.partner),
            detail=f"{delivery.type}: {reason}",
            rule="event.late",
            receipt=delivery.receipt,
        )
        self._journal.receipt(delivery.receipt, ReceiptStatus.LATE, reason)

    def _refuse(self, delivery: Delivery, rule: str, reason: str) -> None:
        self._journal.note(
            EntryKind.EVENT_REFUSED,
            by=_partner_actor(delivery.partner),
            detail=f"{delivery.type}: {reason}",
            rule=rule,
            receipt=delivery.receipt,
        )
        self._journal.receipt(delivery.receipt, ReceiptStatus.REJECTED, f"{rule}: {reason}")


def key_of(source: str, event_id: str) -> str:
    """An event's identity in few characters, for the seen list."""
    return _compact(source, event_id)


def _compact(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()


def _of_components(kept: Kept, wait: Wait) -> bool:
    return not wait.components or kept.delivery.data.get("component") in wait.components


def _known_type(text: str) -> EventType | None:
    try:
        return EventType(text)
    except ValueError:
        return None


def _partner_actor(partner: str) -> Actor:
    return Actor(id=partner, role="partner")


def _asked(event: EventType) -> bool:
    """Whether only a partner that was asked may report it (who employs reports for itself)."""
    return event.value.split(".", maxsplit=1)[0] in (
        "eligibility",
        "enrollment",
        "training",
        "assessment",
        "referral",
        "offer",
    )


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in fault['loc']) or 'data'}: {fault['msg']}"


def _in_order(kept: Kept) -> tuple[str, str, str]:
    """Among events of one type: by component and month, then by id; never by arrival."""
    data = kept.delivery.data
    rank = f"{data.get('component', '')}{str(data.get('month') or '').zfill(3)}"
    return ("0" if kept.by else "1", rank, kept.delivery.event_id)


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
    return f"{event}:{partner}:{ref or ''}:{_said(data)}"


def _said(data: EventData) -> str:
    """A digest of what a fact says; of a sitting's end, only what follows is drawn from."""
    match data:
        case AssessmentResult():
            said = f"{data.raw} of {data.max}"
        case AssessmentAbsent():
            said = "excused" if data.excused else "absent"
        case AssessmentVoided():
            said = "voided"
        case AssessmentScheduled():
            said = str(data.at)
        case _:
            said = json.dumps(data.model_dump(mode="json", exclude={"supersedes"}), sort_keys=True)
    return _compact(said)


def _fact_in(kept: Kept) -> str:
    event, delivery = EventType(kept.delivery.type), kept.delivery
    data = DATA_OF[event].model_validate(delivery.data)
    return fact_of(event, reference_of(event, delivery), delivery.partner, data)
