"""What is sent to open a journey, and the checks that name everything wrong with it at once."""

from datetime import date, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from api.dependencies import ApiDependencies
from api.identity import id_number_error
from api.problems import FieldError, OutsideRegion, PathwayNotOffered, Unprocessable
from api.tokens import Caller
from api.validation import shown
from domain.catalog import Group, Program
from domain.levels import SkillLevel
from domain.model import Ref, Text
from domain.plan import ModuleCredit, Occupation
from domain.stages import OFFERED_PATHWAYS, Pathway
from store.openings import Opening, PersonDetails

PROGRAM_ZONE = ZoneInfo("Asia/Shanghai")
"""A program's dates are days in this zone."""

Code = Annotated[str, StringConstraints(min_length=1, max_length=60)]


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _must_be_id_number(number: str) -> str:
    wrong = id_number_error(number)
    if wrong:
        raise ValueError(wrong)
    return number


class AskedPerson(_Asked):
    """A trainee who may be new to us; recognized by her identity number."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
    id_number: Annotated[str, AfterValidator(_must_be_id_number)]
    phone: Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 -]{4,19}$")]


class AskedOccupation(_Asked):
    """An occupation in a classification; `gbm` is the national one."""

    scheme: Literal["gbm"] = "gbm"
    code: Code


class AskedCredit(_Asked):
    """A module proven elsewhere; `expires` is the last day on which it counts."""

    module: Code
    source: Text = ""
    expires: date | None = None


class AskedJourney(_Asked):
    """The body of `POST /v1/journeys`.

    Either `person` or `person_ref`. Regions are division codes (GB/T 2260, 2, 4 or 6 digits);
    delivery and job region are the home region where not given.
    """

    person: AskedPerson | None = None
    person_ref: Ref | None = None
    program: Code
    occupation: AskedOccupation
    level: SkillLevel
    pathway: Pathway
    home_region: Code
    delivery_region: Code | None = None
    job_region: Code | None = None
    groups: Annotated[tuple[Group, ...], Field(max_length=len(Group))] = ()
    years_of_service: Annotated[float, Field(ge=0, le=70)] | None = None
    employer: Ref | None = None
    vacancy_ref: Ref | None = None
    recognized_modules: Annotated[tuple[AskedCredit, ...], Field(max_length=50)] = ()

    @model_validator(mode="after")
    def _one_person(self) -> "AskedJourney":
        if (self.person is None) == (self.person_ref is None):
            raise ValueError("give either person or person_ref")
        return self


def opening_of(asked: AskedJourney, caller: Caller, deps: ApiDependencies) -> Opening:
    """The opening that is asked for, under the policy that its region and program have today.

    Raises:
        PathwayNotOffered: a pathway of later.
        Unprocessable: naming every unknown occupation, program, region or module.
        OutsideRegion: the home is not in the caller's region.
    """
    if asked.pathway not in OFFERED_PATHWAYS:
        offered = ", ".join(OFFERED_PATHWAYS)
        raise PathwayNotOffered(f"{asked.pathway} is not offered yet; offered are {offered}")
    program = deps.catalog.program(asked.program)
    errors = [
        *_program_errors(asked, program, deps.clock()),
        *_region_errors(asked, deps),
        *_occupation_errors(asked, deps),
    ]
    if errors or program is None:
        raise Unprocessable("the journey can't be opened like this; see errors", errors=errors)
    if not asked.home_region.startswith(caller.region):
        raise OutsideRegion("home_region does not lie in your region")
    return Opening(
        person=PersonDetails(**asked.person.model_dump()) if asked.person else None,
        person_ref=asked.person_ref,
        program=program,
        occupation=Occupation(scheme="gbm", code=asked.occupation.code),
        level=asked.level,
        pathway=asked.pathway,
        home_region=asked.home_region,
        delivery_region=asked.delivery_region or asked.home_region,
        job_region=asked.job_region or asked.home_region,
        groups=tuple(dict.fromkeys(asked.groups)),
        years_of_service=asked.years_of_service,
        employer=asked.employer,
        vacancy_ref=asked.vacancy_ref,
        recognized=tuple(
            ModuleCredit(module=credit.module, source=credit.source, expires=credit.expires)
            for credit in asked.recognized_modules
        ),
        policy=deps.policies.for_region(asked.home_region, program),
        opened_by=caller.actor,
    )


def _program_errors(
    asked: AskedJourney, program: Program | None, now: datetime
) -> list[FieldError]:
    if program is None:
        return [_unknown("program", "program", asked.program)]
    today = now.astimezone(PROGRAM_ZONE).date()
    if program.open_on(today):
        return []
    dates = f"{program.starts.isoformat()} to {program.ends.isoformat()}"
    return [
        FieldError(
            field="program",
            message=f"journeys open under it from {dates}, and today is {today.isoformat()}",
            value=program.code,
        )
    ]


def _region_errors(asked: AskedJourney, deps: ApiDependencies) -> list[FieldError]:
    fields: tuple[Literal["home_region", "delivery_region", "job_region"], ...] = (
        "home_region",
        "delivery_region",
        "job_region",
    )
    given = [(field, getattr(asked, field)) for field in fields]
    return [
        _unknown(field, "division (GB/T 2260 code of 2, 4 or 6 digits)", code)
        for field, code in given
        if code is not None and deps.catalog.division(code) is None
    ]


def _occupation_errors(asked: AskedJourney, deps: ApiDependencies) -> list[FieldError]:
    occupation = deps.catalog.occupation(asked.occupation.scheme, asked.occupation.code)
    if occupation is None:
        return [_unknown("occupation.code", "occupation", asked.occupation.code)]
    required = {module.code for module in deps.catalog.modules_for(occupation.code, asked.level)}
    return [
        _unknown(
            f"recognized_modules.{index}.module",
            "module of this occupation and level",
            credit.module,
        )
        for index, credit in enumerate(asked.recognized_modules)
        if credit.module not in required
    ]


def _unknown(field: str, what: str, value: str) -> FieldError:
    return FieldError(field=field, message=f"there is no such {what}", value=shown(value))
