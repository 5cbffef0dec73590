"""Erasing a person: her key is destroyed, and what was sealed under it can't be read by anybody.

Her journeys, their journal and every count stay as they are: they know her by reference only. One
person asks for it, another does it. What is asked for lapses, and can be withdrawn.
"""

from datetime import datetime

from sqlalchemy import BindParameter, bindparam, delete, exists, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.commands import Actor
from store.audit import AuditAction, AuditLine, append
from store.cohort_tables import cohort_rows
from store.inbox import erase_events
from store.intake_tables import QUARANTINED, inbox
from store.person_tables import erasures_asked, person_keys, persons
from store.persons import STILL_ASKED, AskedErasure, UnknownPerson
from store.tables import journeys


class HasOpenJourney(Exception):
    """Nobody is erased while a journey of hers is open, or waits in a cohort to be opened."""


class SecondPersonNeeded(Exception):
    """Whoever asked for the erasure can't do it too."""


class NoneAsked(Exception):
    """No erasure of hers waits for a second person."""


_THE_PERSON: BindParameter[str] = bindparam("known_as")
_HOLD = (
    select(persons.c.erased_at)
    .where(
        persons.c.person_ref == _THE_PERSON,
        exists().where(
            journeys.c.person_ref == persons.c.person_ref,
            func.starts_with(journeys.c.home_region, bindparam("region")),
        ),
    )
    .with_for_update(of=persons)
)
_WAITS_TO_BE_OPENED = select(
    exists().where(
        cohort_rows.c.id_lookup == persons.c.id_lookup, persons.c.person_ref == _THE_PERSON
    )
)
_JOURNEYS = select(journeys.c.journey_id, journeys.c.closed_at).where(
    journeys.c.person_ref == _THE_PERSON
)
_ASKED = select(erasures_asked).where(erasures_asked.c.person_ref == _THE_PERSON, STILL_ASKED)
_ASKED_NO_MORE = delete(erasures_asked).where(erasures_asked.c.person_ref == _THE_PERSON)
_DESTROY_KEY = delete(person_keys).where(person_keys.c.person_ref == _THE_PERSON)
_EMPTY = (
    update(persons)
    .where(persons.c.person_ref == _THE_PERSON)
    .values(sealed=None, id_lookup=None, phone_lookup=None, groups=[], erased_at=bindparam("now"))
)
_KEPT_BACK_SINCE = (
    select(inbox.c.journey_id)
    .distinct()
    .join(journeys, journeys.c.journey_id == inbox.c.journey_id)
    .join(persons, persons.c.person_ref == journeys.c.person_ref)
    .where(text(f"inbox.{QUARANTINED}"), inbox.c.sealed.is_not(None))
    .where(persons.c.erased_at.is_not(None))
)


async def forget_kept_back(connection: AsyncConnection) -> None:
    """Forget what events say that came into quarantine after their person had been erased."""
    found = (await connection.scalars(_KEPT_BACK_SINCE)).all()
    if found:
        await erase_events(connection, found)


async def erase(  # noqa: PLR0917 - who, whom, why and when
    connection: AsyncConnection,
    region: str,
    person_ref: str,
    by: Actor,
    reason: str,
    now: datetime,
) -> AskedErasure | datetime:
    """Ask for a person's erasure, or do what another asked for; with its line in the audit log.

    Args:
        region: where she has to have or have had a journey.
        reason: why, without personal numbers.

    Returns:
        The request that now waits for a second person, or when she was erased.

    Raises:
        UnknownPerson: no such person in this region.
        HasOpenJourney: one of her journeys is open or waits to be, in whatever region.
        SecondPersonNeeded: the same person asked before.
    """
    this = {"known_as": person_ref}
    erased_at = await _hold(connection, region, person_ref)
    if erased_at is not None:
        return erased_at
    hers = (await connection.execute(_JOURNEYS, this)).all()
    waits = await connection.scalar(_WAITS_TO_BE_OPENED, this)
    if waits or any(journey.closed_at is None for journey in hers):
        raise HasOpenJourney
    asked = (await connection.execute(_ASKED, this)).first()
    if asked is None:
        return await _ask(connection, person_ref, by, reason, now)
    if asked.by_id == by.id:
        raise SecondPersonNeeded
    await connection.execute(_DESTROY_KEY, this)
    await connection.execute(_EMPTY, this | {"now": now})
    await connection.execute(_ASKED_NO_MORE, this)
    await erase_events(connection, [journey.journey_id for journey in hers])
    line = AuditLine(
        action=AuditAction.PERSON_ERASED,
        by=by,
        about=person_ref,
        detail={"asked_by": asked.by_id, "reason": reason},
    )
    await append(connection, line)
    return now


async def withdraw(
    connection: AsyncConnection, region: str, person_ref: str, by: Actor, reason: str
) -> None:
    """End a request for a person's erasure: by whoever asked, or by another who does not agree.

    Args:
        region: where she has to have or have had a journey.
        reason: why, without personal numbers.

    Raises:
        UnknownPerson: no such person in this region.
        NoneAsked: none waits, or no longer.
    """
    this = {"known_as": person_ref}
    await _hold(connection, region, person_ref)
    asked = (await connection.execute(_ASKED, this)).first()
    if asked is None:
        raise NoneAsked
    await connection.execute(_ASKED_NO_MORE, this)
    line = AuditLine(
        action=AuditAction.PERSON_ERASURE_WITHDRAWN,
        by=by,
        about=person_ref,
        detail={"asked_by": asked.by_id, "reason": reason},
    )
    await append(connection, line)


async def _hold(connection: AsyncConnection, region: str, person_ref: str) -> datetime | None:
    """Hold a person until the transaction ends; returns when she was erased."""
    asked = {"known_as": person_ref, "region": region}
    held = (await connection.execute(_HOLD, asked)).first()
    if held is None:
        raise UnknownPerson(person_ref)
    return held.erased_at  # type: ignore[no-any-return]


async def _ask(
    connection: AsyncConnection, person_ref: str, by: Actor, reason: str, now: datetime
) -> AskedErasure:
    await connection.execute(_ASKED_NO_MORE, {"known_as": person_ref})
    await connection.execute(
        insert(erasures_asked),
        {
            "person_ref": person_ref,
            "by_id": by.id,
            "by_role": by.role,
            "at": now,
            "reason": reason,
        },
    )
    line = AuditLine(
        action=AuditAction.PERSON_ERASURE_ASKED, by=by, about=person_ref, detail={"reason": reason}
    )
    await append(connection, line)
    return AskedErasure(by=by, at=now, reason=reason)
