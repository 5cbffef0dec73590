"""A result corrected after its round, before the certificate: the marks are counted anew."""

from domain.lifecycle import EntryKind
from domain.plan import Component
from domain.stages import State
from workflows.desk import Desk
from workflows.marks import failed_of, follow_failure, mark_down, open_components
from workflows.releases import give_back
from workflows.waits import Fact


def corrects_past(desk: Desk, heard: object) -> bool:
    """Whether this is a correction of a booking whose round is over."""
    return isinstance(heard, Fact) and any(
        heard.ref == each.booking_ref for each in desk.memory.assessment.rounds
    )


async def correct_past(desk: Desk, heard: Fact) -> None:
    """Mark the component anew and undo what followed from the mark before (rule `correction`)."""
    assessment = desk.memory.assessment
    corrected = next(each for each in assessment.rounds if each.booking_ref == heard.ref)
    mark_down(desk, heard, corrected.sittings)
    failed = failed_of(corrected.sittings)
    if corrected.failed and not failed:
        assessment.failed_attempts -= 1
        assessment.resits_since_training = max(0, assessment.resits_since_training - 1)
    elif failed and not corrected.failed:
        assessment.failed_attempts += 1
    corrected.failed = bool(failed)
    if desk.memory.state is State.CERTIFICATE_PENDING:
        _undo_pass(desk, failed)
        return
    await _fit_booking(desk)


def _undo_pass(desk: Desk, failed: list[Component]) -> None:
    """What is open again was failed, or its sitting was lost, which uses no attempt."""
    reopened = open_components(desk)
    if not reopened:
        return
    desk.memory.assessment.passed_at = None
    failed_again = [component for component in failed if component in reopened]
    if failed_again:
        follow_failure(desk, failed_again)
    else:
        desk.move(EntryKind.SITTING_LOST, detail="booked again; no attempt is used")


async def _fit_booking(desk: Desk) -> None:
    """The sitting that is booked is still what has to be sat, or it is booked anew."""
    assessment = desk.memory.assessment
    needed = open_components(desk)
    if tuple(s.component for s in assessment.sittings) == needed:
        return
    if any(s.ended for s in assessment.sittings):
        for sitting in assessment.sittings:
            sitting.lost = sitting.lost or (not sitting.ended and sitting.component not in needed)
        return
    ended, assessment.booking_ref, assessment.sittings = assessment.booking_ref, None, []
    if desk.memory.state is not State.REGISTERING:
        desk.move(EntryKind.SITTING_LOST, detail="a result was corrected", rule="correction")
    if ended is not None:
        desk.end_reference(ended)
        await give_back(desk, ended)
