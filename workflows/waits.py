"""What a journey can wait for, and what can end a wait."""

from dataclasses import dataclass
from datetime import datetime

from domain.commands import Actor, Choice, Order, PartnerKind
from domain.durations import Duration
from domain.events import EventData, EventType
from domain.plan import Component
from domain.stages import StuckCause, Turn
from workflows.memory import Ending


@dataclass(frozen=True)
class Wait:
    """One wait.

    `key` names it: the same key keeps its deadline. `events` are wanted in this order where
    several are at hand; they come under the shared reference `about`, for one of the open
    `components` of an assessment, from the `partner` who was asked; corrections of an ended sitting
    come under one of the booking references `corrected`. It is due `within` a duration
    counted from `since` (now where None). `orders` are the step's own
    commands that end it, with the `choices` and `switches` they may name. It ends by itself at
    `wake_at`, and at its deadline where `ends_overdue`; elsewhere it goes on, stuck for `cause`:
    `stuck_at_once` where only a person can help. `needed` is what is awaited where no event is.
    """

    key: str
    cause: StuckCause
    turn: Turn
    events: tuple[EventType, ...] = ()
    about: str | None = None
    components: tuple[Component, ...] = ()
    partner: str | None = None
    corrected: tuple[str, ...] = ()
    within: Duration | None = None
    since: datetime | None = None
    orders: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    switches: tuple[PartnerKind, ...] = ()
    wake_at: datetime | None = None
    ends_overdue: bool = False
    stuck_at_once: bool = False
    needed: str = ""

    @property
    def awaited(self) -> tuple[str, ...]:
        """What the caseload shows as awaited: what is needed of a person first, then events."""
        needed = (self.needed,) if self.needed else ()
        return (*needed, *(event.value for event in self.events)) or (self.key,)


@dataclass(frozen=True)
class Fact:
    """An event that a wait heard, with its data read."""

    type: EventType
    receipt: str | None
    ref: str | None
    data: EventData
    by: Actor
    partner: str


@dataclass(frozen=True)
class Instruction:
    """A step's own command that a wait heard."""

    order: Order


@dataclass(frozen=True)
class Woken:
    """The moment to look again has come."""


@dataclass(frozen=True)
class Overdue:
    """The deadline has passed."""


Heard = Fact | Instruction | Woken | Overdue


@dataclass(frozen=True)
class ServiceRefused:
    """The partner's service refused a call: asking again the same way changes nothing."""

    code: str
    detail: str


class JourneyEnded(Exception):
    """The journey has come to an end: a result, never a failure."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.outcome)
        self.ending = ending
