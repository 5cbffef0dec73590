"""What is planned for a trainee: modules, partners to ask in order, earlier learning."""

from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from domain.model import Ref, Text, Word


class Occupation(Word):
    """An occupation in a classification scheme; `gbm` is the national classification."""

    scheme: Literal["gbm"] = "gbm"
    code: str


class Component(StrEnum):
    """A part of an assessment that is sat and marked on its own."""

    THEORY = "theory"
    PRACTICAL = "practical"
    COMPREHENSIVE = "comprehensive"


class Module(Word):
    """A module of a training program."""

    code: str
    title: Text
    hours: int


class PartnerOption(Word):
    """A partner that may be asked: its id and the organization that it belongs to."""

    partner: Ref
    organization: Ref
    authorized_from: date | None = None
    authorized_to: date | None = None

    def authorized_on(self, day: date) -> bool:
        """Whether its authorization covers that day (open ends cover everything)."""
        return (self.authorized_from is None or self.authorized_from <= day) and (
            self.authorized_to is None or day <= self.authorized_to
        )


class ModuleCredit(Word):
    """A module already proven elsewhere; not taken again."""

    module: str
    source: Text = ""
    expires: date | None = None


class ComponentCredit(Word):
    """A component passed in an earlier journey."""

    component: Component
    passed_at: datetime


class Plan(Word):
    """What a journey will do.

    `modules` are those still to take, required less recognized; `providers`, `centers` and
    `job_services` are asked in this order. `needs_approval` where the program is subsidized.
    """

    modules: tuple[Module, ...]
    recognized: tuple[str, ...] = ()
    providers: tuple[PartnerOption, ...]
    centers: tuple[PartnerOption, ...]
    job_services: tuple[PartnerOption, ...]
    needs_approval: bool
    warnings: tuple[Text, ...] = ()


class Vacancy(Word):
    """An open job as the placement service lists it."""

    vacancy_ref: Ref
    employer: Ref
    occupation: str
    region: str
    title: Text = ""


class Earlier(Word):
    """What a journey brings along from before: credits, and the journey that it continues."""

    previous_journey: Ref | None = None
    modules: tuple[ModuleCredit, ...] = ()
    components: tuple[ComponentCredit, ...] = ()
