"""What journeys are about: divisions, occupations, programs, modules, priority groups."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated

from pydantic import Field, model_validator

from domain.levels import SkillLevel
from domain.model import Ref, Text, Word
from domain.plan import Module

DIVISION_DIGITS = (2, 4, 6)
"""Lengths of a division code: province, city, county (GB/T 2260)."""


class Group(StrEnum):
    """A priority group; a trainee can be in several (`product.md`, Facts that shape it)."""

    GRADUATE = "graduate"
    YOUTH_NOT_IN_WORK_OR_TRAINING = "youth_not_in_work_or_training"
    MIGRANT_WORKER = "migrant_worker"
    RURAL_WORKER = "rural_worker"
    UNEMPLOYED = "unemployed"
    LAID_OFF = "laid_off"
    LIFTED_OUT_OF_POVERTY = "lifted_out_of_poverty"
    VETERAN = "veteran"
    PERSON_WITH_DISABILITY = "person_with_disability"
    OLDER_WORKER = "older_worker"
    RETURNEE = "returnee"
    IN_SERVICE_EMPLOYEE = "in_service_employee"

    @property
    def sensitive(self) -> bool:
        """Whether it tells of health, hardship or service: sealed, and shown to few."""
        return self in _SENSITIVE


_SENSITIVE = frozenset(
    {Group.LIFTED_OUT_OF_POVERTY, Group.PERSON_WITH_DISABILITY, Group.VETERAN, Group.LAID_OFF}
)


class Division(Word):
    """An administrative division; `code` is its GB/T 2260 code without trailing `00`."""

    code: Annotated[str, Field(pattern=r"^\d{2}(\d{2}(\d{2})?)?$")]
    name: Text


class CatalogOccupation(Word):
    """An occupation of the national classification (2022 edition)."""

    code: Annotated[str, Field(pattern=r"^\d-\d{2}-\d{2}-\d{2}$")]
    name: Text
    name_en: Text


class Program(Word):
    """A public program: journeys open under it from `starts` to `ends`, both days included.

    `policy` names the overlay that its journeys follow on top of their region's rules.
    """

    code: Ref
    name: Text
    name_en: Text
    sponsor: Text
    subsidized: bool
    starts: date
    ends: date
    policy: Ref | None = None

    @model_validator(mode="after")
    def _starts_before_it_ends(self) -> "Program":
        if self.ends < self.starts:
            raise ValueError(f"ends {self.ends} before it starts {self.starts}")
        return self

    def open_on(self, day: date) -> bool:
        """Whether a journey may be opened under it on that day."""
        return self.starts <= day <= self.ends


ModulesFor = Callable[[CatalogOccupation, SkillLevel], tuple[Module, ...]]


class Catalog:
    """Looks up divisions, occupations, programs and modules. Never changes once made."""

    def __init__(
        self,
        divisions: Iterable[Division],
        occupations: Iterable[CatalogOccupation],
        programs: Iterable[Program],
        modules_for: ModulesFor,
    ) -> None:
        self._divisions = {division.code: division for division in divisions}
        self._occupations = {occupation.code: occupation for occupation in occupations}
        self._programs = {program.code: program for program in programs}
        self._modules_for = modules_for

    @property
    def divisions(self) -> Mapping[str, Division]:
        """Every division by its code."""
        return MappingProxyType(self._divisions)

    @property
    def occupations(self) -> Mapping[str, CatalogOccupation]:
        """Every occupation by its code."""
        return MappingProxyType(self._occupations)

    @property
    def programs(self) -> Mapping[str, Program]:
        """Every program by its code."""
        return MappingProxyType(self._programs)

    def division(self, code: str) -> Division | None:
        """The division of that code (2, 4 or 6 digits), None for one that does not exist."""
        return self._divisions.get(code)

    def occupation(self, scheme: str, code: str) -> CatalogOccupation | None:
        """The occupation of that scheme (`gbm`) and code, None for one that does not exist."""
        return self._occupations.get(code) if scheme == "gbm" else None

    def program(self, code: str) -> Program | None:
        """The program of that code, None for one that does not exist."""
        return self._programs.get(code)

    def modules_for(self, occupation_code: str, level: SkillLevel) -> tuple[Module, ...]:
        """The modules that this occupation and level require, always the same, at least three.

        Raises:
            KeyError: for an occupation that is not in the catalog.
        """
        return self._modules_for(self._occupations[occupation_code], level)
