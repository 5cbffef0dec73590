"""Tasks: what waits for a person of a region, each raised once and done once.

Tasks about events in quarantine are raised here; they are done when the event leaves it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import (
    ColumnElement,
    Text,
    and_,
    bindparam,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.commands import JOURNEYMAN, Actor
from domain.model import Word
from domain.second_person import WAITS_FOR
from store.audit import AuditAction, AuditLine, append
from store.ids import new_id
from store.pages import Page, key_of, moment_of, page_of
from store.quarantine_tables import OPEN_TASK, tasks


class TaskKind(StrEnum):
    """What a person is asked to decide.

    `unknown_subject`: nobody made known for too long what the event is about. `too_early`: its turn
    did not come in its journey. `second_person`: a release waits for somebody else to agree.
    """

    UNKNOWN_SUBJECT = "unknown_subject"
    TOO_EARLY = "too_early"
    SECOND_PERSON = "second_person"


class NewTask(Word):
    """A task to raise; `about` is the id of what it is about.

    `region` is the home of the journey, or the partner's where no journey is known: such a task is
    seen by staff of that region, of what lies in it, and of what it lies in.
    """

    kind: TaskKind
    about: str
    journey_id: str | None
    partner: str | None
    region: str


class TaskView(NewTask):
    """An open task."""

    task_id: str
    raised_at: datetime


_RAISED = (
    insert(tasks)
    .on_conflict_do_nothing(
        index_elements=[tasks.c.kind, tasks.c.about], index_where=text(OPEN_TASK)
    )
    .returning(tasks.c.task_id)
)
_OPEN = select(*(tasks.c[name] for name in TaskView.model_fields)).where(text(OPEN_TASK))
_END = (
    tasks.update()
    .where(tasks.c.about == bindparam("of"), text(OPEN_TASK))
    .values(done_at=bindparam("at"), done_by=bindparam("by"))
)
_OVERDUE = text(
    """
    SELECT inbox.receipt AS about, inbox.reason AS kind, inbox.journey_id, inbox.partner,
        COALESCE(journeys.home_region, partners.region, '') AS region
    FROM inbox
    LEFT JOIN journeys ON journeys.journey_id = inbox.journey_id
    LEFT JOIN partners ON partners.partner_id = inbox.partner
    WHERE inbox.status = 'quarantined'
        AND (
            (inbox.reason = 'unknown_subject' AND inbox.settled_at <= :unknown_since)
            OR inbox.reason = 'too_early'
        )
        AND NOT EXISTS (
            SELECT 1 FROM tasks
            WHERE tasks.about = inbox.receipt AND tasks.kind = inbox.reason
                AND tasks.done_at IS NULL
        )
    ORDER BY inbox.settled_at
    LIMIT :at_most
    FOR NO KEY UPDATE OF inbox SKIP LOCKED
    """
)
_END_SETTLED = text(
    """
    WITH settled AS (
        SELECT tasks.task_id
        FROM tasks JOIN inbox ON inbox.receipt = tasks.about
        WHERE tasks.done_at IS NULL AND tasks.kind = ANY(:kinds)
            AND (
                inbox.status <> 'quarantined'
                OR (tasks.kind <> 'second_person' AND inbox.reason <> tasks.kind)
                OR (
                    tasks.kind = 'second_person' AND tasks.raised_at <= :asked_before
                    AND NOT EXISTS (
                        SELECT 1 FROM quarantine_decisions AS later
                        WHERE later.receipt = tasks.about AND later.step = 'asked'
                            AND later.at > :asked_before
                    )
                )
            )
        ORDER BY tasks.task_id
        FOR UPDATE OF tasks SKIP LOCKED
    )
    UPDATE tasks SET done_at = :now, done_by = :by
    FROM settled WHERE tasks.task_id = settled.task_id
    """
).bindparams(bindparam("kinds", type_=ARRAY(Text)))


async def raise_task(connection: AsyncConnection, task: NewTask, now: datetime) -> None:
    """Raise a task, unless one of its kind is open about the same."""
    line = {"task_id": new_id("tk"), **task.model_dump(), "raised_at": now}
    await connection.execute(_RAISED, line)


async def end_tasks(
    connection: AsyncConnection,
    about: str,
    by: Actor,
    now: datetime,
    *,
    kind: TaskKind | None = None,
) -> None:
    """What they were about is settled: every open task about it is done, of one kind or of all."""
    ended = _END if kind is None else _END.where(tasks.c.kind == kind)
    await connection.execute(ended, {"of": about, "at": now, "by": by.id})


async def raise_overdue(
    connection: AsyncConnection, now: datetime, unknown_for: timedelta, at_most: int
) -> int:
    """Raise a task for each event that has been in quarantine too long; returns how many.

    An event about an unknown subject after `unknown_for`, one that came too early at once.
    """
    overdue = (
        await connection.execute(_OVERDUE, {"unknown_since": now - unknown_for, "at_most": at_most})
    ).all()
    for row in overdue:
        task = NewTask(**row._mapping)
        await raise_task(connection, task, now)
        line = AuditLine(
            action=AuditAction.TASK_RAISED,
            by=JOURNEYMAN,
            about=task.about,
            detail={"kind": task.kind},
        )
        await append(connection, line)
    return len(overdue)


async def end_settled(connection: AsyncConnection, now: datetime) -> None:
    """End tasks whose event has left quarantine, or whose request for a second person has lapsed.

    It waits for nobody: a task that somebody else is ending is left to her.
    """
    await connection.execute(
        _END_SETTLED,
        {
            "now": now,
            "by": JOURNEYMAN.id,
            "kinds": list(TaskKind),
            "asked_before": now - WAITS_FOR,
        },
    )


async def list_open(
    connection: AsyncConnection,
    region: str,
    kinds: Sequence[TaskKind],
    limit: int,
    cursor: str | None,
) -> Page[TaskView]:
    """The open tasks of a region, the oldest first; of all kinds where none is named.

    Raises:
        BadCursor: the cursor is none of this list's.
    """
    query = _OPEN.where(_in_region(region))
    if kinds:
        query = query.where(tasks.c.kind.in_(kinds))
    if cursor is not None:
        raised_at, task_id = key_of(cursor, (str, str))
        query = query.where(
            tuple_(tasks.c.raised_at, tasks.c.task_id) > tuple_(moment_of(raised_at), task_id)
        )
    query = query.order_by(tasks.c.raised_at, tasks.c.task_id).limit(limit + 1)
    rows = (await connection.execute(query)).all()
    found = [TaskView(**row._mapping) for row in rows]
    return page_of(found, limit, lambda last: (last.raised_at.isoformat(), last.task_id))


def _in_region(region: str) -> ColumnElement[bool]:
    within = tasks.c.region.startswith(region, autoescape=True)
    contains = func.starts_with(literal(region), tasks.c.region)
    return or_(within, and_(tasks.c.journey_id.is_(None), contains))
