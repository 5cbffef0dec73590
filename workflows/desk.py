"""The desk a journey is worked at: how it waits, calls partners and records.

`hear` is the only way to wait: it arms the deadline, climbs the ladder when it is overdue and
keeps waiting, honors holds, and ends the journey where a person ended it. `call` is the only way
to a partner's service. Both record what was said before they wait.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from activities.errors import PARTNER_REFUSED
from activities.record import RecordActivities
from domain.addresses import service_queue
from domain.brief import JourneyBrief
from domain.events import Delivery
from domain.journal import ReceiptStatus
from domain.lifecycle import EntryKind
from domain.stages import Pathway
from workflows.alarm import Alarm
from workflows.clock import Clock
from workflows.durations import call_retries, call_within
from workflows.journal import Journal
from workflows.mail import Mailroom
from workflows.memory import Ending, JourneyMemory, Release, ReleaseKind
from workflows.orders import Ticket, obey
from workflows.our_own import run_our_own
from workflows.waits import (
    Fact,
    Heard,
    Instruction,
    JourneyEnded,
    Overdue,
    ServiceRefused,
    Wait,
    Woken,
)

Answer = TypeVar("Answer")


class Desk:
    """One journey's memory, journal, mail and clock."""

    def __init__(self, brief: JourneyBrief, memory: JourneyMemory) -> None:
        self.brief = brief
        self.policy = brief.policy
        self.memory = memory
        self.journal = Journal(brief.journey_id, memory, workflow.now)
        self.move, self.note = self.journal.move, self.journal.note
        self.mail = Mailroom(
            memory, self.journal, brief.policy, in_service=brief.pathway is Pathway.IN_SERVICE
        )
        self.inbox: list[list[Delivery]] = []
        self.tickets: list[Ticket] = []
        self.wait: Wait | None = None
        self._obeyed: list[Ticket] = []
        self.clock = Clock(brief, memory, self.journal)
        self._alarm = Alarm()

    # -- saying ---------------------------------------------------------------------------------

    def tell_retried(self, heard: Heard) -> None:
        """A person asked to try again."""
        if isinstance(heard, Instruction):
            self.note(EntryKind.RETRIED, by=heard.order.by)

    def reject(self, heard: Fact, rule: str, reason: str) -> None:
        """Refuse an event that was heard: its sender reads why."""
        self.journal.receipt(heard.receipt, ReceiptStatus.REJECTED, f"{rule}: {reason}")
        self.note(EntryKind.EVENT_REFUSED, heard=heard, detail=reason, rule=rule)

    def tell_corrected(self, receipt: str | None, by: Fact) -> None:
        """What was applied is superseded: a later event, or staff, took its place."""
        self.journal.receipt(
            receipt,
            ReceiptStatus.SUPERSEDED,
            f"corrected by {by.receipt or 'staff'}",
            superseded_by=by.receipt,
        )

    def next_key(self, step: str) -> str:
        """An idempotency key of journey, step and ordinal; never of the engine's attempts."""
        ordinal = self.memory.ordinals.get(step, 0) + 1
        self.memory.ordinals[step] = ordinal
        return f"{self.brief.journey_id}:{step}:{ordinal}"

    def asked_times(self, step: str) -> int:
        """How often a step has asked a partner: the ordinal of its last key, 0 before the first."""
        return self.memory.ordinals.get(step, 0)

    # -- waiting --------------------------------------------------------------------------------

    async def hear(self, wait: Wait) -> Heard:
        """Wait for what `wait` wants.

        Returns:
            The fact, the step's own command, `Woken` at its wake-up, or `Overdue` past its
            deadline, where it ends there.

        Raises:
            JourneyEnded: where a person ended the journey.
        """
        self.clock.arm(wait)
        self.wait = wait
        try:
            while True:
                heard = self._look(wait)
                if heard is not None:
                    return heard
                if await self.record():
                    continue
                self._continue_as_new_if_long()
                await self._pause(wait.wake_at)
        finally:
            self.wait = None

    def _look(self, wait: Wait) -> Heard | None:
        """One look at the desk: mail, commands, clock.

        A command may answer what the journey said of the mail before it, so it comes after it.
        """
        self._unless_ended()
        fact = self._read_mail(wait)
        if fact is not None:
            return fact
        own = self._obey_tickets()
        self._unless_ended()
        if self.memory.rests:
            return None
        if own is not None:
            return Instruction(own.order)
        fact = self.mail.pick(wait)
        if fact is not None:
            return fact
        if wait.wake_at is not None and wait.wake_at <= workflow.now():
            return Woken()
        return Overdue() if self.clock.climb(wait) else None

    def _unless_ended(self) -> None:
        if self.memory.ending is not None:
            raise JourneyEnded(self.memory.ending)

    def _read_mail(self, wait: Wait) -> Fact | None:
        """What the wait wants of the mail, signal by signal in their order.

        A later signal may answer what the journey made of an earlier one. Where the worker died
        before the engine knew of that, both are at hand at once, and the earlier one comes first
        again. Within a signal the order of the lifecycle decides.
        """
        self.mail.sift(workflow.now())
        while True:
            fact = None if self.memory.rests else self.mail.pick(wait)
            if fact is not None or not self.inbox:
                return fact
            self._sort_next_signal()

    def take(self, wait: Wait) -> Fact | None:
        """What the wait wants where it is at hand already; never waits."""
        self._sort_mail()
        return None if self.memory.rests else self.mail.pick(wait)

    def _sort_mail(self) -> None:
        while self.inbox:
            self._sort_next_signal()
        self.mail.sift(workflow.now())

    def _sort_next_signal(self) -> None:
        now = workflow.now()
        for delivery in self.inbox.pop(0):
            self.mail.sort(delivery, now)
        self.mail.sift(now)

    def _obey_tickets(self) -> Ticket | None:
        """Carry out what staff ask; a step's own command is handed to the step."""
        while self.tickets:
            ticket = self.tickets.pop(0)
            self._obeyed.append(ticket)
            if obey(self, ticket):
                return ticket
        return None

    async def _pause(
        self, wake_at: datetime | None = None, running: "asyncio.Future[Any] | None" = None
    ) -> None:
        """Sleep until something arrives or the next moment on the clock has come."""
        at = self.clock.next_moment(wake_at, self.mail.next_give_up())
        if at is not None:
            self._alarm.set(at)
        await workflow.wait_condition(
            lambda: (
                bool(self.inbox)
                or bool(self.tickets)
                or self._alarm.rings
                or (running is not None and running.done())
            )
        )
        self._alarm.hush()

    # -- recording ------------------------------------------------------------------------------

    async def record(self) -> bool:
        """Record what was said since; answers the commands among it. False where nothing was.

        A short local activity; where PostgreSQL is away, a remote one that waits for it.
        """
        self.mail.tell_kept()
        if not self.journal.pending and not self._obeyed:
            return False
        obeyed, self._obeyed = self._obeyed, []
        if self.journal.pending:
            batch = self.journal.take_batch(self.clock.to_work_out())
            recorded = await run_our_own(RecordActivities.record, batch)
            self.clock.learn_due(recorded.due_at)
        for ticket in obeyed:
            ticket.settle(self.memory)
        return True

    def _continue_as_new_if_long(self) -> None:
        """Begin a new run, in one uninterrupted step, when the server says the history is long."""
        if (
            workflow.info().is_continue_as_new_suggested()
            and not self.inbox
            and not self.tickets
            and workflow.all_handlers_finished()
        ):
            workflow.continue_as_new(args=[self.brief, self.memory])

    # -- calling --------------------------------------------------------------------------------

    async def call(
        self,
        service: str,
        activity: Callable[[Any, Any], Coroutine[Any, Any, Answer]],
        request: Any,
        *,
        ending: bool = False,
        keep_clock: bool = False,
    ) -> Answer | ServiceRefused:
        """Call a partner's service; it is tried for as long as it takes.

        While it does not answer the journey is stuck for `SERVICE_DOWN`, past the policy's limit.
        A person who ends the journey meanwhile is answered at once; the end waits for the call, so
        that what it took can be given back. `ending` for the calls that give back; `keep_clock`
        where the deadline that runs goes on afterwards.

        Raises:
            JourneyEnded: where a person ended the journey before.
        """
        if not ending:
            await self._wait_out_hold()
        if not keep_clock:
            self.clock.stop()
        self.clock.begin_call(service, request.partner)
        shown = await self.record()
        if shown:  # counted from the call, however long the record took
            self.clock.begin_call(service, request.partner)
        running: workflow.ActivityHandle[Answer] = workflow.start_activity_method(
            activity,
            request,
            task_queue=service_queue(service),
            start_to_close_timeout=call_within(self.policy.calls),
            retry_policy=call_retries(self.policy.calls),
        )
        while not running.done():
            self._sort_mail()
            self._obey_tickets()
            if self.memory.held_since is None:
                self.clock.climb()
            if await self.record():
                shown = True
            else:
                await self._pause(running=running)
        if self.clock.end_call(service) and shown:
            self.journal.case_changed()
        try:
            return running.result()
        except ActivityError as error:
            return _refusal_in(error)

    async def _wait_out_hold(self) -> None:
        while self.memory.ending is None and self.memory.held_since is not None:
            self._sort_mail()
            self._obey_tickets()
            if not await self.record():
                await self._pause()
        if self.memory.ending is not None:
            raise JourneyEnded(self.memory.ending)

    # -- the end ---------------------------------------------------------------------------------

    def end(self, ending: Ending) -> None:
        """The last move; what still waits is told that it comes too late."""
        self.clock.stop()
        self.memory.conflicts.clear()
        self.move(
            ending.entry,
            by=ending.by,
            detail=ending.reason,
            rule=ending.rule,
            receipt=ending.receipt,
            partner=ending.partner,
        )
        self.settle_what_is_left()

    def settle_what_is_left(self) -> None:
        """Events come too late, commands are refused: the journey has ended."""
        self._sort_mail()
        self.mail.close()
        self._obey_tickets()

    # -- what is held at partners ---------------------------------------------------------------

    def hold_at_partner(self, kind: ReleaseKind, ref: str, partner: str, *others: str) -> None:
        """A seat, sitting or referral is ours from now on, under a shared reference."""
        self.memory.partners_of[ref] = (partner, *others)
        self.memory.releases.append(Release(kind=kind, ref=ref, partner=partner))
        self.journal.share(ref, partner, *others)

    def used_up(self, ref: str | None) -> None:
        """It has served its purpose or is gone: nothing to give back, later events are late."""
        if ref is not None:
            self.memory.releases = [held for held in self.memory.releases if held.ref != ref]
            self.end_reference(ref)

    def end_reference(self, ref: str) -> None:
        """Events about this reference come too late from now on."""
        if ref not in self.memory.ended_refs:
            self.memory.ended_refs.append(ref)
        self.mail.drop_ended()


def _refusal_in(error: ActivityError) -> ServiceRefused:
    """The partner's refusal; anything else is a fault of ours: the task fails, not the journey."""
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type == PARTNER_REFUSED:
        code, detail = (*cause.details, "", "")[:2]
        return ServiceRefused(str(code), str(detail))
    raise RuntimeError(f"an activity ended in a way that no rule knows: {error.cause}") from error
