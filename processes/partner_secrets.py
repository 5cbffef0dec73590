"""Refuses partner secrets of an embedded run outside it."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from processes.local_issuer import LOCAL_MARK, SampleSecrets
from processes.settings import Settings
from processes.vaults import vault_on
from store.partner_keys import any_key, usable_keys

_MOST_NAMED = 5


async def require_own_partner_secrets(settings: Settings, connection: AsyncConnection) -> None:
    """Outside an embedded run, make sure that no partner signs with a secret of one.

    Raises:
        CommandFailed: the vault that holds the partners' keys can't be opened.
        SampleSecrets: naming the partners whose keys to rotate.
    """
    if settings.is_embedded or not await any_key(connection):
        return
    vault = await vault_on(settings, connection)
    usable = await usable_keys(connection, vault, datetime.now(UTC))
    local = sorted({partner for partner, key in usable if key.startswith(LOCAL_MARK)})
    if local:
        named = ", ".join(local[:_MOST_NAMED])
        raise SampleSecrets(f"these partners sign with secrets of an embedded run: {named}")
