"""Commands from staff: which the state forbids, by which rule, and what the general ones do.

A forbidden command is refused with the rule's id and changes nothing. The general commands
(hold, resume, withdraw, lost contact, deadline, evidence) act at once; the others end the wait of
the step that asked for them.
"""

from typing import TYPE_CHECKING

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain.commands import (
    CASE_CHANGED,
    REFUSED,
    Approve,
    ChangePlan,
    Choose,
    CloseLostContact,
    CommandAnswer,
    Decide,
    ExtendDeadline,
    Hold,
    Order,
    PartnerKind,
    RecordEvidence,
    Refusal,
    Resume,
    RetryNow,
    Switch,
    Withdraw,
)
from domain.events import DATA_OF
from domain.lifecycle import BEFORE_CERTIFICATE, EntryKind
from domain.model import bounded
from domain.stages import STAGE_OF, Outcome, State
from workflows import escalation
from workflows.memory import Ending, JourneyMemory

if TYPE_CHECKING:
    from workflows.desk import Desk


class Ticket:
    """A command on its way through the desk: settled once what it did is recorded."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.answer: CommandAnswer | None = None
        self.refusal: Refusal | None = None

    @property
    def settled(self) -> bool:
        return self.answer is not None or self.refusal is not None

    def settle(self, memory: JourneyMemory) -> None:
        """Answer with where the journey now is."""
        if not self.settled:
            self.answer = CommandAnswer(
                stage=STAGE_OF[memory.state],
                state=memory.state,
                sequence=memory.sequence,
                detail=memory.ending.outcome if memory.ending else "",
            )


def refused(refusal: Refusal) -> ApplicationError:
    """The error that tells the caller of a refusal."""
    return ApplicationError(bounded(refusal.detail), refusal, type=REFUSED, non_retryable=True)


def forbids(desk: "Desk", order: Order) -> Refusal | None:
    """The rule by which the journey's state forbids a command, None where it may go ahead."""
    found = _forbidden(desk, order)
    if found is None:
        return None
    rule, detail = found
    state = desk.memory.state
    return Refusal(rule=rule, detail=bounded(detail), stage=STAGE_OF[state], state=state)


def _forbidden(desk: "Desk", order: Order) -> tuple[str, str] | None:
    memory = desk.memory
    command = order.command
    if memory.state is State.CLOSED or memory.ending is not None:
        return "journey.closed", "the journey has ended; a new one can be opened"
    if order.seen is not None and order.seen != memory.sequence:
        return CASE_CHANGED, f"the journal is at line {memory.sequence} by now, not {order.seen}"
    match command:
        case Hold() if memory.held_since is not None:
            return "hold.once", "the journey is on hold already"
        case Resume() if memory.held_since is None:
            return "resume.on_hold", "the journey is not on hold"
        case Withdraw() if memory.state not in BEFORE_CERTIFICATE:
            return "withdrawal.before_certificate", "the certificate has been issued"
        case Choose():
            return _forbids_choice(desk, command)
        case Hold() | Resume() | Withdraw() | CloseLostContact():
            return None
    if memory.held_since is not None:
        return "hold.resume_first", "the journey is on hold; resume it first"
    if memory.rests and not isinstance(command, ExtendDeadline):
        return "conflict.choose_first", "two facts contradict each other; choose one first"
    if isinstance(command, ExtendDeadline):
        return _forbids_extension(desk, command)
    if isinstance(command, RecordEvidence):
        return _forbids_evidence(desk, command)
    return _forbids_step_command(desk, command)


def _forbids_choice(desk: "Desk", command: Choose) -> tuple[str, str] | None:
    conflict = desk.mail.conflicts.of(command.receipt)
    if conflict is None:
        return "conflict.open", f"{command.receipt} is part of no open conflict"
    certified = desk.memory.state not in BEFORE_CERTIFICATE
    if certified and command.receipt != conflict.first.receipt:
        return "correction.certified", "the certificate has been issued; it has to be revoked first"
    return None


def _forbids_extension(desk: "Desk", command: ExtendDeadline) -> tuple[str, str] | None:
    deadline = desk.memory.deadline
    if deadline is None or desk.wait is None:
        return "deadline.running", "no deadline runs that could be extended"
    if command.until <= max(deadline.due, workflow.now()):
        return "deadline.later", f"it is due {deadline.due.isoformat()} already; name a later time"
    return None


def _forbids_evidence(desk: "Desk", command: RecordEvidence) -> tuple[str, str] | None:
    wait = desk.wait
    if wait is None or command.type not in wait.events:
        awaited = ", ".join(wait.awaited) if wait else "nothing"
        return "evidence.awaited", f"{command.type} is not awaited now; awaited: {awaited}"
    try:
        data = DATA_OF[command.type].model_validate(command.data)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"]) or "data"
        return "evidence.schema", f"{where}: {fault['msg']}"
    component = getattr(data, "component", None)
    if wait.components and component not in wait.components:
        return "evidence.awaited", f"the component {component} is not awaited now"
    return None


