"""The caseload: lists, one case, its timeline, counts; what staff read instead of workflows."""

from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Numeric,
    RowMapping,
    and_,
    bindparam,
    cast,
    func,
    select,
    text,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.commands import Actor
from domain.journal import Entry
from domain.levels import SkillLevel
from domain.model import Word
from domain.plan import Occupation
from domain.stages import Outcome, Overlay, Pathway, Stage, State, StuckCause, Turn
from store.pages import Page, key_of, moment_of, page_of
from store.tables import journal, journeys

PROVINCE_DIGITS, CITY_DIGITS, COUNTY_DIGITS = 2, 4, 6


class Scope(Word):
    """Whose cases exist for the caller: those whose home lies in `region`; empty for all."""

    region: str


class CaseFilter(Word):
    """What a list is narrowed to; None leaves a field out of account.

    `region` is a division code, for the home; `due_before` leaves out what has no deadline.
    """

    region: str | None = None
    stage: Stage | None = None
    state: State | None = None
    program: str | None = None
    pathway: Pathway | None = None
    partner: str | None = None
    stuck_cause: StuckCause | None = None
    stuck: bool | None = None
    due_before: datetime | None = None
    outcome: Outcome | None = None
    open: bool | None = None


class CaseView(Word):
    """A journey as the caseload shows it; `attendance_pct` where hours were reported."""

    journey_id: str
    person_ref: str
    program: str
    occupation: Occupation
    level: SkillLevel
    pathway: Pathway
    home_region: str
    delivery_region: str
    job_region: str
    employer: str | None
    vacancy_ref: str | None
    sequence: int
    stage: Stage
    state: State
    overlays: tuple[Overlay, ...]
    outcome: Outcome | None
    awaited: tuple[str, ...]
    partner: str | None
    turn: Turn
    due_at: datetime | None
    stuck_cause: StuckCause | None
    stuck_since: datetime | None
    opened_at: datetime
    opened_by: Actor
    updated_at: datetime
    closed_at: datetime | None
    previous_journey: str | None
    policy_version: str
    attendance_pct: float | None


class Counts(Word):
    """How many journeys there are: by stage, by outcome of the closed, by cause of the stuck."""

    stages: dict[Stage, int]
    outcomes: dict[Outcome, int]
    stuck: dict[StuckCause, int]


_SPLIT = {"occupation", "opened_by", "attendance_pct"}
_CASE = select(
    *(journeys.c[name] for name in CaseView.model_fields if name not in _SPLIT),
    journeys.c.occupation_scheme,
    journeys.c.occupation,
    journeys.c.opened_by,
    journeys.c.opened_role,
    func.round(
        cast(100 * journeys.c.hours_attended / func.nullif(journeys.c.hours_planned, 0), Numeric), 2
    ).label("attendance_pct"),
)
_AREA = {
    PROVINCE_DIGITS: journeys.c.home_province,
    CITY_DIGITS: journeys.c.home_city,
    COUNTY_DIGITS: journeys.c.home_region,
}
_NEWEST_FIRST = (journeys.c.opened_at.desc(), journeys.c.journey_id.desc())


async def list_cases(
    connection: AsyncConnection,
    scope: Scope,
    wanted: CaseFilter,
    limit: int,
    cursor: str | None,
) -> Page[CaseView]:
    """The cases of a scope that fit a filter, newest first.

    Raises:
        BadCursor: the cursor is none of this list's.
    """
    query = _CASE.where(*_within(scope.region), *_fitting(wanted))
    if cursor is not None:
        opened_at, journey_id = key_of(cursor, (str, str))
        query = query.where(
            tuple_(journeys.c.opened_at, journeys.c.journey_id)
            < tuple_(moment_of(opened_at), journey_id)
        )
    rows = (await connection.execute(query.order_by(*_NEWEST_FIRST).limit(limit + 1))).all()
    cases = [_case(row._mapping) for row in rows]
    return page_of(cases, limit, lambda last: (last.opened_at.isoformat(), last.journey_id))


