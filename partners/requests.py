"""What a journey asks of partner services, and what they answer; shared by ports and contracts.

Every request names the partner (a service carries many organizations) and an `idempotency_key`
made of journey, step and ordinal, so that a repeat has one effect.
"""

from typing import Literal

from pydantic import Field

from domain.levels import SkillLevel
from domain.model import Ref, Text, Word
from domain.plan import Component, Occupation, Vacancy

Service = Literal["registry", "enrollment", "exam", "placement"]
SERVICES: tuple[Service, ...] = ("registry", "enrollment", "exam", "placement")


class CheckEligibility(Word):
    """Ask the registry whether the trainee may take part."""

    idempotency_key: Ref
    partner: Ref
    journey_id: Ref
    person_ref: Ref
    program: str
    occupation: Occupation
    level: SkillLevel
    region: str


class RequestEnrollment(Word):
    """Ask a provider for a seat for these modules."""

    idempotency_key: Ref
    partner: Ref
    journey_id: Ref
    person_ref: Ref
    occupation: Occupation
    level: SkillLevel
    region: str
    modules: tuple[str, ...]


class BookSitting(Word):
    """Ask an exam center for a sitting of these components; `attempt` counts from 1."""

    idempotency_key: Ref
    partner: Ref
    journey_id: Ref
    person_ref: Ref
    occupation: Occupation
    level: SkillLevel
    region: str
    components: tuple[Component, ...] = Field(min_length=1)
    attempt: int


class FindVacancies(Word):
    """List the open vacancies for an occupation in a region (a prefix of division codes)."""

    partner: Ref
    occupation: Occupation
    region: str


class MakeReferral(Word):
    """Refer the trainee to a vacancy."""

    idempotency_key: Ref
    partner: Ref
    journey_id: Ref
    person_ref: Ref
    vacancy_ref: Ref
    employer: Ref


class Cancel(Word):
    """Give back what was asked for: a seat, a sitting, a referral. Idempotent."""

    idempotency_key: Ref
    partner: Ref
    ref: Ref
    reason: Text = ""


class Accepted(Word):
    """The partner took the request; `ref` is the reference that both sides share from now on."""

    ref: Ref


class Vacancies(Word):
    """Open vacancies, best match first, at most 20."""

    vacancies: tuple[Vacancy, ...] = Field(default=(), max_length=20)


class Standing(Word):
    """What a look-up tells of a request."""

    ref: Ref
    status: Text