def _forbids_step_command(desk: "Desk", command: object) -> tuple[str, str] | None:
    wait = desk.wait
    taken = wait is not None and getattr(command, "name", "") in wait.orders
    match command:
        case Approve():
            return None if taken else ("plan.awaits_approval", "no plan awaits approval")
        case ChangePlan():
            if not taken:
                return "plan.before_agreement", "the plan can be changed until it is agreed"
            return _forbids_plan(desk, command)
        case Switch():
            if not taken or wait is None or command.kind not in wait.switches:
                return f"switch.{command.kind}", f"no {command.kind} can be switched now"
            return _forbids_switch(desk, command)
        case Decide():
            if not taken or wait is None or command.choice not in wait.choices:
                open_choices = ", ".join(wait.choices) if wait else ""
                return "decision.awaited", f"that is not to be decided now; open: {open_choices}"
            return None
        case RetryNow():
            return None if taken else ("retry.something_failed", "there is nothing to retry")
    return None


def _forbids_plan(desk: "Desk", command: ChangePlan) -> tuple[str, str] | None:
    drawn = desk.memory.need.drawn
    if drawn is None:
        return "plan.before_agreement", "the plan has not been drawn yet"
    for named, offered in ((command.providers, drawn.providers), (command.centers, drawn.centers)):
        if named == ():
            return "plan.partner_offered", "name at least one partner, or leave the list out"
        known = [option.partner for option in offered]
        for partner in named or ():
            if partner not in known:
                return "plan.partner_offered", f"{partner} is none of {', '.join(known) or 'none'}"
    return None


def _forbids_switch(desk: "Desk", command: Switch) -> tuple[str, str] | None:
    plan = desk.memory.need.plan
    if command.to is None or plan is None or command.kind is PartnerKind.VACANCY:
        return None
    options = plan.providers if command.kind is PartnerKind.PROVIDER else plan.centers
    known = [option.partner for option in options]
    if command.to not in known:
        return "switch.partner_offered", f"{command.to} is none of {', '.join(known) or 'none'}"
    return None


def obey(desk: "Desk", ticket: Ticket) -> bool:
    """Carry out a general command. True where the command is the step's own to carry out.

    The state may have moved since the door checked it: it is checked again.
    """
    refusal = forbids(desk, ticket.order)
    if refusal is not None:
        ticket.refusal = refusal
        return False
    by, command = ticket.order.by, ticket.order.command
    match command:
        case Hold():
            desk.memory.held_since = workflow.now()
            desk.note(EntryKind.HELD, by=by, detail=command.reason)
        case Resume():
            _resume(desk, ticket)
        case Withdraw():
            desk.memory.ending = Ending(
                outcome=Outcome.WITHDRAWN, entry=EntryKind.WITHDRAWN, by=by, reason=command.reason
            )
            desk.note(EntryKind.DECIDED, by=by, detail=f"withdraws: {command.reason}")
        case CloseLostContact():
            desk.memory.ending = Ending(
                outcome=Outcome.LOST_CONTACT,
                entry=EntryKind.CONTACT_LOST,
                by=by,
                reason=command.reason,
            )
            desk.note(EntryKind.DECIDED, by=by, detail=f"contact lost: {command.reason}")
        case Choose():
            desk.mail.choose(command.receipt, workflow.now())
            desk.note(
                EntryKind.CONFLICT_SETTLED,
                by=by,
                detail=command.reason,
                rule="event.contradiction",
                receipt=command.receipt,
            )
        case ExtendDeadline():
            _extend(desk, ticket, command)
        case RecordEvidence():
            desk.note(
                EntryKind.EVIDENCE_RECORDED, by=by, detail=f"{command.type}: {command.reason}"
            )
            assert desk.wait is not None
            desk.mail.keep_evidence(command.type, command.data, desk.wait, by, workflow.now())
        case _:
            return True
    return False


def _resume(desk: "Desk", ticket: Ticket) -> None:
    memory = desk.memory
    assert memory.held_since is not None
    held_for = workflow.now() - memory.held_since
    memory.held_since = None
    for deadline in desk.clock.running:
        escalation.shift(deadline, held_for)
    if memory.assessment.resit_until is not None:
        memory.assessment.resit_until += held_for
    if memory.placement.limit_at is not None:
        memory.placement.limit_at += held_for
    desk.mail.keep_longer(held_for)
    desk.note(EntryKind.RESUMED, by=ticket.order.by)


def _extend(desk: "Desk", ticket: Ticket, command: ExtendDeadline) -> None:
    deadline = desk.memory.deadline
    assert deadline is not None
    desk.clock.clear("more time was given", by=ticket.order.by)
    escalation.extend(deadline, command.until, workflow.now())
    desk.note(
        EntryKind.DEADLINE_EXTENDED,
        by=ticket.order.by,
        detail=f"until {command.until.isoformat()}: {command.reason}",
    )
