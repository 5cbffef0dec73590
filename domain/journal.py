"""What a journey records: journal entries, receipts, and its line on the caseload."""

from datetime import datetime
from enum import StrEnum

from domain.commands import JOURNEYMAN, Actor
from domain.lifecycle import EntryKind
from domain.model import Ref, Text, Word
from domain.plan import ComponentCredit, ModuleCredit
from domain.planning import WorkOutDue
from domain.stages import Outcome, Overlay, Stage, State, StuckCause, Turn


class ReceiptStatus(StrEnum):
    """What became of an event (`product.md`, `domain.md` How events meet states).

    `received`, `delivered` and `buffered` are on the way; the others are final.
    """

    RECEIVED = "received"
    DELIVERED = "delivered"
    BUFFERED = "buffered"
    APPLIED = "applied"
    DUPLICATE = "duplicate"
    LATE = "late"
    SUPERSEDED = "superseded"
    CONFLICT = "conflict"
    QUARANTINED = "quarantined"
    REJECTED = "rejected"

    @property
    def final(self) -> bool:
        """Whether nothing more will become of the event by itself."""
        return self not in (
            ReceiptStatus.RECEIVED,
            ReceiptStatus.DELIVERED,
            ReceiptStatus.BUFFERED,
        )

    def may_become(self, later: "ReceiptStatus") -> bool:
        """Whether a journey can still say this of the event.

        Of what is final, a correction or a choice supersedes what was applied; what contradicted
        an earlier fact goes its way once it is chosen.
        """
        if not self.final:
            return True
        if later is ReceiptStatus.SUPERSEDED:
            return self in (ReceiptStatus.APPLIED, ReceiptStatus.CONFLICT)
        return self is ReceiptStatus.CONFLICT and later in (
            ReceiptStatus.APPLIED,
            ReceiptStatus.LATE,
            ReceiptStatus.QUARANTINED,
        )


class KeptBack(StrEnum):
    """Why an event is `quarantined`: the code that its receipt gives as `reason`.

    `unknown_subject`: we know no journey and no reference under its subject. It goes on by itself
    as soon as we do; until then nobody needs to send it again.

    `schema`: its signature is good, but there is no such type, or its data does not fit the schema
    of its type; `detail` says which field and why. Send a correct event under a new id, or wait for
    our staff to correct it.

    `undeliverable`: it fits its schema, yet could not be read or handed to its journey.

    `too_early`: it waited in its journey for its turn, which did not come in time.

    `not_yours`: its subject is a reference that another partner shares with us, and you do not. It
    goes on by itself if the reference becomes yours too.
    """

    UNKNOWN_SUBJECT = "unknown_subject"
    SCHEMA = "schema"
    UNDELIVERABLE = "undeliverable"
    TOO_EARLY = "too_early"
    NOT_YOURS = "not_yours"


SAME_ID_OTHER_BODY = "same_id_other_body"
"""Reason of the `rejected` receipt of another body under an id that its source had used before."""


class Entry(Word):
    """One line of a journey's append-only journal.

    `sequence` counts from 1 without gaps; `before` and `state` are the same where nothing moved;
    `rule` is the rule it rests on, `receipt` the event that caused it.
    """

    sequence: int
    kind: EntryKind
    at: datetime
    by: Actor = JOURNEYMAN
    before: State
    state: State
    detail: Text = ""
    rule: str | None = None
    receipt: Ref | None = None
    partner: Ref | None = None


class ReceiptUpdate(Word):
    """What became of one event, and why, in words that its sender can read.

    `superseded_by` is the receipt of the event that took its place, where it has one.
    """

    receipt: Ref
    status: ReceiptStatus
    reason: Text
    superseded_by: Ref | None = None


class CaseLine(Word):
    """A journey's line on the caseload, as of journal line `sequence`.

    `awaited` are event types or the name of a decision; `due_at` is when it is due, `stuck_since`
    and `stuck_cause` are set together, past the deadline.
    """

    sequence: int
    stage: Stage
    state: State
    overlays: tuple[Overlay, ...] = ()
    outcome: Outcome | None = None
    awaited: tuple[str, ...] = ()
    partner: Ref | None = None
    turn: Turn = Turn.NOBODY
    due_at: datetime | None = None
    stuck_cause: StuckCause | None = None
    stuck_since: datetime | None = None
    updated_at: datetime
    closed_at: datetime | None = None


class SharedReference(Word):
    """A reference that a partner and this journey share from now on."""

    ref: Ref
    partner: Ref


class RecordBatch(Word):
    """Everything that one step says, written in one transaction, keyed by journey and sequence.

    Writing it again changes nothing. `references` open the door for events that came under them
    and were kept in quarantine; `lost_credits` are passes that a correction took away. Where the
    deadline that runs is in working days, `work_out` asks the recorder for its end, which stands in
    `case.due_at` when the batch is written.
    """

    journey_id: Ref
    entries: tuple[Entry, ...] = ()
    receipts: tuple[ReceiptUpdate, ...] = ()
    references: tuple[SharedReference, ...] = ()
    module_credits: tuple[ModuleCredit, ...] = ()
    component_credits: tuple[ComponentCredit, ...] = ()
    lost_credits: tuple[ComponentCredit, ...] = ()
    case: CaseLine
    work_out: WorkOutDue | None = None


class Recorded(Word):
    """What the recorder answers: when the deadline that it was to work out is due."""

    due_at: datetime | None = None
