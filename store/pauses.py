"""Pausing a partner: its events are kept as they came, and what is to be asked of it waits.

Calls are held by `store.held_calls`. Events are accepted all the same; sorting, folding and
delivery pass over them, and take them up in the order of arrival once the partner is resumed.
"""

from datetime import datetime

from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.commands import Actor
from domain.journal import ReceiptStatus
from domain.model import Word
from store.audit import AuditAction, AuditLine, append
from store.intake_tables import inbox
from store.partner_tables import held_calls
from store.tables import MOMENT, partners

GOES_ON = "partner <> ALL (ARRAY(SELECT partner_id FROM partners WHERE paused_at IS NOT NULL))"
"""Condition on a row of the inbox: its partner is not paused."""


class Held(Word):
    """What waits for a partner to be resumed, or is not carried out yet since."""

    calls: int
    events: int


_OF = partners.c.partner_id == bindparam("of")
_PAUSE = (
    update(partners)
    .where(_OF, partners.c.paused_at.is_(None))
    .values(
        paused_at=bindparam("now", type_=MOMENT),
        paused_by=bindparam("by"),
        pause_reason=bindparam("why"),
        updated_at=bindparam("now", type_=MOMENT),
        revision=partners.c.revision + 1,
    )
    .returning(partners.c.partner_id)
)
_RESUME = (
    update(partners)
    .where(_OF, partners.c.paused_at.is_not(None))
    .values(
        paused_at=None,
        paused_by=None,
        pause_reason=None,
        updated_at=bindparam("now", type_=MOMENT),
        revision=partners.c.revision + 1,
    )
    .returning(partners.c.partner_id)
)
_WAKE_RELAYS = text("SELECT pg_notify('intake', '')")
_HELD = select(
    select(func.count())
    .select_from(held_calls)
    .where(held_calls.c.partner_id == bindparam("of"))
    .scalar_subquery()
    .label("calls"),
    select(func.count())
    .select_from(inbox)
    .where(inbox.c.partner == bindparam("of"), inbox.c.status == ReceiptStatus.RECEIVED)
    .scalar_subquery()
    .label("events"),
)


async def pause(
    connection: AsyncConnection, partner: str, reason: str, *, by: Actor, now: datetime
) -> bool:
    """Pause a partner, in the caller's transaction; returns False where it is paused already."""
    asked = {"of": partner, "by": by.id, "why": reason, "now": now}
    if await connection.scalar(_PAUSE, asked) is None:
        return False
    await _tell(connection, AuditAction.PARTNER_PAUSED, partner, reason, by)
    return True


async def resume(
    connection: AsyncConnection, partner: str, reason: str, *, by: Actor, now: datetime
) -> bool:
    """Let a partner go on, in the caller's transaction; returns False where it is not paused."""
    if await connection.scalar(_RESUME, {"of": partner, "now": now}) is None:
        return False
    await connection.execute(_WAKE_RELAYS)
    await _tell(connection, AuditAction.PARTNER_RESUMED, partner, reason, by)
    return True


async def held_for(connection: AsyncConnection, partner: str) -> Held:
    """How many calls and events wait for a partner."""
    row = (await connection.execute(_HELD, {"of": partner})).one()
    return Held(calls=row.calls, events=row.events)


async def _tell(
    connection: AsyncConnection, action: AuditAction, partner: str, reason: str, by: Actor
) -> None:
    line = AuditLine(action=action, by=by, about=partner, detail={"reason": reason})
    await append(connection, line)
