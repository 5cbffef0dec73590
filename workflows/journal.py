"""What the journey has to say and has not recorded yet; one batch a step."""

from collections.abc import Callable
from datetime import datetime

from domain.commands import JOURNEYMAN, Actor, Choose
from domain.journal import (
    CaseLine,
    Entry,
    ReceiptStatus,
    ReceiptUpdate,
    RecordBatch,
    SharedReference,
)
from domain.lifecycle import EntryKind, move
from domain.model import bounded
from domain.plan import ComponentCredit, ModuleCredit
from domain.planning import WorkOutDue
from domain.stages import STAGE_OF, Outcome, Overlay, State, StuckCause, Turn
from workflows.memory import JourneyMemory
from workflows.waits import Fact


class Journal:
    """Collects lines, receipts, references and credits until they are recorded."""

    def __init__(self, journey_id: str, memory: JourneyMemory, now: Callable[[], datetime]) -> None:
        self._journey_id = journey_id
        self._memory = memory
        self._now = now
        self._entries: list[Entry] = []
        self._receipts: dict[str, ReceiptUpdate] = {}
        self._references: list[SharedReference] = []
        self._module_credits: list[ModuleCredit] = []
        self._component_credits: list[ComponentCredit] = []
        self._lost_credits: list[ComponentCredit] = []
        self._case_changed = False
        self._outcome: Outcome | None = None
        self._closed_at: datetime | None = None

    @property
    def pending(self) -> bool:
        """Whether there is something to record."""
        return bool(self._entries or self._receipts or self._references or self._case_changed)

    def case_changed(self) -> None:
        """The line on the caseload changed, though no journal line tells it."""
        self._case_changed = True

    def move(
        self,
        entry: EntryKind,
        *,
        heard: Fact | None = None,
        by: Actor | None = None,
        detail: str = "",
        rule: str | None = None,
        receipt: str | None = None,
        partner: str | None = None,
    ) -> None:
        """Make an allowed move and write its line, told by whoever caused it.

        Args:
            heard: the event that it rests on; who, its receipt and partner are taken from it.
            by: who did it, where no event did; Journeyman itself where None.

        Raises:
            ForbiddenMove: where the lifecycle table has none.
        """
        made = move(self._memory.state, entry)
        before, self._memory.state = self._memory.state, made.after
        self._write(entry, before, heard, by, detail, rule, receipt, partner)
        if made.outcome is not None:
            self._outcome = made.outcome
            self._closed_at = self._now()

    def note(
        self,
        entry: EntryKind,
        *,
        heard: Fact | None = None,
        by: Actor | None = None,
        detail: str = "",
        rule: str | None = None,
        receipt: str | None = None,
        partner: str | None = None,
    ) -> None:
        """Write a line that leaves the state as it is; arguments as in `move`."""
        self._write(entry, self._memory.state, heard, by, detail, rule, receipt, partner)

    def _write(  # noqa: PLR0917
        self,
        kind: EntryKind,
        before: State,
        heard: Fact | None,
        by: Actor | None,
        detail: str,
        rule: str | None,
        receipt: str | None,
        partner: str | None,
    ) -> None:
        self._memory.sequence += 1
        self._entries.append(
            Entry(
                sequence=self._memory.sequence,
                kind=kind,
                at=self._now(),
                by=by or (heard.by if heard else JOURNEYMAN),
                before=before,
                state=self._memory.state,
                detail=bounded(detail),
                rule=rule,
                receipt=receipt or (heard.receipt if heard else None),
                partner=partner or (heard.partner if heard else None),
            )
        )

    def receipt(
        self,
        receipt: str | None,
        status: ReceiptStatus,
        reason: str,
        superseded_by: str | None = None,
    ) -> None:
        """Tell the sender what became of its event; None where staff stood in for it.

        Args:
            superseded_by: the receipt of the event that took its place.
        """
        if receipt is not None:
            self._receipts[receipt] = ReceiptUpdate(
                receipt=receipt,
                status=status,
                reason=bounded(reason),
                superseded_by=superseded_by,
            )

    def share(self, ref: str, *partners: str) -> None:
        """From now on these partners and this journey share the reference."""
        self._references.extend(SharedReference(ref=ref, partner=partner) for partner in partners)

    def credit_modules(self, proven: tuple[ModuleCredit, ...]) -> None:
        """Modules now proven, for this journey and for later ones."""
        self._module_credits.extend(proven)

    def credit_component(self, credit: ComponentCredit) -> None:
        """A component now passed, for this journey and for a re-entry."""
        self._component_credits.append(credit)

    def uncredit_component(self, credit: ComponentCredit) -> None:
        """A component counted as passed until its result was corrected."""
        self._component_credits = [each for each in self._component_credits if each != credit]
        self._lost_credits.append(credit)

    def take_batch(self, work_out: WorkOutDue | None) -> RecordBatch:
        """Everything said since the last batch, with the caseload line as it is now."""
        batch = RecordBatch(
            journey_id=self._journey_id,
            entries=tuple(self._entries),
            receipts=tuple(self._receipts.values()),
            references=tuple(self._references),
            module_credits=tuple(self._module_credits),
            component_credits=tuple(self._component_credits),
            lost_credits=tuple(self._lost_credits),
            case=self._case_line(),
            work_out=work_out,
        )
        self._entries.clear()
        self._receipts.clear()
        self._references.clear()
        self._module_credits.clear()
        self._component_credits.clear()
        self._lost_credits.clear()
        self._case_changed = False
        return batch

    def _case_line(self) -> CaseLine:
        memory = self._memory
        deadline = memory.deadline
        stuck = deadline is not None and deadline.stuck_since is not None
        line = CaseLine(
            sequence=memory.sequence,
            stage=STAGE_OF[memory.state],
            state=memory.state,
            overlays=(Overlay.ON_HOLD,) if memory.held_since else (),
            outcome=self._outcome,
            awaited=deadline.awaited if deadline else (),
            partner=deadline.partner if deadline else None,
            turn=deadline.turn if deadline else CaseLine.model_fields["turn"].default,
            due_at=deadline.due if deadline else None,
            stuck_cause=deadline.cause if deadline and stuck else None,
            stuck_since=deadline.stuck_since if deadline else None,
            updated_at=self._now(),
            closed_at=self._closed_at,
        )
        if not memory.conflicts:
            return line
        return line.model_copy(
            update={
                "awaited": (Choose.model_fields["name"].default, *line.awaited),
                "turn": Turn.STAFF,
                "stuck_cause": StuckCause.CONFLICT,
                "stuck_since": memory.conflicts[0].since,
            }
        )
