"""What is sent to open a journey, and the checks that name everything wrong with it at once."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Literal, Protocol
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from api.identity import id_number_error
from api.paths import NO_SUCH_PERSON
from api.problems import (
    FieldError,
    JourneyAlreadyOpen,
    OutsideRegion,
    PathwayNotOffered,
    Unprocessable,
)
from api.tokens import Caller
from api.validation import shown
from domain.catalog import Catalog, Group, Program
from domain.levels import SkillLevel
from domain.masking import without_personal_numbers
from domain.model import Ref, Text
from domain.plan import ModuleCredit, Occupation
from domain.stages import OFFERED_PATHWAYS, Pathway
from policies.loader import Policies
from store.audit import AuditAction, AuditLine, append
from store.caseload import Scope, find_case
from store.openings import AlreadyOpen, Opening, open_journey
from store.persons import PersonDetails, UnknownPerson, is_of_region
from store.planning import NoRegistry
from store.vault import Vault

PROGRAM_ZONE = ZoneInfo("Asia/Shanghai")
"""A program's dates are days in this zone."""

ONE_OPEN_JOURNEY = "opening.one_open_journey"
"""`domain.md`, opening: one open journey per person, occupation and level."""

Code = Annotated[str, StringConstraints(min_length=1, max_length=60)]


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _must_be_id_number(number: str) -> str:
    wrong = id_number_error(number)
    if wrong:
        raise ValueError(wrong)
    return number


IdNumber = Annotated[str, AfterValidator(_must_be_id_number)]
PhoneNumber = Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 -]{4,19}$")]


class AskedPerson(_Asked):
    """A trainee who may be new to us; recognized by her identity number."""

    name: Annotated[
        str,
        StringConstraints(min_length=1, max_length=100, strip_whitespace=True),
        Field(examples=["李秀英", "Li Xiuying"]),
    ]
    id_number: IdNumber
    phone: PhoneNumber


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


class Rules(Protocol):
    """What an opening is checked against."""

    @property
    def catalog(self) -> Catalog:
        """What there is to choose from."""
        ...

    @property
    def policies(self) -> Policies:
        """Which policy a region and program have."""
        ...

    @property
    def clock(self) -> Callable[[], datetime]:
        """Gives the current time with an offset."""
        ...


def opening_of(asked: AskedJourney, caller: Caller, rules: Rules) -> Opening:
    """The opening that is asked for, under the policy that its region and program have today.

    Raises:
        PathwayNotOffered: a pathway of later.
        Unprocessable: naming every unknown occupation, program, region or module.
        OutsideRegion: the home is not in the caller's region.
    """
    if asked.pathway not in OFFERED_PATHWAYS:
        offered = ", ".join(OFFERED_PATHWAYS)
        told = f"{asked.pathway} is not offered yet; offered are {offered}"
        wrong = FieldError(
            field="pathway", message=told, rule="opening.pathway_offered", value=asked.pathway
        )
        raise PathwayNotOffered(told, errors=[wrong])
    program = rules.catalog.program(asked.program)
    errors = [
        *_program_errors(asked, program, rules.clock()),
        *_region_errors(asked, rules.catalog),
        *_occupation_errors(asked, rules.catalog),
    ]
    if errors or program is None:
        raise Unprocessable("the journey can't be opened like this; see errors", errors=errors)
    if not asked.home_region.startswith(caller.region):
        told = "home_region does not lie in your region"
        wrong = FieldError(
            field="home_region", message=told, rule="opening.own_region", value=asked.home_region
        )
        raise OutsideRegion(told, errors=[wrong])
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
        employer=without_personal_numbers(asked.employer) if asked.employer else None,
        vacancy_ref=asked.vacancy_ref,
        recognized=tuple(
            ModuleCredit(
                module=credit.module,
                source=without_personal_numbers(credit.source),
                expires=credit.expires,
            )
            for credit in asked.recognized_modules
        ),
        policy=rules.policies.for_region(asked.home_region, program),
        opened_by=caller.actor,
    )


async def open_asked(  # noqa: PLR0917 (for whom, by whom, when, on what occasion)
    connection: AsyncConnection,
    vault: Vault,
    opening: Opening,
    caller: Caller,
    now: datetime,
    of: str | None = None,
) -> str:
    """Open the journey; returns its id.

    Args:
        of: the row of a cohort that asks for it, for the audit log.

    Raises:
        JourneyAlreadyOpen: naming the first one where it lies in the caller's region.
        Unprocessable: there is no such person in the caller's region, or no registry for her home.
    """
    known_as = opening.person_ref
    if known_as is not None and not await is_of_region(connection, caller.region, known_as):
        raise _wrong("person_ref", NO_SUCH_PERSON, "opening.known_person")
    try:
        journey_id = await open_journey(connection, vault, opening, now)
    except AlreadyOpen as first:
        known = await find_case(connection, Scope(region=caller.region), first.journey_id)
        named = known.journey_id if known is not None else None
        told = f"{named or 'a journey'} is open for this person, occupation and level"
        wrong = FieldError(field="", message=told, rule=ONE_OPEN_JOURNEY)
        raise JourneyAlreadyOpen(
            told, errors=[wrong], rule=ONE_OPEN_JOURNEY, journey_id=named
        ) from None
    except UnknownPerson:
        raise _wrong("person_ref", NO_SUCH_PERSON, "opening.known_person") from None
    except NoRegistry:
        told = "no registry decides eligibility in this region"
        raise _wrong("home_region", told, "opening.registry") from None
    detail = {"region": opening.home_region, "program": opening.program.code}
    await append(
        connection,
        AuditLine(
            action=AuditAction.JOURNEY_OPENED,
            by=caller.actor,
            about=journey_id,
            detail=detail | ({"of": of} if of else {}),
        ),
    )
    return journey_id


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
            rule="opening.program_dates",
            value=program.code,
        )
    ]


def _region_errors(asked: AskedJourney, catalog: Catalog) -> list[FieldError]:
    fields: tuple[Literal["home_region", "delivery_region", "job_region"], ...] = (
        "home_region",
        "delivery_region",
        "job_region",
    )
    given = [(field, getattr(asked, field)) for field in fields]
    return [
        _unknown(field, "division (GB/T 2260 code of 2, 4 or 6 digits)", code)
        for field, code in given
        if code is not None and catalog.division(code) is None
    ]


def _occupation_errors(asked: AskedJourney, catalog: Catalog) -> list[FieldError]:
    occupation = catalog.occupation(asked.occupation.scheme, asked.occupation.code)
    if occupation is None:
        return [_unknown("occupation.code", "occupation", asked.occupation.code)]
    if not asked.recognized_modules:
        return []
    required = {module.code for module in catalog.modules_for(occupation.code, asked.level)}
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
    told = f"there is no such {what}"
    return FieldError(field=field, message=told, rule="opening.catalog", value=shown(value))


def _wrong(field: str, message: str, rule: str) -> Unprocessable:
    return Unprocessable(
        "the journey can't be opened like this; see errors",
        errors=[FieldError(field=field, message=message, rule=rule)],
    )
