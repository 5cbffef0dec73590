"""Look-ups of our own: the plan of a journey, and the end of deadlines in working days."""

from datetime import datetime
from typing import Protocol

from temporalio import activity

from domain.plan import Plan
from domain.planning import DrawPlan, WorkOutDue


class PlanningPort(Protocol):
    async def draw_plan(self, request: DrawPlan) -> Plan: ...


class CalendarPort(Protocol):
    def due(self, region: str, since: datetime, working_days: int) -> datetime: ...


class PlanningActivities:
    """Both are local activities: a read of our own, a few milliseconds."""

    def __init__(self, planning: PlanningPort, calendar: CalendarPort) -> None:
        self._planning = planning
        self._calendar = calendar

    @activity.defn
    async def draw_plan(self, request: DrawPlan) -> Plan:
        """Modules required less recognized, and the partners to ask, in order."""
        return await self._planning.draw_plan(request)

    @activity.defn
    async def work_out_due(self, request: WorkOutDue) -> datetime:
        """The end of the last of these working days, in the region's time."""
        return self._calendar.due(request.region, request.since, request.working_days)
