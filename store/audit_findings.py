"""What is wrong with an audit log, and how a line that does not fit is told for what it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from store.audit_chain import Line, line_hash


class Kind(StrEnum):
    """What was done to the log."""

    EDITED = "edited line"
    MOVED = "moved line"
    ADDED = "added line"
    MISSING = "missing line"
    CUT_OFF = "cut-off strand"
    REWRITTEN = "rewritten line"
    UNSEALED = "unsealed line"
    SEAL_FORGED = "forged seal"
    SEAL_MISSING = "missing seal"
    SEALS_CUT_OFF = "cut-off seals"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong; `strand` and `sequence` name the line, `seal` the seal."""

    kind: Kind
    words: str
    strand: int | None = None
    sequence: int | None = None
    seal: int | None = None


@dataclass(frozen=True, slots=True)
class Misfit:
    """A line whose hash does not follow from its content and the hash before it."""

    line: Line
    before: bytes


COMPARED = 30
"""Misfits of a strand that are compared with each other; what more there are count as edited."""


def told_apart(misfits: Sequence[Misfit]) -> Iterator[Finding]:
    """What was done to the misfits of one strand.

    Where two lines were swapped or one hash was altered, the line after each does not fit any more
    although nobody touched it. Such a line fits after the hash that once stood there, and is not
    told of.
    """
    compared = misfits[:COMPARED]
    befores = {misfit.before for misfit in compared}
    befores |= {misfit.line.hash for misfit in compared}
    befores |= {line_hash(misfit.before, misfit.line) for misfit in compared}
    places = {misfit.line.sequence + step for misfit in compared for step in (-1, 0, 1)}
    touched = [misfit for misfit in compared if not _fits(misfit.line, befores)]
    for misfit in touched or compared[:1]:
        line = misfit.line
        came_from = next(
            (place for place in places if _fits(replace(line, sequence=place), befores)), None
        )
        if came_from is None:
            yield _edited(line)
        else:
            words = f"it was written as line {came_from}"
            yield Finding(Kind.MOVED, words, line.strand, line.sequence)
    for misfit in misfits[COMPARED:]:
        yield _edited(misfit.line)


def _fits(line: Line, befores: set[bytes]) -> bool:
    return any(line_hash(before, line) == line.hash for before in befores)


def _edited(line: Line) -> Finding:
    words = "its hash does not follow from what it says and from the line before it"
    return Finding(Kind.EDITED, words, line.strand, line.sequence)
