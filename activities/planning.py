"""A look-up of our own: the plan of a journey."""

from typing import Protocol

from temporalio import activity

from domain.plan import Plan
from domain.planning import DrawPlan


class PlanningPort(Protocol):
    async def draw_plan(self, request: DrawPlan) -> Plan: ...


class PlanningActivities:
    """A local activity: a read of our own, a few milliseconds."""

    def __init__(self, planning: PlanningPort) -> None:
        self._planning = planning

    @activity.defn
    async def draw_plan(self, request: DrawPlan) -> Plan:
        """Modules required less recognized, and the partners to ask, in order."""
        return await self._planning.draw_plan(request)
