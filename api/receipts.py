"""`GET /v1/events/{id}`: what became of an event, for its sender and for the region's staff."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from api.database import transaction
from api.dependencies import Deps, StaffOrPartner
from api.paths import NO_SUCH_EVENT, EventId
from api.problems import NotFound, documented
from domain.commands import Role
from domain.journal import ReceiptStatus
from store.caseload import Scope, find_case
from store.receipts import ReceiptView, receipt

router = APIRouter(tags=["partners"])


class Receipt(BaseModel):
    """What became of an event, and why.

    `settled_at` once the status is final; `of` is the first receipt where this one is a repeat's.
    """

    receipt: str
    source: str
    event_id: str
    type: str
    subject: str
    status: ReceiptStatus
    reason: str
    received_at: datetime
    settled_at: datetime | None
    of: str | None


@router.get(
    "/v1/events/{event_id:path}",
    response_model=Receipt,
    responses=documented(401, 403, 404, 422, 503),
    summary="What became of an event",
)
async def show_receipt(caller: StaffOrPartner, event_id: EventId, deps: Deps) -> Receipt:
    """A partner sees its own events, staff those of journeys in their region."""
    sender = caller.partner if caller.role is Role.PARTNER else None
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        view = await receipt(connection, event_id, sender)
        if view is None:
            raise NotFound(NO_SUCH_EVENT)
        if sender is None and (
            view.journey_id is None
            or await find_case(connection, Scope(region=caller.region), view.journey_id) is None
        ):
            raise NotFound(NO_SUCH_EVENT)
    return _shown(view)


def _shown(view: ReceiptView) -> Receipt:
    return Receipt(
        receipt=view.receipt,
        source=view.source,
        event_id=view.event_id,
        type=view.type,
        subject=view.subject,
        status=view.status,
        reason=view.reason,
        received_at=view.received_at,
        settled_at=view.settled_at,
        of=view.original,
    )
