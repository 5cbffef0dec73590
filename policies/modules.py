"""Which modules an occupation and level require."""

from typing import Annotated

from pydantic import Field, model_validator

from domain.catalog import CatalogOccupation
from domain.levels import SkillLevel
from domain.model import Text, Word
from domain.plan import Module

FEWEST = 3
"""Every occupation and level requires at least this many modules."""

ModuleName = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
ClassHours = Annotated[int, Field(ge=1, le=2000)]


class ModuleRule(Word):
    """A module that occupations require from one level to another, both included.

    `{occupation}` in the title stands for the occupation's name. With `per_level` each level has
    a module of its own, so that a lower level's credit does not cover it.
    """

    title: Text
    hours: ClassHours
    first: SkillLevel = SkillLevel.APPRENTICE
    last: SkillLevel = SkillLevel.CHIEF_TECHNICIAN
    per_level: bool = False

    def required_at(self, level: SkillLevel) -> bool:
        """Whether the level requires it."""
        return self.first.rank <= level.rank <= self.last.rank


class ModuleRules(Word):
    """`general` modules are shared by all, `depth` ones each occupation's; few have more."""

    general: dict[ModuleName, ModuleRule] = {}
    depth: dict[ModuleName, ModuleRule] = {}
    occupations: dict[str, dict[ModuleName, ModuleRule]] = {}

    @model_validator(mode="after")
    def _enough_at_every_level(self) -> "ModuleRules":
        rules = [*self.general.values(), *self.depth.values()]
        for level in SkillLevel:
            if rules and sum(rule.required_at(level) for rule in rules) < FEWEST:
                raise ValueError(f"general and depth give fewer than {FEWEST} modules for {level}")
        return self

    def modules_for(self, occupation: CatalogOccupation, level: SkillLevel) -> tuple[Module, ...]:
        """The required modules: general ones first, then by depth, then the occupation's own."""
        own = self.occupations.get(occupation.code, {})
        named = [(name, rule) for name, rule in self.general.items()]
        named += [
            (f"{occupation.code}-{name}", rule)
            for rules in (self.depth, own)
            for name, rule in rules.items()
        ]
        return tuple(
            Module(
                code=f"{name}-{level}" if rule.per_level else name,
                title=rule.title.format(occupation=occupation.name),
                hours=rule.hours,
            )
            for name, rule in named
            if rule.required_at(level)
        )
