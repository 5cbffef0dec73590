"""What a journey looks up before it goes on: its plan, and the end of working-day deadlines."""

from datetime import datetime
from typing import Protocol

from temporalio import activity

from domain.levels import SkillLevel
from domain.model import Ref, Word
from domain.plan import ModuleCredit, Occupation, Plan
from domain.policy import Policy
from domain.stages import Pathway


class DrawPlan(Word):
    """What a plan is drawn from; `recognized` are live module credits heard so far."""

    journey_id: Ref
    person_ref: Ref
    occupation: Occupation
    level: SkillLevel
    pathway: Pathway
    delivery_region: str
    job_region: str
    employer: Ref | None
    subsidized: bool
    recognized: tuple[ModuleCredit, ...]
    policy: Policy
    today: datetime


class WorkOutDue(Word):
    """`working_days` after `since` by the calendar of `region` (a division code)."""

    region: str
    since: datetime
    working_days: int


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
