"""A journey: from a job need to a job, in one durable workflow.

Handlers only validate and remember; `run` acts. The stages stand in `need`, `training`,
`assessment` and `placement`; how a journey waits, calls and records stands in `desk`.
"""

import asyncio

from temporalio import workflow

from domain.addresses import COMMAND, DELIVER, JOURNEY_WORKFLOW
from domain.brief import JourneyBrief
from domain.commands import CommandAnswer, Order
from domain.events import Delivery
from domain.model import Word
from domain.stages import STAGE_OF, Outcome, Stage
from workflows.assessment import assess
from workflows.desk import Desk
from workflows.memory import Ending, JourneyMemory
from workflows.need import agree_need
from workflows.orders import Ticket, forbids, refused
from workflows.placement import place
from workflows.releases import give_back_all
from workflows.training import train
from workflows.waits import JourneyEnded


class JourneyResult(Word):
    """How a journey ended, and how many lines its journal has."""

    outcome: Outcome
    sequence: int


@workflow.defn(name=JOURNEY_WORKFLOW)
class Journey:
    """One person, program, occupation, target level and pathway."""

    @workflow.init
    def __init__(self, brief: JourneyBrief, memory: JourneyMemory | None = None) -> None:
        self._desk = Desk(brief, memory or JourneyMemory())

    @workflow.run
    async def run(self, brief: JourneyBrief, memory: JourneyMemory | None = None) -> JourneyResult:
        """Carry the trainee through the stages; every ending is a result, never a failure."""
        del brief, memory  # taken by __init__, which runs before the handlers
        try:
            while True:
                await self._go_on()
        except JourneyEnded as ended:
            closing = asyncio.ensure_future(self._close(ended.ending))
        try:
            return await asyncio.shield(closing)
        except asyncio.CancelledError:
            return await closing  # nothing stops what gives back

    async def _go_on(self) -> None:
        """One step of the stage that the journey is in: a resit or a retraining goes back."""
        match STAGE_OF[self._desk.memory.state]:
            case Stage.NEED:
                await agree_need(self._desk)
            case Stage.TRAINING:
                await train(self._desk)
            case Stage.ASSESSMENT:
                await assess(self._desk)
            case Stage.PLACEMENT:
                await place(self._desk)

    async def _close(self, ending: Ending) -> JourneyResult:
        """Give back what is held, in reverse; then the last line, and answers for what is left."""
        desk = self._desk
        desk.memory.ending = ending
        desk.memory.held_since = None
        await give_back_all(desk)
        desk.end(ending)
        while await desk.record() or not workflow.all_handlers_finished():
            await workflow.wait_condition(workflow.all_handlers_finished)
            desk.settle_what_is_left()
        return JourneyResult(outcome=ending.outcome, sequence=desk.memory.sequence)

    @workflow.signal(name=DELIVER)
    def deliver(self, events: list[Delivery]) -> None:
        """Partner events; remembered here, sorted out by `run`."""
        self._desk.inbox.append(events)

    @workflow.update(name=COMMAND)
    async def command(self, order: Order) -> CommandAnswer:
        """A command from staff, answered once what it did is recorded."""
        ticket = Ticket(order)
        self._desk.tickets.append(ticket)
        await workflow.wait_condition(lambda: ticket.settled)
        if ticket.answer is None:
            assert ticket.refusal is not None
            raise refused(ticket.refusal)
        return ticket.answer

    @command.validator
    def _may_command(self, order: Order) -> None:
        refusal = forbids(self._desk, order)
        if refusal is not None:
            known = self._desk.memory.sequence
            raise refused(refusal.model_copy(update={"sequence": known}))
