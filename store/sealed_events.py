"""What an event says, sealed: its data as a journey reads it, and its body as it was sent."""

import orjson
import structlog
from pydantic import JsonValue
from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.commands import JOURNEYMAN
from domain.journal import KeptBack, ReceiptStatus
from domain.model import bounded
from store.audit import APPENDED, AuditAction, AuditLine
from store.intake_tables import inbox
from store.vault import Unsealable, Vault

_log = structlog.get_logger(__name__)


class Unreadable(Exception):
    """What was kept can't be read; the text says why, and nothing of what it holds."""


def seal_event(vault: Vault, receipt: str, data: bytes, raw: bytes) -> bytes:
    """Seal an event under its receipt.

    Args:
        data: a JSON object without a line break outside of its texts, as `orjson.dumps` writes it.
        raw: the body as it was signed.
    """
    return vault.seal(data + b"\n" + raw, about=receipt)


def open_event(vault: Vault, receipt: str, sealed: bytes | None) -> tuple[bytes, bytes]:
    """The data, as JSON, and the body of a sealed event.

    Raises:
        Unreadable: erased, altered, or sealed under another key.
    """
    if sealed is None:
        raise Unreadable("what it said has been erased")
    try:
        data, _, raw = vault.unseal(sealed, about=receipt).partition(b"\n")
    except Unsealable as why:
        raise Unreadable(f"it can't be unsealed: {why}") from None
    return data, raw


def read_data(vault: Vault, receipt: str, sealed: bytes | None) -> dict[str, JsonValue]:
    """The data of a sealed event.

    Raises:
        Unreadable: as in `open_event`, or it is no JSON object.
    """
    data, _ = open_event(vault, receipt, sealed)
    try:
        read = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise Unreadable("its data is no JSON") from None
    if not isinstance(read, dict):
        raise Unreadable("its data is no JSON object")
    return read


_put_away = (
    update(inbox)
    .where(inbox.c.receipt == bindparam("of"), inbox.c.status == ReceiptStatus.RECEIVED)
    .values(
        status=ReceiptStatus.QUARANTINED,
        reason=KeptBack.UNDELIVERABLE,
        detail=bindparam("why"),
        settled_at=func.now(),
    )
    .returning(inbox.c.receipt)
    .cte("put_away")
)
_PUT_AWAY = select(APPENDED).select_from(_put_away)


async def put_away(connection: AsyncConnection, receipt: str, why: str) -> None:
    """Put an event that nobody can read into quarantine, so that it is not tried for ever."""
    line = AuditLine(
        action=AuditAction.EVENT_QUARANTINED,
        by=JOURNEYMAN,
        about=receipt,
        detail={"reason": KeptBack.UNDELIVERABLE.value},
    )
    await connection.execute(_PUT_AWAY, line.parameters() | {"of": receipt, "why": bounded(why)})
    _log.warning("an event can't be read; it is in quarantine", receipt=receipt, why=why)
