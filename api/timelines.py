"""A journey's timeline as staff read it."""

from datetime import datetime

from pydantic import BaseModel

from api.next_steps import next_step
from domain.journal import Entry
from domain.stages import State


class TimelineLine(BaseModel):
    """What happened, who did it, by which rule, and what came next.

    `receipt` is that of the event it rests on, `partner` who sent it or was asked.
    """

    sequence: int
    at: datetime
    kind: str
    by: str
    role: str
    before: State
    state: State
    detail: str
    rule: str | None
    receipt: str | None
    partner: str | None
    next: str


class Timeline(BaseModel):
    """A page of the journal, oldest first."""

    items: list[TimelineLine]
    next_cursor: str | None


def line_of(entry: Entry) -> TimelineLine:
    """A journal line with what comes after it."""
    return TimelineLine(
        sequence=entry.sequence,
        at=entry.at,
        kind=entry.kind,
        by=entry.by.id,
        role=entry.by.role,
        before=entry.before,
        state=entry.state,
        detail=entry.detail,
        rule=entry.rule,
        receipt=entry.receipt,
        partner=entry.partner,
        next=next_step(entry.state),
    )
