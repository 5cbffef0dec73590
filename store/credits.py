"""Earlier learning of a person: modules proven, components passed; each as long as it is live."""

from datetime import date, datetime

from sqlalchemy import bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.durations import Duration
from domain.levels import SkillLevel
from domain.plan import Component, ComponentCredit, ModuleCredit
from store.tables import component_credits, module_credits

MOST_CARRIED = 100
"""Module credits that a brief carries at most, so that it stays small."""

_MODULES = (
    select(module_credits.c.module, module_credits.c.source, module_credits.c.expires)
    .where(
        module_credits.c.person_ref == bindparam("person_ref"),
        or_(module_credits.c.expires.is_(None), module_credits.c.expires >= bindparam("today")),
    )
    .order_by(module_credits.c.module)
    .limit(MOST_CARRIED)
)
_COMPONENTS = (
    select(component_credits.c.component, component_credits.c.passed_at)
    .where(
        component_credits.c.person_ref == bindparam("person_ref"),
        component_credits.c.occupation == bindparam("occupation"),
        component_credits.c.level == bindparam("level"),
    )
    .order_by(component_credits.c.component)
)


async def live_modules(
    connection: AsyncConnection, person_ref: str, today: date
) -> tuple[ModuleCredit, ...]:
    """The person's module credits that have not expired; the day of expiry still counts."""
    rows = await connection.execute(_MODULES, {"person_ref": person_ref, "today": today})
    return tuple(ModuleCredit(**row._mapping) for row in rows)


async def carried_over(
    connection: AsyncConnection,
    person_ref: str,
    occupation: str,
    level: SkillLevel,
    *,
    valid_for: Duration,
    now: datetime,
) -> tuple[tuple[ModuleCredit, ...], tuple[ComponentCredit, ...]]:
    """What a re-entry carries: live modules, and components passed within `valid_for`.

    Rule `marks`: a passed component keeps for 12 months (`assessment.component_valid`).
    """
    rows = await connection.execute(
        _COMPONENTS, {"person_ref": person_ref, "occupation": occupation, "level": level}
    )
    components = tuple(
        ComponentCredit(component=Component(row.component), passed_at=row.passed_at)
        for row in rows
        if valid_for.after(row.passed_at) > now
    )
    return await live_modules(connection, person_ref, now.date()), components
