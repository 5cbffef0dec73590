"""What staff ask of one journey, and what it answers (`domain.md`, Commands from staff)."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from domain.events import EventType
from domain.model import Reason, Ref, Text, Word
from domain.moments import Moment
from domain.plan import ModuleCredit
from domain.stages import Stage, State

LONGEST_LIST = 50
"""Modules or partners that one command names: they enter a history."""


class Role(StrEnum):
    """What a caller may do."""

    CASEWORKER = "caseworker"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    OPERATOR = "operator"
    PARTNER = "partner"


class Actor(Word):
    """Who did it: a staff account's opaque id with its role, a partner, or Journeyman itself."""

    id: Ref
    role: Text


JOURNEYMAN = Actor(id="journeyman", role="system")


class PartnerKind(StrEnum):
    """Which of a plan's partner lists a switch concerns."""

    PROVIDER = "provider"
    CENTER = "center"
    VACANCY = "vacancy"


class Approve(Word):
    """Agree to the plan that was drawn up, so that training or assessment begins."""

    name: Literal["plan/approve"] = "plan/approve"


class ChangePlan(Word):
    """Only what is given changes: modules to recognize, partners to ask in this order."""

    name: Literal["plan/change"] = "plan/change"
    recognize: Annotated[tuple[ModuleCredit, ...], Field(max_length=LONGEST_LIST)] = ()
    providers: Annotated[tuple[Ref, ...], Field(max_length=LONGEST_LIST)] | None = None
    centers: Annotated[tuple[Ref, ...], Field(max_length=LONGEST_LIST)] | None = None
    reason: Reason


class Hold(Word):
    """Let the journey rest: nothing is due, and what arrives is kept, until it is resumed."""

    name: Literal["hold"] = "hold"
    reason: Reason


class Resume(Word):
    """End a hold; every deadline moves by as long as it lasted."""

    name: Literal["resume"] = "resume"


class Withdraw(Word):
    """The trainee gives up, which she may until the certificate is issued."""

    name: Literal["withdraw"] = "withdraw"
    reason: Reason


class ExtendDeadline(Word):
    """Give what is awaited more time: until a moment later than it is due now."""

    name: Literal["deadline"] = "deadline"
    until: Moment
    reason: Reason


class RecordEvidence(Word):
    """A fact that staff record in a partner's place; `data` as the event type has it."""

    name: Literal["evidence"] = "evidence"
    type: EventType
    data: dict[str, JsonValue]
    reason: Reason


class Switch(Word):
    """Ask another provider, center or vacancy: the one named, else the next of the plan."""

    name: Literal["switch"] = "switch"
    kind: PartnerKind
    to: Ref | None = None
    reason: Reason


class CloseLostContact(Word):
    """End the journey because nobody reaches the trainee any more."""

    name: Literal["lost-contact"] = "lost-contact"
    reason: Reason


class Choice(StrEnum):
    """Answers to a decision that waits for a person."""

    REPEAT_TRAINING = "repeat_training"
    NEXT_PROVIDER = "next_provider"
    CLOSE_NO_JOB = "certified_no_job"
    SEARCH_ON = "search_on"
    CLOSE_PLACED = "placed"


class Decide(Word):
    """Answer a question that the rules leave to a person."""

    name: Literal["decide"] = "decide"
    choice: Choice
    reason: Reason


class RetryNow(Word):
    """Try again what a partner's service refused or what found no capacity."""

    name: Literal["retry"] = "retry"


class Choose(Word):
    """Settle a conflict: of two contradictory facts, the one with this receipt stands."""

    name: Literal["choose"] = "choose"
    receipt: Ref
    reason: Reason


Command = Annotated[
    Approve
    | ChangePlan
    | Hold
    | Resume
    | Withdraw
    | ExtendDeadline
    | RecordEvidence
    | Switch
    | CloseLostContact
    | Decide
    | RetryNow
    | Choose,
    Field(discriminator="name"),
]
COMMANDS = (
    Approve,
    ChangePlan,
    Hold,
    Resume,
    Withdraw,
    ExtendDeadline,
    RecordEvidence,
    Switch,
    CloseLostContact,
    Decide,
    RetryNow,
    Choose,
)


class Order(Word):
    """A command with who gives it.

    `seen` is the journal line up to which she knew the case, None where she did not say: a journey
    that went on since refuses the command (rule `case.changed`).
    """

    command: Command
    by: Actor
    seen: Annotated[int, Field(ge=0)] | None = None


class Refusal(Word):
    """Why a command was refused: the rule's id, a sentence, and where the journey is.

    `sequence` is its last journal line then; None where the command had been let in and is refused
    for good, however often it is asked again.
    """

    rule: str
    detail: Text
    stage: Stage
    state: State
    sequence: int | None = None


class CommandAnswer(Word):
    """The journey's own answer, given once the change is recorded.

    `sequence` is the last journal line that the command wrote.
    """

    stage: Stage
    state: State
    sequence: int
    detail: Text = ""


CASE_CHANGED = "case.changed"
"""The rule by which a command is refused that was given without knowing the latest."""

REFUSED = "CommandRefused"
"""The error type of a refused command; its one detail is a `Refusal`."""
