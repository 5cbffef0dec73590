"""Reading journeys: the list of my region, one of them, and its timeline.

Which fields of a case a role is shown is told in `api.fields`.
"""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from api.database import transaction
from api.dependencies import Deps, Reader
from api.etags import ETAG, etag_of
from api.fields import CASE_FIELDS, narrowed
from api.next_steps import next_step
from api.paging import LongPageQuery, PageQuery
from api.paths import NO_SUCH_JOURNEY, JourneyId
from api.problems import NotFound, documented
from api.request_log import note
from api.timelines import Timeline, line_of
from api.tokens import Caller
from domain.commands import Role
from domain.model import Ref
from domain.moments import Moment
from domain.stages import Outcome, Pathway, Stage, State, StuckCause
from store.caseload import CaseFilter, CaseView, Scope, find_case, list_cases, timeline

router = APIRouter(prefix="/v1/journeys", tags=["caseworkers"])


class Case(CaseView):
    """A journey as a caseworker sees it: what it waits for, whose turn it is, until when."""

    next: str


if TYPE_CHECKING:
    AuditedCase = Case
else:
    AuditedCase = narrowed("AuditedCase", Case, CASE_FIELDS[Role.AUDITOR])


class Cases(BaseModel):
    """A page of the list; `next_cursor` None at its end."""

    items: list[Case] | list[AuditedCase]
    next_cursor: str | None


class ListQuery(PageQuery):
    """What the list can be narrowed to; `region` is a division code within one's own."""

    region: Annotated[str | None, Field(pattern=r"^([0-9]{2}|[0-9]{4}|[0-9]{6})$")] = None
    stage: Stage | None = None
    state: State | None = None
    program: Ref | None = None
    pathway: Pathway | None = None
    partner: Ref | None = None
    stuck: bool | None = None
    stuck_cause: StuckCause | None = None
    due_before: Moment | None = None
    outcome: Outcome | None = None
    open: bool | None = None

    def filter(self) -> CaseFilter:
        """The store's filter."""
        return CaseFilter(**self.model_dump(exclude={"limit", "cursor"}))


@router.get(
    "",
    response_model=Cases,
    responses=documented(401, 403, 422, 503),
    summary="List the journeys of my region",
)
async def list_all(caller: Reader, query: Annotated[ListQuery, Query()], deps: Deps) -> Cases:
    """Newest first, narrowed by any of the filters together."""
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        page = await list_cases(
            connection, Scope(region=caller.region), query.filter(), query.limit, query.cursor
        )
    return Cases(items=[_case(caller, view) for view in page.items], next_cursor=page.next_cursor)


@router.get(
    "/{journey_id}",
    response_model=Case | AuditedCase,
    responses={200: {"headers": ETAG}, **documented(401, 403, 404, 422, 503)},
    summary="One journey: what it waits for, whose turn it is, until when",
)
async def show_one(
    caller: Reader, journey_id: JourneyId, deps: Deps, response: Response
) -> Case | AuditedCase:
    """As of what its workflow last recorded; commands take the `ETag` in `If-Match`."""
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        found = await case_in_scope(connection, caller.region, journey_id)
    response.headers["ETag"] = etag_of(found.sequence)
    return _case(caller, found)


@router.get(
    "/{journey_id}/timeline",
    response_model=Timeline,
    responses=documented(401, 403, 404, 422, 503),
    summary="What happened, who did it, why, and what came next",
)
async def show_timeline(
    caller: Reader, journey_id: JourneyId, query: Annotated[LongPageQuery, Query()], deps: Deps
) -> Timeline:
    """The journal, oldest line first."""
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        await case_in_scope(connection, caller.region, journey_id)
        page = await timeline(connection, journey_id, query.limit, query.cursor)
    return Timeline(items=[line_of(entry) for entry in page.items], next_cursor=page.next_cursor)


async def case_in_scope(connection: AsyncConnection, region: str, journey_id: str) -> CaseView:
    """The journey, where it lies in the caller's region.

    Raises:
        NotFound: in the same words for one elsewhere and for none.
    """
    note(journey=journey_id)
    found = await find_case(connection, Scope(region=region), journey_id)
    if found is None:
        raise NotFound(NO_SUCH_JOURNEY)
    return found


def _case(caller: Caller, view: CaseView) -> Case | AuditedCase:
    """The case with the fields that the caller's role is shown."""
    case = Case(**view.model_dump(), next=next_step(view.state))
    if caller.role is Role.AUDITOR:
        return AuditedCase(**case.model_dump(include=set(CASE_FIELDS[caller.role])))
    return case
