"""The stage `training`: a seat at a provider, attendance, and what follows where it falls short."""

from temporalio import workflow

from domain.commands import Choice, Decide
from domain.events import EventType, TrainingCompleted
from domain.lifecycle import EntryKind
from domain.policy import BelowAttendance
from domain.stages import State, StuckCause, Turn
from workflows.desk import Desk
from workflows.seats import (
    SWITCH_PROVIDER,
    ask_for_seat,
    choose_next_provider,
    lose_seat,
    wait_for_seat,
)
from workflows.waits import Fact, Instruction, Wait, Woken


async def train(desk: Desk) -> None:
    """One step of the stage, from the state in which the journey is."""
    match desk.memory.state:
        case State.ENROLLING:
            await ask_for_seat(desk)
        case State.WAITLISTED:
            await wait_for_seat(desk)
        case State.ENROLLED | State.IN_PROGRESS:
            await attend(desk)
        case State.UNDER_ATTENDED:
            await decide_attendance(desk)
        case State.PROVIDER_FAILED:
            await choose_next_provider(desk)
        case State.COMPLETED | State.RECOGNIZED:
            desk.move(EntryKind.ASSESSMENT_OPENED)


async def attend(desk: Desk) -> None:
    """At least the policy's share of planned hours, online and in person alike.

    Training begins on its first day, or where the provider reports its end before.
    """
    training = desk.memory.training
    assert training.provider is not None
    begins = training.begins or workflow.now()
    if desk.memory.state is State.ENROLLED and begins <= workflow.now():
        desk.move(EntryKind.TRAINING_BEGAN)
    heard = await desk.hear(
        Wait(
            key=f"training:{training.enrollment_ref}",
            events=(
                EventType.TRAINING_COMPLETED,
                EventType.ENROLLMENT_CANCELED,
                EventType.TRAINING_SUSPENDED,
            ),
            about=training.enrollment_ref,
            partner=training.provider.partner,
            since=begins,
            within=desk.policy.attendance.completed_within,
            wake_at=begins if desk.memory.state is State.ENROLLED else None,
            orders=("switch",),
            switches=SWITCH_PROVIDER,
            cause=StuckCause.PARTNER_SILENT,
            turn=Turn.PARTNER,
        )
    )
    if isinstance(heard, Woken):
        return
    if not (isinstance(heard, Fact) and isinstance(heard.data, TrainingCompleted)):
        await lose_seat(desk, heard)
        return
    if desk.memory.state is State.ENROLLED:
        desk.move(EntryKind.TRAINING_BEGAN, heard=heard)
    attended = heard.data.attendance_pct
    training.trainer_organizations.append(training.provider.organization)
    ended, training.enrollment_ref = training.enrollment_ref, None
    if attended >= desk.policy.attendance.minimum_percent:
        desk.move(EntryKind.TRAINING_COMPLETED, heard=heard, detail=f"attended {attended:g} %")
        desk.used_up(ended)
        _forget_round(desk)
        return
    desk.move(
        EntryKind.ATTENDANCE_FELL_SHORT,
        heard=heard,
        detail=f"attended {attended:g} % of at least {desk.policy.attendance.minimum_percent:g} %",
        rule="attendance.minimum",
    )
    desk.used_up(ended)


async def decide_attendance(desk: Desk) -> None:
    """Below the minimum: a repeat, another provider, or a person's decision, as the policy says."""
    match desk.policy.attendance.below:
        case BelowAttendance.REPEAT:
            _repeat(desk)
            return
        case BelowAttendance.NEXT_PROVIDER:
            desk.move(EntryKind.PROVIDER_FAILED, rule="attendance.minimum")
            desk.memory.training.provider = None
            return
        case BelowAttendance.DECISION:
            pass
    heard = await desk.hear(
        Wait(
            key=f"attendance:{desk.asked_times('enrollment')}",
            needed="attendance.decision",
            orders=("decide", "switch"),
            choices=(Choice.REPEAT_TRAINING, Choice.NEXT_PROVIDER),
            switches=SWITCH_PROVIDER,
            within=desk.policy.attendance.decided_within,
            cause=StuckCause.STAFF_IDLE,
            turn=Turn.STAFF,
        )
    )
    assert isinstance(heard, Instruction)
    command = heard.order.command
    if isinstance(command, Decide) and command.choice is Choice.REPEAT_TRAINING:
        desk.note(EntryKind.DECIDED, by=heard.order.by, detail=command.reason)
        _repeat(desk)
        return
    await lose_seat(desk, heard)


def _repeat(desk: Desk) -> None:
    """The same provider is asked again."""
    desk.memory.training.asked = []
    desk.move(EntryKind.TRAINING_REPEATED, rule="attendance.minimum")


def _forget_round(desk: Desk) -> None:
    """A later retraining asks the plan's providers anew."""
    training = desk.memory.training
    training.provider, training.asked, training.begins = None, [], None
