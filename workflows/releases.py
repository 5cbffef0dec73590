"""Giving back what is held at partners: seats, sittings, referrals; in reverse order at the end.

Each undo is idempotent, shielded from cancellation by the caller, and recorded.
"""

from activities.services import EnrollmentActivities, ExamActivities, PlacementActivities
from domain.lifecycle import EntryKind
from partners.requests import Cancel
from workflows.desk import Desk
from workflows.memory import Release, ReleaseKind
from workflows.waits import ServiceRefused


async def give_back_all(desk: Desk) -> None:
    """Give back everything that is still held, the last first."""
    for held in reversed(list(desk.memory.releases)):
        await _give_back(desk, held)


async def give_back(desk: Desk, ref: str) -> None:
    """Give back what is held under this reference; nothing where nothing is."""
    for held in list(desk.memory.releases):
        if held.ref == ref:
            await _give_back(desk, held)


async def _give_back(desk: Desk, held: Release) -> None:
    request = Cancel(
        idempotency_key=f"{desk.brief.journey_id}:cancel:{held.ref}",
        partner=held.partner,
        ref=held.ref,
    )
    match held.kind:
        case ReleaseKind.SEAT:
            answer = await desk.call(
                "enrollment", EnrollmentActivities.cancel_enrollment, request, ending=True
            )
        case ReleaseKind.SITTING:
            answer = await desk.call("exam", ExamActivities.cancel_booking, request, ending=True)
        case ReleaseKind.REFERRAL:
            answer = await desk.call(
                "placement", PlacementActivities.cancel_referral, request, ending=True
            )
    refused = f"; refused: {answer.code}" if isinstance(answer, ServiceRefused) else ""
    desk.note(EntryKind.RELEASED, detail=f"{held.kind} {held.ref}{refused}", partner=held.partner)
    desk.used_up(held.ref)
