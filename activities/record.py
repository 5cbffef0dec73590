"""Recording: journal, caseload and receipts, in one short, idempotent transaction."""

from datetime import datetime
from typing import Protocol

from temporalio import activity

from domain.journal import RecordBatch, Recorded


class JournalPort(Protocol):
    async def record(self, batch: RecordBatch) -> None:
        """Write the batch in one transaction; writing it again changes nothing."""
        ...


class CalendarPort(Protocol):
    def due(self, region: str, since: datetime, working_days: int) -> datetime: ...


class RecordActivities:
    """Run as a local activity; as a remote one where PostgreSQL was away (ADR 0002)."""

    def __init__(self, journal: JournalPort, calendar: CalendarPort) -> None:
        self._journal = journal
        self._calendar = calendar

    @activity.defn
    async def record(self, batch: RecordBatch) -> Recorded:
        """Write what one step says, with the end of a deadline in working days worked out."""
        due_at = None
        if batch.work_out is not None:
            asked = batch.work_out
            due_at = self._calendar.due(asked.region, asked.since, asked.working_days)
            case = batch.case.model_copy(update={"due_at": due_at})
            batch = batch.model_copy(update={"case": case})
        await self._journal.record(batch)
        return Recorded(due_at=due_at)
