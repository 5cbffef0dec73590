"""`GET /v1/events…`: what became of events, for their sender and for the region's staff."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from api.database import transaction
from api.dependencies import Deps, StaffOrPartner
from api.paging import PageQuery
from api.paths import NO_SUCH_EVENT, EventId
from api.problems import FieldError, NotFound, Unprocessable, documented
from api.tokens import Caller
from domain.commands import Role
from domain.journal import ReceiptStatus
from domain.model import Ref
from domain.moments import Moment
from store.receipt_history import HistoryFilter, count_receipts, list_receipts
from store.receipts import ReceiptView, receipt

router = APIRouter(tags=["partners"])


class Receipt(BaseModel):
    """What became of a delivery, and why: `reason` is a code or words, `detail` more words.

    `delivered_at` is when the journey had it, `settled_at` when its status became final. `of` is
    the first receipt where this one is a repeat's, or that of another body under the same id;
    `superseded_by` the receipt of what took its place. `journey_id` is told to staff.
    """

    receipt: str
    source: str
    event_id: str
    type: str
    subject: str
    status: ReceiptStatus
    reason: str
    detail: str
    received_at: datetime
    delivered_at: datetime | None
    settled_at: datetime | None
    of: str | None
    superseded_by: str | None
    journey_id: str | None


class Receipts(BaseModel):
    """A page of receipts, newest first; `next_cursor` None at its end."""

    items: list[Receipt]
    next_cursor: str | None


class Counts(BaseModel):
    """How many deliveries there are of each status, repeats among the duplicates.

    `at_least` where there may be more: in a region of many journeys the newest are counted.
    """

    total: int
    at_least: bool
    by_status: dict[ReceiptStatus, int]


class CountsQuery(BaseModel):
    """What the history can be narrowed to.

    `reason` is a code such as `unknown_subject`; `received_from` is included, `received_to` is not;
    `journey_id` is for staff.
    """

    model_config = ConfigDict(extra="forbid")

    type: Ref | None = None
    status: ReceiptStatus | None = None
    reason: Ref | None = None
    subject: Ref | None = None
    journey_id: Ref | None = None
    received_from: Moment | None = None
    received_to: Moment | None = None

    def of(self, caller: Caller) -> HistoryFilter:
        """The store's filter: a partner sees what it sent, staff the events of their journeys.

        Raises:
            Unprocessable: a partner asks by a journey's id.
        """
        if caller.role is Role.PARTNER:
            if self.journey_id is not None:
                wrong = FieldError(field="journey_id", message="is for staff; filter by `subject`")
                raise Unprocessable("the request is not valid; see errors", errors=[wrong])
            whose = {"partner": caller.partner}
        else:
            whose = {"region": caller.region}
        return HistoryFilter(**whose, **self.model_dump(exclude={"limit", "cursor"}))


class HistoryQuery(PageQuery, CountsQuery):
    """The same, and which page."""


@router.get(
    "/v1/events",
    response_model=Receipts,
    responses=documented(401, 403, 422, 503),
    summary="The history of deliveries: each event, repeat and variant, newest first",
)
async def list_history(
    caller: StaffOrPartner, query: Annotated[HistoryQuery, Query()], deps: Deps
) -> Receipts:
    """A partner sees what it sent itself, staff the events of journeys in their region.

    A page for staff may hold fewer than `limit`, or none, and yet have a next one.
    """
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        page = await list_receipts(connection, query.of(caller), query.limit, query.cursor)
    return Receipts(
        items=[_shown(view, caller) for view in page.items], next_cursor=page.next_cursor
    )


@router.get(
    "/v1/events/counts",
    response_model=Counts,
    responses=documented(401, 403, 422, 503),
    summary="How many deliveries there are of each status",
)
async def count_history(
    caller: StaffOrPartner, query: Annotated[CountsQuery, Query()], deps: Deps
) -> Counts:
    """As many as the list has lines under the same filters, or `at_least` so many."""
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        counted = await count_receipts(connection, query.of(caller))
    return Counts(
        total=sum(counted.by_status.values()),
        at_least=counted.at_least,
        by_status=counted.by_status,
    )


@router.get(
    "/v1/events/{event_id:path}",
    response_model=Receipt,
    responses=documented(401, 403, 404, 422, 503),
    summary="What became of an event",
)
async def show_receipt(caller: StaffOrPartner, event_id: EventId, deps: Deps) -> Receipt:
    """A partner sees its own events, staff those of journeys in their region."""
    sends = caller.role is Role.PARTNER
    partner, region = (caller.partner, None) if sends else (None, caller.region)
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        view = await receipt(connection, event_id, partner, region)
    if view is None:
        raise NotFound(NO_SUCH_EVENT)
    return _shown(view, caller)


def _shown(view: ReceiptView, caller: Caller) -> Receipt:
    to_staff = caller.role is not Role.PARTNER
    return Receipt(
        **view.model_dump(exclude={"partner", "original", "journey_id"}),
        of=view.original,
        journey_id=view.journey_id if to_staff else None,
    )
