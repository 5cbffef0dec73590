"""Employment is followed up after placement: checks after the start, or back to matching."""

from datetime import datetime, timedelta

from temporalio import workflow

from domain.commands import JOURNEYMAN, Choice
from domain.durations import Unit
from domain.events import EmploymentEnded, EmploymentRetained, EventType
from domain.lifecycle import EntryKind
from domain.stages import Outcome, State, StuckCause, Turn
from workflows.days import moment_of
from workflows.desk import Desk
from workflows.memory import Ending
from workflows.waits import Fact, Instruction, JourneyEnded, Wait


async def follow_up(desk: Desk) -> None:
    """Hear a confirmation for each check; the last one closes the journey as retained."""
    placement, rules = desk.memory.placement, desk.policy.placement
    started_at = placement.started_at or workflow.now()
    open_checks = _open_checks(desk, started_at)
    if desk.memory.state is State.STARTED:
        desk.move(EntryKind.FOLLOW_UP_OPENED)
    if not open_checks:
        raise _ending(Outcome.RETAINED, EntryKind.EMPLOYMENT_RETAINED)
    asked_at = rules.follow_ups[open_checks[0]].after(started_at)
    heard = await desk.hear(
        Wait(
            key=f"follow_up:{placement.employments}:{open_checks[0]}",
            events=(EventType.EMPLOYMENT_RETAINED, EventType.EMPLOYMENT_ENDED),
            about=placement.referral_ref,
            since=asked_at,
            within=rules.follow_up_grace,
            orders=("decide",),
            choices=(Choice.CLOSE_PLACED,),
            cause=StuckCause.PARTNER_SILENT,
            turn=Turn.PARTNER,
        )
    )
    if isinstance(heard, Instruction):
        raise _ending(Outcome.PLACED, EntryKind.PLACED, heard)
    assert isinstance(heard, Fact)
    if isinstance(heard.data, EmploymentRetained):
        _confirm(desk, heard, heard.data, started_at)
    elif isinstance(heard.data, EmploymentEnded):
        _end_employment(desk, heard, heard.data, started_at)


def _open_checks(desk: Desk, started_at: datetime) -> list[int]:
    """Checks not yet confirmed: by name, by the day of a confirmation that names none, or in turn
    where it tells no day either. What was confirmed decides, not in which order it was told.
    """
    placement, checks = desk.memory.placement, desk.policy.placement.follow_ups
    days, undated = sorted(placement.confirmed_on), placement.confirmed_unnamed
    still_open = []
    for check, after in enumerate(checks):
        if check in placement.confirmed:
            continue
        due = _day_before(after.after(started_at))
        day = next((day for day in days if day >= due), None)
        if day is not None:
            days.remove(day)
        elif undated:
            undated -= 1
        else:
            still_open.append(check)
    return still_open


def _confirm(desk: Desk, heard: Fact, data: EmploymentRetained, started_at: datetime) -> None:
    """Mark the check that the event names, else the one that its day fits, else the first open
    one; never one still to come.
    """
    placement, checks = desk.memory.placement, desk.policy.placement.follow_ups
    before = _open_checks(desk, started_at)
    named = next(
        (
            number
            for number, after in enumerate(checks)
            if after.unit is Unit.MONTHS and after.amount == data.month
        ),
        None,
    )
    day = moment_of(data.date) if data.date is not None else None
    if named is not None:
        if named not in placement.confirmed and (
            day is None or day >= _day_before(checks[named].after(started_at))
        ):
            placement.confirmed.append(named)
    elif day is not None:
        placement.confirmed_on.append(day)
    else:
        placement.confirmed_unnamed += 1
    after = _open_checks(desk, started_at)
    closed = [check for check in before if check not in after]
    asked = (closed or ([before[0]] if named is None else [named]))[0]
    so_far = "" if closed or named in placement.confirmed else "before "
    desk.note(
        EntryKind.FACT_RECORDED,
        heard=heard,
        detail=f"still at work, {so_far}check {asked + 1} of {len(checks)}",
    )


def _day_before(moment: datetime) -> datetime:
    """A date tells a day only: the check's own day counts from its start."""
    return moment - timedelta(days=1)


def _end_employment(desk: Desk, heard: Fact, data: EmploymentEnded, started_at: datetime) -> None:
    """An end inside the follow-up leads back to matching; a later one changes nothing."""
    placement = desk.memory.placement
    last = desk.policy.placement.follow_ups[-1].after(started_at)
    ended_at = moment_of(data.date) if data.date is not None else workflow.now()
    if ended_at > last:
        desk.note(EntryKind.FACT_RECORDED, heard=heard, detail="ended after the follow-up")
        return
    ended, placement.referral_ref = placement.referral_ref, None
    placement.started_at = None
    desk.move(EntryKind.EMPLOYMENT_ENDED, heard=heard, detail=data.reason)
    limit = desk.policy.placement.placement_limit
    placement.limit_at = limit.after(workflow.now())
    desk.used_up(ended)


def _ending(outcome: Outcome, entry: EntryKind, heard: Instruction | None = None) -> JourneyEnded:
    reason = getattr(heard.order.command, "reason", "") if heard else ""
    by = heard.order.by if heard else JOURNEYMAN
    return JourneyEnded(Ending(outcome=outcome, entry=entry, by=by, reason=reason))
