"""Refuses partner secrets of an embedded run outside it."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from processes.faults import CommandFailed
from processes.local_issuer import LOCAL_MARK, SampleSecrets
from processes.settings import Settings
from processes.vaults import vault_on
from store.partner_keys import any_key, usable_keys
from store.vault import Unsealable

_MOST_NAMED = 5


async def require_own_partner_secrets(settings: Settings, connection: AsyncConnection) -> None:
    """Outside an embedded run, make sure that no partner signs with a secret of one.

    Raises:
        CommandFailed: the vault can't be opened, or does not open the partners' keys.
        SampleSecrets: naming the partners whose keys to rotate.
    """
    if settings.is_embedded or not await any_key(connection):
        return
    vault = await vault_on(settings, connection)
    try:
        usable = await usable_keys(connection, vault, datetime.now(UTC))
    except Unsealable:
        raise CommandFailed(
            "partners' keys in the database were sealed under keys that it does not hold any more: "
            "restore `service_keys` with the rest of it"
        ) from None
    local = sorted({partner for partner, key in usable if key.startswith(LOCAL_MARK)})
    if local:
        named = ", ".join(local[:_MOST_NAMED])
        raise SampleSecrets(f"these partners sign with secrets of an embedded run: {named}")
