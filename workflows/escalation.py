"""The escalation ladder of a deadline: reminder, stuck, supervisor, the level above; once each."""

from datetime import datetime, timedelta

from domain.lifecycle import EntryKind
from domain.policy import EscalationRules
from workflows.memory import Deadline, Rung

ENTRY_OF = {
    Rung.REMINDER: EntryKind.REMINDED,
    Rung.STUCK: EntryKind.STUCK,
    Rung.SUPERVISOR: EntryKind.ESCALATED,
    Rung.ABOVE: EntryKind.ESCALATED_ABOVE,
}


def moment_of(rung: Rung, deadline: Deadline, rules: EscalationRules) -> datetime:
    """When a rung is climbed: its share of the deadline's length after its start."""
    share = {
        Rung.REMINDER: rules.reminder,
        Rung.STUCK: rules.stuck,
        Rung.SUPERVISOR: rules.supervisor,
        Rung.ABOVE: rules.above,
    }[rung]
    return deadline.since + (deadline.due - deadline.since) * share


def reached(deadline: Deadline, rules: EscalationRules, now: datetime) -> list[Rung]:
    """The rungs that are due now and not yet climbed, lowest first."""
    return [
        rung
        for rung in Rung
        if rung not in deadline.climbed and moment_of(rung, deadline, rules) <= now
    ]


def next_moment(deadline: Deadline, rules: EscalationRules) -> datetime | None:
    """When the next rung is due, None where all are climbed."""
    return min(
        (moment_of(rung, deadline, rules) for rung in Rung if rung not in deadline.climbed),
        default=None,
    )


def shift(deadline: Deadline, by: timedelta) -> None:
    """Time on hold does not count: the whole deadline moves."""
    deadline.since += by
    deadline.due += by


def extend(deadline: Deadline, until: datetime, now: datetime) -> None:
    """A person gave more time: the ladder is climbed anew from now."""
    deadline.since = now
    deadline.due = until
    deadline.climbed = []
    deadline.stuck_since = None
