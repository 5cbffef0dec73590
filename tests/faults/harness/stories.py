"""What our books tell of a trainee in the end, in words that are the same for all on one way."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.journal import ReceiptStatus
from partners.requests import SERVICES, Service
from tests.faults.harness.books import Books, EventKey
from tests.faults.harness.carrying import Carried
from tests.faults.harness.partners import MutePartners

_JOURNEYS = (
    "SELECT journey_id, stage, state, outcome, overlays, hours_attended FROM journeys "
    "WHERE journey_id = ANY($1)"
)
_JOURNAL = (
    "SELECT journey_id, sequence, kind, at, before, state, detail, receipt FROM journal "
    "WHERE journey_id = ANY($1) ORDER BY journey_id, sequence"
)
_INBOX = "SELECT receipt, source, event_id, status, reason, journey_id FROM inbox"
_REPEATS = "SELECT receipt, original FROM inbox_repeats"


@dataclass(frozen=True)
class Row:
    """A row of the inbox."""

    receipt: str
    status: ReceiptStatus
    reason: str
    journey_id: str | None


@dataclass(frozen=True)
class Line:
    """A line of a journal."""

    sequence: int
    at: datetime
    kind: str
    before: str
    state: str
    detail: str
    receipt: str | None

    def __str__(self) -> str:
        moved = f"{self.before} -> {self.state}"
        return f"{self.sequence} {self.at:%T.%f} {self.kind} {moved} {self.detail} {self.receipt}"


@dataclass(frozen=True)
class FinalBooks:
    """Everything as it stands once nothing is under way any more."""

    inbox: dict[EventKey, Row]
    repeats: dict[str, str]
    cases: dict[str, dict[str, Any]]
    journal: dict[str, list[Line]]


@dataclass(frozen=True)
class Story:
    """How one trainee's way ended.

    `moves` in their order; `statuses` by the facts' roles, and `marks` what the journal says of the
    facts that were applied; `calls` how many requests each service took.
    """

    end: tuple[str, ...]
    moves: tuple[tuple[str, str, str], ...]
    statuses: dict[str, frozenset[str]]
    marks: dict[str, frozenset[str]]
    calls: dict[Service, int]
    hours: bool = field(default=True)


async def read_books(books: Books, journeys: list[str]) -> FinalBooks:
    """Read it all."""
    journal: dict[str, list[Line]] = defaultdict(list)
    for row in await books.read(_JOURNAL, journeys):
        line = dict(row)
        journal[line.pop("journey_id")].append(Line(**line))
    return FinalBooks(
        inbox={
            (row["source"], row["event_id"]): Row(
                row["receipt"], ReceiptStatus(row["status"]), row["reason"], row["journey_id"]
            )
            for row in await books.read(_INBOX)
        },
        repeats={row["receipt"]: row["original"] for row in await books.read(_REPEATS)},
        cases={row["journey_id"]: dict(row) for row in await books.read(_JOURNEYS, journeys)},
        journal=journal,
    )


def story_of(carried: Carried, books: FinalBooks, partners: MutePartners) -> Story:
    """One trainee's story. Of events that say the same fact, the one that counted speaks."""
    case, lines = books.cases[carried.journey_id], books.journal[carried.journey_id]
    said: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        if line.receipt is not None and line.before == line.state:
            detail = line.detail.replace(carried.trainee.tag, "*")
            said[line.receipt].add(f"{line.kind}: {detail}")
    statuses: dict[str, set[str]] = defaultdict(set)
    marks: dict[str, set[str]] = defaultdict(set)
    for each in carried.trainee.facts:
        rows = [books.inbox[key] for key in carried.events[each.number] if key in books.inbox]
        counted = Counter(row.status for row in rows)
        counted[ReceiptStatus.DUPLICATE] -= each.copies
        statuses[each.fact.role].update((+counted).keys())
        for row in rows:
            if row.status is ReceiptStatus.APPLIED:
                marks[each.fact.role] |= said[row.receipt]
    hours = abs(float(case["hours_attended"] or 0) - carried.trainee.hours) < 1e-6
    return Story(
        end=(case["stage"], case["state"], case["outcome"], *case["overlays"]),
        moves=tuple(
            (line.kind, line.before, line.state) for line in lines if line.before != line.state
        ),
        statuses={role: frozenset(found) for role, found in statuses.items()},
        marks={role: frozenset(found) for role, found in marks.items()},
        calls={name: len(partners.calls(carried.trainee.tag, name)) for name in SERVICES},
        hours=hours,
    )
