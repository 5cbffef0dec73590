"""What a journey is started with. Opaque references only: no personal data."""

from datetime import datetime

from domain.levels import SkillLevel
from domain.model import Ref, Word
from domain.plan import Earlier, Occupation
from domain.policy import Policy
from domain.stages import Pathway


class JourneyBrief(Word):
    """The input of a journey's workflow.

    `home_region`, `delivery_region` and `job_region` are division codes (GB/T 2260, 2, 4 or 6
    digits). Groups, evidence and years of service stay in PostgreSQL. `registry` is the
    partner that decides eligibility for the home region. `policy` is the version that the
    journey began under; it keeps it.
    """

    journey_id: Ref
    person_ref: Ref
    program: str
    subsidized: bool
    occupation: Occupation
    level: SkillLevel
    pathway: Pathway
    home_region: str
    delivery_region: str
    job_region: str
    registry: Ref
    employer: Ref | None = None
    vacancy_ref: Ref | None = None
    opened_at: datetime
    earlier: Earlier = Earlier()
    policy: Policy
