"""A journal that can be held up, so that what is sent meanwhile is at hand at once afterwards.

That is how a step finds its mail when it is taken again after a lost attempt: signal by signal, all
of them there, with whatever answers what the lost attempt had made known.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.journal import RecordBatch
from tests.workflows.carrying import Trainee
from tests.workflows.journals import FakeJournal

NUDGE = "lottery.won"
"""No journey waits for it: it is recorded as late, and changes nothing."""


class GatedJournal(FakeJournal):
    """Lets a journey wait for its record while it is held up."""

    def __init__(self) -> None:
        super().__init__()
        self._gates: dict[str, asyncio.Event] = {}
        self._held: Counter[str] = Counter()

    async def record(self, batch: RecordBatch) -> None:
        gate = self._gates.get(batch.journey_id)
        if gate is not None:
            self._held[batch.journey_id] += 1
            async with self._changed:
                self._changed.notify_all()
            await gate.wait()
        await super().record(batch)

    @asynccontextmanager
    async def holding_up(self, trainee: Trainee) -> AsyncIterator[None]:
        """What is sent within comes to hand at once."""
        held = self._held[trainee.id]
        gate = self._gates[trainee.id] = asyncio.Event()
        try:
            await trainee.tell(NUDGE, partner="nobody")
            await self.until(lambda: self._held[trainee.id] > held)
            yield
        finally:
            del self._gates[trainee.id]
            gate.set()
