"""Opening a journey: person, journey, mailbox and the start line, in the caller's transaction."""

from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.brief import JourneyBrief
from domain.catalog import Program
from domain.commands import Actor
from domain.levels import SkillLevel
from domain.model import Ref, Word
from domain.plan import Earlier, ModuleCredit, Occupation
from domain.policy import Policy
from domain.stages import Pathway, Stage, State, Turn
from store.credits import carried_over
from store.ids import new_id
from store.inbox import INTAKE_CHANNEL
from store.intake_tables import mailboxes
from store.persons import PersonDetails, join_known, register
from store.planning import registry_for
from store.quarantine import lock_subjects, release
from store.tables import journeys, outbox
from store.vault import Vault


class Opening(Word):
    """What a caseworker opens a journey with: a person by details, or by reference when known.

    `years_of_service` None where unknown; `recognized` are modules proven elsewhere.
    """

    person: PersonDetails | None
    person_ref: str | None
    program: Program
    occupation: Occupation
    level: SkillLevel
    pathway: Pathway
    home_region: str
    delivery_region: str
    job_region: str
    groups: tuple[str, ...] = ()
    years_of_service: float | None = None
    employer: Ref | None = None
    vacancy_ref: Ref | None = None
    recognized: tuple[ModuleCredit, ...] = ()
    policy: Policy
    opened_by: Actor


class AlreadyOpen(Exception):
    """The person has an open journey for this occupation and level: `journey_id`."""

    def __init__(self, journey_id: str) -> None:
        super().__init__(journey_id)
        self.journey_id = journey_id


_ALIKE = (
    journeys.c.person_ref == bindparam("person_ref"),
    journeys.c.occupation == bindparam("occupation"),
    journeys.c.level == bindparam("level"),
)
_OPEN_ONE = select(journeys.c.journey_id).where(*_ALIKE, journeys.c.closed_at.is_(None))
_LAST_CLOSED = (
    select(journeys.c.journey_id)
    .where(*_ALIKE, journeys.c.closed_at.is_not(None))
    .order_by(journeys.c.closed_at.desc(), journeys.c.journey_id)
    .limit(1)
)
_OPEN = (
    insert(journeys)
    .on_conflict_do_nothing(
        index_elements=[journeys.c.person_ref, journeys.c.occupation, journeys.c.level],
        index_where=journeys.c.closed_at.is_(None),
    )
    .returning(journeys.c.journey_id)
)
_MAILBOX = insert(mailboxes)
_START_LINE = (
    insert(outbox)
    .values({name: bindparam(name) for name in ("journey_id", "brief", "written_at")})
    .returning(outbox.c.journey_id)
    .cte("start_line")
)
_START = select(func.pg_notify(INTAKE_CHANNEL, "")).select_from(_START_LINE)


async def open_journey(
    connection: AsyncConnection, vault: Vault, opening: Opening, now: datetime
) -> str:
    """Write a journey that the relay will start; returns its id.

    An earlier closed journey of the same person, occupation and level becomes the previous one, and
    its live credits go along. Events that came for the journey before it existed are released.

    Raises:
        AlreadyOpen: one open journey per person, occupation and level (rule `opening`).
        UnknownPerson: `person_ref` names nobody, or somebody who was erased.
        NoRegistry: no registry is responsible for the home region.
    """
    registry = await registry_for(connection, opening.home_region)
    person_ref = await _person(connection, vault, opening, now)
    alike = {
        "person_ref": person_ref,
        "occupation": opening.occupation.code,
        "level": opening.level,
    }
    previous = (await connection.execute(_LAST_CLOSED, alike)).scalar()
    earlier = await _earlier(connection, opening, person_ref, previous, now)
    brief = JourneyBrief(
        journey_id=new_id("jn"),
        person_ref=person_ref,
        program=opening.program.code,
        subsidized=opening.program.subsidized,
        occupation=opening.occupation,
        level=opening.level,
        pathway=opening.pathway,
        home_region=opening.home_region,
        delivery_region=opening.delivery_region,
        job_region=opening.job_region,
        registry=registry,
        employer=opening.employer,
        vacancy_ref=opening.vacancy_ref,
        opened_at=now,
        earlier=earlier,
        policy=opening.policy,
    )
    await lock_subjects(connection, [brief.journey_id])
    written = await connection.execute(_OPEN, _journey_row(brief, opening))
    if written.first() is None:
        raise AlreadyOpen((await connection.execute(_OPEN_ONE, alike)).scalar_one())
    await connection.execute(_MAILBOX, {"journey_id": brief.journey_id})
    await connection.execute(
        _START,
        {
            "journey_id": brief.journey_id,
            "brief": brief.model_dump(mode="json"),
            "written_at": now,
        },
    )
    await release(connection, [brief.journey_id])
    return brief.journey_id


async def _person(
    connection: AsyncConnection, vault: Vault, opening: Opening, now: datetime
) -> str:
    if opening.person is not None:
        return await register(connection, vault, opening.person, opening.groups, now)
    person_ref = opening.person_ref or ""
    await join_known(connection, vault, person_ref, opening.groups)
    return person_ref


async def _earlier(
    connection: AsyncConnection,
    opening: Opening,
    person_ref: str,
    previous: str | None,
    now: datetime,
) -> Earlier:
    if previous is None:
        return Earlier(modules=opening.recognized)
    modules, components = await carried_over(
        connection,
        person_ref,
        opening.occupation.code,
        opening.level,
        valid_for=opening.policy.assessment.component_valid,
        now=now,
    )
    known = {credit.module for credit in opening.recognized}
    return Earlier(
        previous_journey=previous,
        modules=(*opening.recognized, *(m for m in modules if m.module not in known)),
        components=components,
    )


def _journey_row(brief: JourneyBrief, opening: Opening) -> dict[str, object]:
    return {
        "journey_id": brief.journey_id,
        "person_ref": brief.person_ref,
        "program": brief.program,
        "subsidized": brief.subsidized,
        "occupation_scheme": brief.occupation.scheme,
        "occupation": brief.occupation.code,
        "level": brief.level,
        "pathway": brief.pathway,
        "home_region": brief.home_region,
        "delivery_region": brief.delivery_region,
        "job_region": brief.job_region,
        "employer": brief.employer,
        "vacancy_ref": brief.vacancy_ref,
        "years_of_service": opening.years_of_service,
        "previous_journey": brief.earlier.previous_journey,
        "policy_name": brief.policy.name,
        "policy_version": brief.policy.version,
        "opened_by": opening.opened_by.id,
        "opened_role": opening.opened_by.role,
        "opened_at": brief.opened_at,
        "stage": Stage.NEED,
        "state": State.INTAKE,
        "turn": Turn.NOBODY,
        "updated_at": brief.opened_at,
    }
