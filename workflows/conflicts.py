"""Contradictory facts: which are open, and what a supervisor's choice makes of them.

Rule 2 of `domain.md`, How events meet states: the same fact with other values and without
`supersedes` is a conflict. Until it is settled the journey rests; after the certificate it goes on.
"""

from datetime import datetime

from domain.commands import Actor
from domain.events import DATA_OF, Delivery, EventData, EventType
from domain.journal import ReceiptStatus
from domain.lifecycle import EntryKind
from workflows.facts import can_be_contradicted, said_in
from workflows.journal import Journal
from workflows.memory import Conflict, JourneyMemory, Told


class Conflicts:
    """What is known of each fact and by which event, and what has been said against it."""

    def __init__(self, memory: JourneyMemory, journal: Journal) -> None:
        self._memory = memory
        self._journal = journal

    def learn(self, fact: str, data: EventData, delivery: Delivery) -> None:
        """From now on this is what is known of the fact."""
        self._memory.known_facts[fact] = said_in(data)
        if can_be_contradicted(data):
            told = Told(receipt=delivery.receipt, event_id=delivery.event_id)
            self._memory.told_by[fact] = told
            self._memory.conflicts = [
                each.model_copy(update={"first": told}) if each.fact == fact else each
                for each in self._memory.conflicts
            ]

    def open(self, fact: str, delivery: Delivery, now: datetime) -> None:
        """Until a supervisor chooses which fact stands, the journey is stuck."""
        first = self._memory.told_by[fact]
        self._memory.conflicts.append(Conflict(fact=fact, first=first, second=delivery, since=now))
        self._journal.note(
            EntryKind.CONFLICT_FOUND,
            by=partner_actor(delivery.partner),
            detail=f"a second {delivery.type} with other values: {fact}",
            rule="event.contradiction",
            receipt=delivery.receipt,
        )
        self._journal.receipt(
            delivery.receipt,
            ReceiptStatus.CONFLICT,
            f"other values than reported before, under receipt {first.receipt}; "
            "a supervisor chooses",
        )

    def agree(self, fact: str, data: EventData, correction: Delivery) -> None:
        """A correction of the earlier fact: what contradicts it no longer, but says the same, gives
        way to it.
        """
        for conflict in [each for each in self._memory.conflicts if each.fact == fact]:
            if _said_by(conflict.second) == said_in(data):
                self._memory.conflicts.remove(conflict)
                reason = f"{correction.event_id} corrected the earlier event to the same"
                self._supersede(conflict, reason, correction.receipt)

    def said_against(self, fact: str) -> list[str]:
        """What is said against a fact, each as `said_in` has it."""
        return [_said_by(each.second) for each in self._memory.conflicts if each.fact == fact]

    def supersede(self, correction: Delivery, event_id: str) -> bool:
        """A correction names an event that contradicts an earlier fact: it does so no longer.

        Returns False where the named event is in no conflict, or is the earlier fact itself.
        """
        for conflict in self._memory.conflicts:
            second = conflict.second
            if (second.source, second.event_id) == (correction.source, event_id):
                self._memory.conflicts.remove(conflict)
                self._supersede(conflict, f"corrected by {correction.event_id}", correction.receipt)
                return True
        return False

    def of(self, receipt: str) -> Conflict | None:
        """The open conflict that an event with this receipt is part of."""
        for conflict in self._memory.conflicts:
            if receipt in (conflict.first.receipt, conflict.second.receipt):
                return conflict
        return None

    def settle(self, receipt: str) -> Conflict:
        """Close every conflict about a fact: the event with this receipt stands.

        Returns:
            The conflict that the event was part of.
        """
        chosen = self.of(receipt)
        assert chosen is not None, "the order was found good"
        settled = [each for each in self._memory.conflicts if each.fact == chosen.fact]
        self._memory.conflicts = [each for each in self._memory.conflicts if each not in settled]
        for conflict in settled:
            if conflict.second.receipt != receipt:
                self._supersede(conflict, f"{receipt} was chosen", receipt)
        return chosen

    def _supersede(self, conflict: Conflict, reason: str, by: str) -> None:
        self._journal.receipt(
            conflict.second.receipt, ReceiptStatus.SUPERSEDED, reason, superseded_by=by
        )


def _said_by(delivery: Delivery) -> str:
    return said_in(DATA_OF[EventType(delivery.type)].model_validate(delivery.data))


def partner_actor(partner: str) -> Actor:
    """A partner as the journal names it."""
    return Actor(id=partner, role="partner")
