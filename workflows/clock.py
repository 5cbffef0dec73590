"""The clock of a journey: the deadline that runs, its ladder, and what is set aside meanwhile."""

from datetime import datetime, timedelta

from temporalio import workflow

from domain.brief import JourneyBrief
from domain.commands import Actor
from domain.durations import Duration
from domain.lifecycle import EntryKind
from domain.planning import WorkOutDue
from domain.stages import StuckCause, Turn
from workflows import escalation
from workflows.journal import Journal
from workflows.memory import Deadline, JourneyMemory, Rung
from workflows.waits import Wait


class Clock:
    """Past a deadline the journey is stuck, always for one cause; time on hold does not count."""

    def __init__(self, brief: JourneyBrief, memory: JourneyMemory, journal: Journal) -> None:
        self._region = brief.home_region
        self._rules = brief.policy.escalation
        self._down_after = brief.policy.calls.down_after
        self._memory = memory
        self._journal = journal
        self._set_aside: Deadline | None = None
        self._calling = False

    @property
    def running(self) -> tuple[Deadline, ...]:
        """The deadlines that run: the one in sight, and the one set aside during a call."""
        both = (self._memory.deadline, self._set_aside)
        return tuple(deadline for deadline in both if deadline is not None)

    def arm(self, wait: Wait) -> None:
        """Start the wait's deadline; the same wait keeps the one that runs."""
        deadline = self._memory.deadline
        if deadline is not None and deadline.key == wait.key:
            deadline.awaited = wait.awaited
            if deadline.working_days is not None:
                self._journal.case_changed()
            return
        self.stop()
        if wait.within is None:
            return
        self._memory.deadline = deadline = self._deadline(wait, wait.within)
        self._journal.case_changed()
        if wait.stuck_at_once:
            deadline.climbed = [Rung.REMINDER, Rung.STUCK]
            self._stick(deadline, f"can't go on without {wait.needed or wait.key}")

    def _deadline(self, wait: Wait, within: Duration) -> Deadline:
        since = wait.since or self._memory.held_since or workflow.now()
        days = int(within.amount) if within.needs_calendar else None
        return Deadline(
            key=wait.key,
            since=since,
            due=within.after(since) if days is None else since + timedelta(days=days),
            working_days=days,
            cause=wait.cause,
            turn=wait.turn,
            awaited=wait.awaited,
            partner=wait.partner,
        )

    def to_work_out(self) -> WorkOutDue | None:
        """What the recorder is to work out by the region's calendar, None where nothing is."""
        deadline = self._memory.deadline
        if deadline is None or deadline.working_days is None:
            return None
        return WorkOutDue(
            region=self._region, since=deadline.since, working_days=deadline.working_days
        )

    def learn_due(self, due_at: datetime | None) -> None:
        """The recorder has worked out when the deadline ends."""
        deadline = self._memory.deadline
        if due_at is not None and deadline is not None:
            deadline.due, deadline.working_days = due_at, None

    def climb(self, wait: Wait | None = None) -> bool:
        """Climb the rungs that are due; true where the wait ends at its deadline, now passed."""
        deadline = self._memory.deadline
        if deadline is None or deadline.working_days is not None:
            return False
        ends = wait is not None and wait.ends_overdue
        for rung in escalation.reached(deadline, self._rules, workflow.now()):
            deadline.climbed.append(rung)
            if rung is Rung.STUCK:
                if ends:
                    return True
                self._stick(deadline, f"overdue: {', '.join(deadline.awaited)}")
            else:
                self._journal.note(
                    escalation.ENTRY_OF[rung],
                    detail=f"{', '.join(deadline.awaited)} is due {deadline.due.isoformat()}",
                    rule="escalation.ladder",
                    partner=deadline.partner,
                )
        return False

    def _stick(self, deadline: Deadline, detail: str) -> None:
        deadline.stuck_since = workflow.now()
        self._journal.note(
            EntryKind.STUCK,
            detail=f"{deadline.cause}: {detail}",
            rule="escalation.ladder",
            partner=deadline.partner,
        )

    def clear(self, detail: str, by: Actor | None = None) -> None:
        """The journey is stuck no longer; says nothing where it was not stuck."""
        deadline = self._memory.deadline
        if deadline is not None and deadline.stuck_since is not None:
            deadline.stuck_since = None
            self._journal.note(EntryKind.CLEARED, detail=detail, by=by)

    def stop(self) -> None:
        """Nothing is awaited any more."""
        deadline = self._memory.deadline
        if deadline is not None:
            self.clear(f"waits no longer for {', '.join(deadline.awaited)}")
        self._memory.deadline = None

    def next_moment(self, *others: datetime | None) -> datetime | None:
        """When to look again: the next rung, or one of the others; None while the journey rests."""
        if self._memory.rests:
            return None
        moments = list(others)
        if self._memory.deadline is not None and self._memory.deadline.working_days is None:
            moments.append(escalation.next_moment(self._memory.deadline, self._rules))
        return min((moment for moment in moments if moment is not None), default=None)

    def begin_call(self, service: str, partner: str) -> None:
        """A call is under way: what is awaited is the service, until it counts as down."""
        if not self._calling:
            self._set_aside = self._memory.deadline
            self._calling = True
        now = workflow.now()
        self._memory.deadline = Deadline(
            key=f"call:{service}",
            since=now,
            due=self._down_after.after(now),
            cause=StuckCause.SERVICE_DOWN,
            turn=Turn.PARTNER,
            awaited=(f"service:{service}",),
            partner=partner,
            climbed=[Rung.REMINDER],
        )

    def end_call(self, service: str) -> bool:
        """The service answered. True where the deadline that was set aside runs in sight again."""
        self.clear(f"the {service} service answers again")
        self._memory.deadline, self._set_aside = self._set_aside, None
        self._calling = False
        return self._memory.deadline is not None
