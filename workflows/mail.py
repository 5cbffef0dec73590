"""Partner events in a journey: which are new, which wait for their turn, which come too late.

The rules are those of `domain.md`, How events meet states. The order of arrival never decides:
what is not wanted yet waits, and a wait takes what it wants in the order of the lifecycle.
"""

from datetime import datetime, timedelta

from pydantic import JsonValue, ValidationError

from domain.commands import Actor
from domain.events import DATA_OF, Delivery, EventData, EventType
from domain.journal import ReceiptStatus
from domain.lifecycle import EntryKind
from domain.policy import Policy
from domain.stages import STAGE_OF, State
from workflows.conflicts import Conflicts, partner_actor
from workflows.facts import (
    compact,
    fact_in,
    fact_of,
    key_of,
    reference_of,
    said_in,
)
from workflows.journal import Journal
from workflows.lateness import ENDINGS, WANTED_LAST, Lateness
from workflows.memory import Conflict, JourneyMemory, Kept
from workflows.waits import Fact, Wait
from workflows.wanted import wanted, was_asked


class Mailroom:
    """Sorts what arrived, keeps what is early, hands out what a wait wants."""

    def __init__(
        self, memory: JourneyMemory, journal: Journal, policy: Policy, in_service: bool
    ) -> None:
        self._memory = memory
        self._journal = journal
        self._policy = policy
        self.conflicts = Conflicts(memory, journal)
        self._lateness = Lateness(memory, in_service)
        self._seen = set(memory.seen)
        self._new: list[Kept] = []

    def sort(self, delivery: Delivery, now: datetime) -> None:
        """Take one delivery: drop a redelivery, refuse what can't be read, keep the rest."""
        key, receipt = key_of(delivery.source, delivery.event_id), compact(delivery.receipt)
        if key in self._seen:
            if receipt not in self._seen:
                self._remember(receipt)
                self._duplicate(delivery, "this event had come before")
            return
        self._remember(key, receipt)
        if self._memory.state is State.CLOSED:
            # Its end is recorded, so its sender may have read it: the same as a moment later.
            self._late(delivery, "the journey has ended")
            return
        event = _known_type(delivery.type)
        if event is None or event not in WANTED_LAST:
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
            if self._lowers_certified(event, fact, data):
                self.conflicts.open(fact, delivery, now)
                return
            if self._repeats(_correction(delivery.source, data.supersedes), data, delivery, now):
                return
            self._memory.superseded.append(key_of(delivery.source, data.supersedes))
            if self.conflicts.supersede(delivery, data.supersedes):
                # It stands where the contradicting event stood, and may contradict as well.
                if self._repeats(fact, data, delivery, now):
                    return
            else:
                self._withdraw(delivery, data.supersedes, fact)
                self.conflicts.learn(fact, data, delivery)
        elif self._repeats(fact, data, delivery, now):
            return
        reason = self._lateness.too_late(event, ref, data.supersedes is not None)
        if reason is not None:
            self._late(delivery, reason)
            return
        if data.supersedes is not None:
            self.conflicts.agree(fact, data, delivery)
        kept = Kept(delivery=delivery, until=self._policy.events.kept_early.after(now))
        self._memory.waiting.append(kept)
        self._new.append(kept)

    def _of_a_stranger(self, ref: str | None, delivery: Delivery) -> bool:
        """Whether the reference was shared with other partners only."""
        partners = self._memory.partners_of.get(ref) if ref else None
        return partners is not None and delivery.partner not in partners

    def _withdraw(self, delivery: Delivery, event_id: str, fact: str | None = None) -> None:
        """A correction takes the place of the event that it names and of what that one corrects."""
        self.conflicts.supersede(delivery, event_id)
        for kept in list(self._memory.waiting):
            named = (kept.delivery.source, kept.delivery.event_id) == (delivery.source, event_id)
            if kept.by is None and (named or (fact is not None and fact_in(kept) == fact)):
                self._memory.waiting.remove(kept)
                self._journal.receipt(
                    kept.delivery.receipt,
                    ReceiptStatus.SUPERSEDED,
                    f"corrected by {delivery.event_id}",
                    superseded_by=delivery.receipt,
                )

    def _lowers_certified(self, event: EventType, fact: str, data: EventData) -> bool:
        """Whether it corrects a sitting's end after the certificate (rule `correction`)."""
        known = self._memory.known_facts.get(fact)
        return (
            event in ENDINGS
            and self._memory.assessment.certified_at is not None
            and known not in (None, said_in(data))
        )

    def _repeats(self, fact: str, data: EventData, delivery: Delivery, now: datetime) -> bool:
        """The same fact under a new id: equal values repeat it, other values contradict it."""
        known = self._memory.known_facts.get(fact)
        if known is None:
            self.conflicts.learn(fact, data, delivery)
            return False
        if said_in(data) in (known, *self.conflicts.said_against(fact)):
            self._duplicate(delivery, "the same fact had been reported")
            return True
        self.conflicts.open(fact, delivery, now)
        return True

    def choose(self, receipt: str, now: datetime) -> None:
        """The fact with this receipt stands; the order was found good before."""
        chosen = self.conflicts.settle(receipt)
        if not self._memory.rests:
            self.keep_longer(now - chosen.since)
        if receipt != chosen.first.receipt:
            self._correct_by_choice(chosen, now)

    def _correct_by_choice(self, conflict: Conflict, now: datetime) -> None:
        """The later fact takes the place of the first, as if it had named it in `supersedes`."""
        event, second = EventType(conflict.second.type), conflict.second
        ref = reference_of(event, second)
        data = second.data | {"supersedes": conflict.first.event_id}
        read = DATA_OF[event].model_validate(data)
        correction = second.model_copy(update={"data": data, "about": ref or self._last_booking()})
        self._withdraw(correction, conflict.first.event_id, conflict.fact)
        for fact in (conflict.fact, fact_of(event, ref, second.partner, read)):
            self.conflicts.learn(fact, read, second)
        kept = Kept(delivery=correction, until=self._policy.events.kept_early.after(now))
        self._memory.waiting.append(kept)

    def _last_booking(self) -> str | None:
        """The booking that a center means which names none."""
        assessment = self._memory.assessment
        past = [each.booking_ref for each in assessment.rounds]
        return assessment.booking_ref or (past[-1] if past else None)

    def pick(self, wait: Wait) -> Fact | None:
        """The event that the wait wants, None where none is at hand."""
        while True:
            found = wanted(self._memory, wait)
            if found is None:
                return None
            event, kept = found
            self._memory.waiting.remove(kept)
            delivery = kept.delivery
            ref = reference_of(event, delivery)
            if (
                ref is None
                and kept.by is None
                and not was_asked(self._memory, event, delivery, wait)
            ):
                self._refuse(delivery, "event.not_yours", "this was not asked of this partner")
                continue
            by = kept.by or partner_actor(delivery.partner)
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
                corrects and self._lateness.still_correctable(event, ref, stage)
            ):
                self._memory.waiting.remove(kept)
                self._late(kept.delivery, "the request that it is about has ended")

    def sift(self, now: datetime) -> None:
        """Look again at what waits: its reference may be known by now, nothing may await it any
        more, or it has waited as long as the policy lets it (time on hold does not count).
        """
        for kept in [each for each in self._memory.waiting if each.by is None]:
            delivery, event = kept.delivery, EventType(kept.delivery.type)
            ref = reference_of(event, delivery)
            reason = self._lateness.too_late(
                event, ref, delivery.data.get("supersedes") is not None
            )
            if self._of_a_stranger(ref, delivery):
                self._memory.waiting.remove(kept)
                self._refuse(delivery, "event.not_yours", f"{ref} was not asked of this partner")
            elif reason is not None:
                self._memory.waiting.remove(kept)
                self._late(delivery, reason)
            elif kept.until <= now and not self._memory.rests:
                self._give_up(kept)

    def _give_up(self, kept: Kept) -> None:
        """To a supervisor, who may send it here again; so may its sender the same fact."""
        self._memory.waiting.remove(kept)
        delivery = kept.delivery
        given_up = {key_of(delivery.source, delivery.event_id), compact(delivery.receipt)}
        self._seen -= given_up
        self._memory.seen = [key for key in self._memory.seen if key not in given_up]
        for fact in (fact_in(kept), _correction(delivery.source, delivery.data.get("supersedes"))):
            self._memory.known_facts.pop(fact, None)
            self._memory.told_by.pop(fact, None)
        self._journal.note(
            EntryKind.WARNED,
            detail=f"{kept.delivery.type} waited too long; a supervisor decides",
            rule="event.kept_early",
            receipt=kept.delivery.receipt,
        )
        self._journal.receipt(
            kept.delivery.receipt,
            ReceiptStatus.QUARANTINED,
            "its turn did not come in time; a supervisor decides",
        )

    def keep_longer(self, held_for: timedelta) -> None:
        """The journey rested: what was kept meanwhile has as much longer to wait."""
        longer = [
            kept.model_copy(update={"until": kept.until + held_for})
            for kept in self._memory.waiting
        ]
        self._new = [
            after
            for before, after in zip(self._memory.waiting, longer, strict=True)
            if before in self._new
        ]
        self._memory.waiting = longer

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
            by=partner_actor(delivery.partner),
            detail=f"{delivery.type}: {reason}",
            rule="event.late",
            receipt=delivery.receipt,
        )
        self._journal.receipt(delivery.receipt, ReceiptStatus.LATE, reason)

    def _refuse(self, delivery: Delivery, rule: str, reason: str) -> None:
        self._journal.note(
            EntryKind.EVENT_REFUSED,
            by=partner_actor(delivery.partner),
            detail=f"{delivery.type}: {reason}",
            rule=rule,
            receipt=delivery.receipt,
        )
        self._journal.receipt(delivery.receipt, ReceiptStatus.REJECTED, f"{rule}: {reason}")


def _correction(source: str, event_id: object) -> str:
    """What is known of an event's correction stands under this name."""
    return f"correction:{source}:{event_id}"


def _known_type(text: str) -> EventType | None:
    try:
        return EventType(text)
    except ValueError:
        return None


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in fault['loc']) or 'data'}: {fault['msg']}"
