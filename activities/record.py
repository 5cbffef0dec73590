"""Recording: journal, caseload and receipts, in one short, idempotent transaction."""

from typing import Protocol

from temporalio import activity

from domain.journal import RecordBatch


class JournalPort(Protocol):
    async def record(self, batch: RecordBatch) -> None:
        """Write the batch in one transaction; writing it again changes nothing."""
        ...


class RecordActivities:
    """Run as a local activity; as a remote one where PostgreSQL was away (ADR 0002)."""

    def __init__(self, journal: JournalPort) -> None:
        self._journal = journal

    @activity.defn
    async def record(self, batch: RecordBatch) -> None:
        """Write what one step says."""
        await self._journal.record(batch)
