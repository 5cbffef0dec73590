"""`GET /v1/tasks`: what waits for a person of my region."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.database import transaction
from api.dependencies import Deps, Staff
from api.paging import PageQuery
from api.problems import documented
from store.tasks import TaskKind, list_open

router = APIRouter(tags=["caseworkers"])


class Task(BaseModel):
    """A task: of which kind, about which id, for which region, since when.

    `unknown_subject`, `too_early` and `second_person` are about an event in quarantine, by its
    receipt; such a task is done when the event leaves it.
    """

    id: str
    kind: TaskKind
    about: str
    journey_id: str | None
    partner: str | None
    region: str
    raised_at: datetime


class Tasks(BaseModel):
    """A page of open tasks, the oldest first; `next_cursor` None at its end."""

    items: list[Task]
    next_cursor: str | None


class TasksQuery(PageQuery):
    """Tasks of which kinds (all where none is named), and which page."""

    kind: Annotated[list[TaskKind], Field(max_length=20)] = []


@router.get(
    "/v1/tasks",
    response_model=Tasks,
    responses=documented(401, 403, 422, 503),
    summary="List the open tasks of my region",
)
async def list_tasks(caller: Staff, query: Annotated[TasksQuery, Query()], deps: Deps) -> Tasks:
    """Those of journeys in the region; and, where no journey is known, of its partners."""
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        page = await list_open(connection, caller.region, query.kind, query.limit, query.cursor)
    items = [Task(id=view.task_id, **view.model_dump(exclude={"task_id"})) for view in page.items]
    return Tasks(items=items, next_cursor=page.next_cursor)
