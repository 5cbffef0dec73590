"""What a journey has worked out for it: its plan, and the end of working-day deadlines."""

from datetime import datetime

from domain.levels import SkillLevel
from domain.model import Ref, Word
from domain.plan import ModuleCredit, Occupation
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
