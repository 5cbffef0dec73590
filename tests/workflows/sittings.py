"""What an exam center reports in a test: dates, results, absences, for the n-th booking."""

from datetime import datetime
from typing import Any

from domain.events import Delivery
from domain.stages import State
from tests.workflows.carrying import CENTERS, Trainee


def bookings(trainee: Trainee) -> list[str]:
    """The references of the bookings so far."""
    return [ref for ref in trainee.world.journal.references[trainee.id] if ref.startswith("bk_")]


async def booked(trainee: Trainee, nth: int = 1) -> str:
    """Wait for the n-th booking; its reference."""
    await trainee.world.journal.until(
        lambda: (
            len(bookings(trainee)) >= nth
            and trainee.case.state is State.REGISTERING
            and "assessment.scheduled" in trainee.case.awaited
        )
    )
    return bookings(trainee)[nth - 1]


async def schedule(
    trainee: Trainee,
    ref: str,
    *components: str,
    at: datetime | None = None,
    center: str = CENTERS[0],
) -> None:
    """The center names the date of each component: now, where none is given."""
    at = at or await trainee.world.now()
    for component in components:
        await report(trainee, "scheduled", ref, component, center=center, at=at.isoformat())


async def report(
    trainee: Trainee,
    what: str,
    ref: str,
    component: str,
    *,
    center: str = CENTERS[0],
    event_id: str | None = None,
    **data: Any,
) -> Delivery:
    """The center reports a `result`, an `absent`, a `voided` or a `scheduled`."""
    return await trainee.tell(
        f"assessment.{what}",
        {"component": component, **data},
        partner=center,
        about=ref,
        event_id=event_id,
    )


async def sit(trainee: Trainee, nth: int = 1, *, center: str = CENTERS[0], **marks: float) -> str:
    """The n-th booking is sat now with these marks; its reference."""
    ref = await booked(trainee, nth)
    await schedule(trainee, ref, *marks, center=center)
    for component, mark in marks.items():
        await report(trainee, "result", ref, component, center=center, raw=mark)
    return ref
