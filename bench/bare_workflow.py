"""Bare workflows: the floor that the house is measured against. No HTTP, no PostgreSQL, no rules.

`Bare` has the shape of a standard `job` journey: the same calls to partners as remote no-op
activities, the same events as signals in the same order, a local no-op for each of them, and one
update for the command that approves the plan.
"""

from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow

WORKFLOW_QUEUE = "bare"
PARTNER_QUEUE = "bare-partners"
ASK_PARTNER = "ask_partner"

Content = dict[str, str | int]


@dataclass(frozen=True)
class Call:
    """A call to a partner, how many events it reports afterwards, and whether a command follows."""

    name: str
    events: int
    command: bool = False


CALLS = (
    Call("check_eligibility", 1, command=True),
    Call("request_enrollment", 2),
    Call("book_sitting", 5),
    Call("find_vacancies", 0),
    Call("make_referral", 6),
)
"""As the sandbox plays them to a standard journey, attendance, which wakes no journey, left out."""


@dataclass(frozen=True)
class Request:
    """What a partner is asked: which call of `CALLS`, for which workflow."""

    workflow_id: str
    number: int
    content: Content


@activity.defn
async def note(event: Content) -> None:
    """Does nothing, locally, where a journey records."""
    del event


@workflow.defn
class Bare:
    """The shape of a standard journey."""

    def __init__(self) -> None:
        self._events: list[Content] = []
        self._approved = False

    @workflow.signal
    def deliver(self, event: Content) -> None:
        """An event arrives."""
        self._events.append(event)

    @workflow.update
    def approve(self, order: Content) -> str:
        """The command."""
        del order
        self._approved = True
        return "done"

    @workflow.run
    async def run(self, content: Content) -> int:
        """Ask, then take each event in its turn; returns how many there were."""
        taken = 0
        for number, call in enumerate(CALLS):
            await workflow.execute_activity(
                ASK_PARTNER,
                Request(workflow.info().workflow_id, number, content),
                task_queue=PARTNER_QUEUE,
                start_to_close_timeout=timedelta(seconds=10),
            )
            for _ in range(call.events):
                await workflow.wait_condition(lambda: len(self._events) > taken)  # noqa: B023
                await _note(self._events[taken])
                taken += 1
            if call.command:
                await workflow.wait_condition(lambda: self._approved)
        return taken


@workflow.defn
class BareSignal:
    """Waits for one signal, takes it, and is done."""

    def __init__(self) -> None:
        self._event: Content | None = None

    @workflow.signal
    def deliver(self, event: Content) -> None:
        """The event arrives."""
        self._event = event

    @workflow.query
    def waits(self) -> bool:
        """Whether it is there and waits; answered once its first task is done."""
        return self._event is None

    @workflow.run
    async def run(self) -> None:
        """Take it with a local no-op."""
        await workflow.wait_condition(lambda: self._event is not None)
        if self._event is not None:
            await _note(self._event)


async def _note(event: Content) -> None:
    await workflow.execute_local_activity(note, event, start_to_close_timeout=timedelta(seconds=5))
