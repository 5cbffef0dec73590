"""What every timeline promises, whatever happened on it."""

from domain.journal import Entry
from domain.lifecycle import EntryKind
from domain.stages import State
from tests.workflows.carrying import Trainee


def unbroken(trainee: Trainee) -> list[Entry]:
    """The timeline: counted from 1 without gaps, each line beginning where the last one ended."""
    lines = trainee.timeline
    assert [line.sequence for line in lines] == list(range(1, len(lines) + 1))
    state, at = State.INTAKE, lines[0].at
    for line in lines:
        assert line.before is state, f"{line.kind} begins in {line.before}, not in {state}"
        assert line.at >= at, f"{line.kind} was written before the line above it"
        state, at = line.state, line.at
    assert trainee.case.sequence == len(lines)
    assert trainee.case.state is state
    return lines


def line_of(trainee: Trainee, kind: EntryKind, nth: int = 0) -> Entry:
    """The nth line of a kind on an unbroken timeline; -1 for the last."""
    found = [line for line in unbroken(trainee) if line.kind is kind]
    assert found, f"no {kind} among {trainee.kinds}"
    return found[nth]


def told(trainee: Trainee, *kinds: EntryKind) -> list[EntryKind]:
    """The lines of these kinds, in the order in which they were written."""
    return [line.kind for line in unbroken(trainee) if line.kind in kinds]
