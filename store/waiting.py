"""Whether anything waits for the relay: one cheap look before the work."""

from dataclasses import dataclass

from sqlalchemy import exists, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from store.intake_tables import TO_DELIVER, TO_FOLD, UNSORTED, inbox
from store.pauses import GOES_ON


@dataclass(frozen=True)
class Waiting:
    """Which of the relay's queues hold something, be it under another relay's lease."""

    unsorted: bool
    to_fold: bool
    to_deliver: bool


_LOOK = select(
    *(
        exists(select(inbox.c.receipt).where(text(queue), text(GOES_ON))).label(name)
        for name, queue in (
            ("unsorted", UNSORTED),
            ("to_fold", TO_FOLD),
            ("to_deliver", TO_DELIVER),
        )
    )
)


async def what_waits(connection: AsyncConnection) -> Waiting:
    """Look into the queues; each answer costs one step into a partial index, and past what a pause
    keeps."""
    row = (await connection.execute(_LOOK)).one()
    return Waiting(unsorted=row.unsorted, to_fold=row.to_fold, to_deliver=row.to_deliver)
