"""The journal port in memory: what a journey recorded, and a way to wait for it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable

from domain.journal import CaseLine, Entry, ReceiptUpdate, RecordBatch


class FakeJournal:
    """Implements `JournalPort`; writing a batch again changes nothing."""

    def __init__(self) -> None:
        self.entries: dict[str, dict[int, Entry]] = defaultdict(dict)
        self.cases: dict[str, CaseLine] = {}
        self.receipts: dict[str, ReceiptUpdate] = {}
        self.references: dict[str, list[str]] = defaultdict(list)
        self.batches: list[RecordBatch] = []
        self.away = False
        self.turned_away = 0
        self._changed = asyncio.Condition()

    async def record(self, batch: RecordBatch) -> None:
        if self.away:
            self.turned_away += 1
            async with self._changed:
                self._changed.notify_all()
            raise ConnectionError("PostgreSQL is away")
        self.batches.append(batch)
        for entry in batch.entries:
            self.entries[batch.journey_id].setdefault(entry.sequence, entry)
        for update in batch.receipts:
            known = self.receipts.get(update.receipt)
            if known is None or known.status.may_become(update.status):
                self.receipts[update.receipt] = update
        self.references[batch.journey_id].extend(shared.ref for shared in batch.references)
        known_case = self.cases.get(batch.journey_id)
        if known_case is None or known_case.sequence <= batch.case.sequence:
            self.cases[batch.journey_id] = batch.case
        async with self._changed:
            self._changed.notify_all()

    def released(self, receipt: str) -> None:
        """A supervisor lets an event go back on its way: whatever becomes of it is new."""
        del self.receipts[receipt]

    async def until(self, holds: Callable[[], bool], within: float = 60) -> None:
        """Wait until a condition over what is recorded holds; fails past `within` seconds."""
        async with self._changed, asyncio.timeout(within):
            await self._changed.wait_for(holds)

    def timeline(self, journey_id: str) -> list[Entry]:
        """A journey's lines, in order."""
        return [entry for _, entry in sorted(self.entries[journey_id].items())]
