"""Events that Temporal refuses to hand to their journey, again and again: into quarantine."""

from collections.abc import Sequence

from sqlalchemy import Text, bindparam, delete, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from store.mailbox import Mail
from store.quarantine_tables import refused_deliveries
from store.sealed_events import put_away

_COUNT = text(
    """
    WITH lease AS (
        SELECT 1 FROM mailboxes WHERE journey_id = :journey AND token = :token FOR UPDATE
    )
    INSERT INTO refused_deliveries AS held (receipt, times)
    SELECT receipt, 1 FROM lease, unnest(:receipts) AS receipt ORDER BY receipt
    ON CONFLICT (receipt) DO UPDATE SET times = held.times + 1
    RETURNING receipt, times
    """
).bindparams(bindparam("receipts", type_=ARRAY(Text)))
_FORGET = delete(refused_deliveries).where(refused_deliveries.c.receipt == bindparam("of"))


async def count_refusals(
    connection: AsyncConnection, mail: Mail, receipts: Sequence[str], tries: int
) -> tuple[str, ...]:
    """Note that these of the mail were refused once more, in the caller's transaction.

    Where the mail's lease no longer holds, nothing is noted: another relay may have handed them
    over, and not yet marked them.

    Returns those that were refused so many times by now: they are in quarantine as `undeliverable`.
    """
    counted = await connection.execute(
        _COUNT, {"journey": mail.journey_id, "token": mail.token, "receipts": list(receipts)}
    )
    given_up = tuple(row.receipt for row in counted if row.times >= tries)
    for receipt in given_up:
        await put_away(connection, receipt, f"its journey could not be given it {tries} times")
        await connection.execute(_FORGET, {"of": receipt})
    return given_up
