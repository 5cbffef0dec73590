"""What a journey remembers: kept across steps, restarts and continue-as-new."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from domain.commands import Actor
from domain.events import Delivery
from domain.lifecycle import BEFORE_CERTIFICATE, EntryKind
from domain.model import Word
from domain.plan import Component, ModuleCredit, PartnerOption, Plan
from domain.stages import Outcome, State, StuckCause, Turn


class Remembered(BaseModel):
    """A part of the memory that changes as the journey goes on."""

    model_config = ConfigDict(extra="forbid")


class Rung(StrEnum):
    """A rung of the escalation ladder; each is climbed once for each deadline."""

    REMINDER = "reminder"
    STUCK = "stuck"
    SUPERVISOR = "supervisor"
    ABOVE = "above"


class Deadline(Remembered):
    """Until when an awaited thing is due.

    `key` tells one wait from the next, so that the same wait keeps its deadline over
    continue-as-new and extensions. While `working_days` is set, `due` is not yet worked out by the
    region's calendar and stands for the earliest that it can be.
    """

    key: str
    since: datetime
    due: datetime
    cause: StuckCause
    turn: Turn
    awaited: tuple[str, ...]
    partner: str | None = None
    working_days: int | None = None
    climbed: list[Rung] = Field(default_factory=list)
    stuck_since: datetime | None = None


class ReleaseKind(StrEnum):
    """What is given back at a partner when a journey ends early."""

    SEAT = "seat"
    SITTING = "sitting"
    REFERRAL = "referral"


class Release(Word):
    """Something held at a partner under a shared reference."""

    kind: ReleaseKind
    ref: str
    partner: str


class Need(Remembered):
    """`plan` is `drawn` with the partners that a person chose, in her order, where she did."""

    checked: bool = False
    drawn: Plan | None = None
    plan: Plan | None = None
    providers: tuple[str, ...] | None = None
    centers: tuple[str, ...] | None = None
    credits: list[ModuleCredit] = Field(default_factory=list)


class Training(Remembered):
    """`provider` is who is asked now; `asked` are the providers asked in this round."""

    provider: PartnerOption | None = None
    asked: list[str] = Field(default_factory=list)
    enrollment_ref: str | None = None
    begins: datetime | None = None
    trainer_organizations: list[str] = Field(default_factory=list)


class Sitting(Remembered):
    """One component of the booking that runs."""

    component: Component
    scheduled: bool = False
    scheduled_by: str | None = None
    at: datetime | None = None
    mark: float | None = None
    passed: bool = False
    absent: bool = False
    lost: bool = False
    receipt: str | None = None

    @property
    def ended(self) -> bool:
        return self.mark is not None or self.absent or self.lost


class Round(Remembered):
    """A booking whose components have all ended; corrections may still change its marks."""

    booking_ref: str
    sittings: list[Sitting]
    failed: bool


class Passed(Word):
    """A component passed, on the day it was sat."""

    component: Component
    at: datetime


class Assessment(Remembered):
    center: PartnerOption | None = None
    asked: list[str] = Field(default_factory=list)
    booking_ref: str | None = None
    sittings: list[Sitting] = Field(default_factory=list)
    passed: list[Passed] = Field(default_factory=list)
    rounds: list[Round] = Field(default_factory=list)
    failed_attempts: int = 0
    resits_since_training: int = 0
    resit_until: datetime | None = None
    passed_at: datetime | None = None
    certificate: str | None = None
    certified_at: datetime | None = None


class Placement(Remembered):
    limit_at: datetime | None = None
    service: str | None = None
    tried: list[str] = Field(default_factory=list)
    chosen: str | None = None
    referral_ref: str | None = None
    accepted: bool = False
    started_at: datetime | None = None
    confirmed: list[int] = Field(default_factory=list)
    confirmed_unnamed: int = 0
    confirmed_on: list[datetime] = Field(default_factory=list)
    employments: int = 0


class Ending(Word):
    """An end that was decided; what is held at partners is released first."""

    outcome: Outcome
    entry: EntryKind
    by: Actor
    reason: str = ""
    rule: str | None = None
    receipt: str | None = None
    partner: str | None = None


class Kept(Word):
    """An event that waits in the journey for its turn."""

    delivery: Delivery
    until: datetime
    by: Actor | None = None


class Told(Word):
    """The event by which a fact was told first."""

    receipt: str
    event_id: str


class Conflict(Word):
    """An event that contradicts a fact told before; a supervisor chooses which one stands."""

    fact: str
    first: Told
    second: Delivery
    since: datetime


class JourneyMemory(Remembered):
    """Everything; the input of the run that follows a continue-as-new."""

    state: State = State.INTAKE
    sequence: int = 0
    ordinals: dict[str, int] = Field(default_factory=dict)
    need: Need = Field(default_factory=Need)
    training: Training = Field(default_factory=Training)
    assessment: Assessment = Field(default_factory=Assessment)
    placement: Placement = Field(default_factory=Placement)
    deadline: Deadline | None = None
    held_since: datetime | None = None
    ending: Ending | None = None
    releases: list[Release] = Field(default_factory=list)
    partners_of: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    ended_refs: list[str] = Field(default_factory=list)
    waiting: list[Kept] = Field(default_factory=list)
    seen: list[str] = Field(default_factory=list)
    known_facts: dict[str, str] = Field(default_factory=dict)
    told_by: dict[str, Told] = Field(default_factory=dict)
    conflicts: list[Conflict] = Field(default_factory=list)
    superseded: list[str] = Field(default_factory=list)

    @property
    def rests(self) -> bool:
        """Whether nothing moves it: on hold, or, before the certificate, facts contradict."""
        return self.held_since is not None or (
            bool(self.conflicts) and self.state in BEFORE_CERTIFICATE
        )