async def find_case(connection: AsyncConnection, scope: Scope, journey_id: str) -> CaseView | None:
    """One case; None where it does not exist or lies outside the scope, which looks the same."""
    query = _CASE.where(journeys.c.journey_id == journey_id, *_within(scope.region))
    row = (await connection.execute(query)).first()
    return _case(row._mapping) if row is not None else None


_TIMELINE = (
    select(journal)
    .where(
        journal.c.journey_id == bindparam("of"),
        journal.c.sequence > bindparam("after"),
    )
    .order_by(journal.c.sequence)
    .limit(bindparam("at_most"))
)


async def timeline(
    connection: AsyncConnection, journey_id: str, limit: int, cursor: str | None
) -> Page[Entry]:
    """A journey's journal, from its first line on.

    Raises:
        BadCursor: the cursor is none of this list's.
    """
    after = 0 if cursor is None else key_of(cursor, (int,))[0]
    rows = (
        await connection.execute(
            _TIMELINE, {"of": journey_id, "after": after, "at_most": limit + 1}
        )
    ).all()
    return page_of([_entry(row._mapping) for row in rows], limit, lambda last: (last.sequence,))


_COUNTS = text(
    """
    SELECT stage, outcome, stuck_cause, count(*) AS journeys
    FROM journeys GROUP BY stage, outcome, stuck_cause
    """
)


async def counts(connection: AsyncConnection) -> Counts:
    """Every journey counted, of all regions."""
    stages: dict[Stage, int] = {}
    outcomes: dict[Outcome, int] = {}
    stuck: dict[StuckCause, int] = {}
    for stage, outcome, cause, number in await connection.execute(_COUNTS):
        stages[Stage(stage)] = stages.get(Stage(stage), 0) + number
        if outcome is not None:
            outcomes[Outcome(outcome)] = outcomes.get(Outcome(outcome), 0) + number
        if cause is not None:
            stuck[StuckCause(cause)] = stuck.get(StuckCause(cause), 0) + number
    return Counts(stages=stages, outcomes=outcomes, stuck=stuck)


def _within(region: str) -> list[ColumnElement[bool]]:
    if not region:
        return []
    area = _AREA.get(len(region))
    return (
        [area == region]
        if area is not None
        else [journeys.c.home_region.startswith(region, autoescape=True)]
    )


def _fitting(wanted: CaseFilter) -> list[ColumnElement[bool]]:
    conditions = _within(wanted.region or "")
    for name in ("stage", "state", "program", "pathway", "partner", "stuck_cause", "outcome"):
        value = getattr(wanted, name)
        if value is not None:
            conditions.append(journeys.c[name] == value)
    if wanted.stuck is not None:
        conditions.append(
            journeys.c.stuck_cause.is_not(None)
            if wanted.stuck
            else journeys.c.stuck_cause.is_(None)
        )
    if wanted.open is not None:
        conditions.append(
            journeys.c.closed_at.is_(None) if wanted.open else journeys.c.closed_at.is_not(None)
        )
    if wanted.due_before is not None:
        conditions.append(
            and_(journeys.c.due_at.is_not(None), journeys.c.due_at < wanted.due_before)
        )
    return conditions


def _case(row: RowMapping) -> CaseView:
    fields = dict(row)
    scheme, code = fields.pop("occupation_scheme"), fields.pop("occupation")
    return CaseView(
        **fields
        | {
            "occupation": {"scheme": scheme, "code": code},
            "opened_by": {"id": fields["opened_by"], "role": fields.pop("opened_role")},
        }
    )


def _entry(row: RowMapping) -> Entry:
    fields = dict(row)
    del fields["journey_id"]
    return Entry(**fields | {"by": {"id": fields.pop("by_id"), "role": fields.pop("by_role")}})
