"""Mail that Temporal refuses as it is, such as for its size: event by event, then to quarantine."""

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from processes.relay_calls import Answer, signal
from processes.relay_pace import Pace
from store.mailbox import Mail, delivered, put_back
from store.undeliverable import count_refusals

TRIES = 4
"""How often an event is refused before a supervisor has to look at it: some reasons pass, such as
too many signals in one run."""


async def deliver_singly(engine: AsyncEngine, client: Client, pace: Pace, mail: Mail) -> None:
    """Hand over each event of refused mail by itself, so that one bad event stops no other.

    Those refused again are left for later, and given up after `TRIES` times.
    """
    done, refused = [], []
    for delivery in mail.deliveries:
        answer = await signal(client, Mail(mail.journey_id, mail.token, (delivery,)))
        if answer is Answer.DONE:
            done.append(delivery)
        elif answer is Answer.INVALID:
            refused.append(delivery.receipt)
        else:
            break
    async with engine.begin() as connection:
        # Marking gives the lease back; where some are left, nobody takes it up before the pause.
        await delivered(connection, [Mail(mail.journey_id, mail.token, tuple(done))])
        if refused:
            await count_refusals(connection, mail, refused, TRIES)
            await put_back(connection, [mail], pause=pace.odd_ones_wait)
