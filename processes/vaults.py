"""How a process opens the vault: with the master key of the settings, or of the embedded run."""

import base64
import binascii

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from processes.faults import CommandFailed
from processes.local_issuer import LOCAL_MARK, SampleSecrets, local_master_key
from processes.settings import Settings
from store.vault import BadMasterKey, MasterKeys, Unsealable, Vault, open_vault

_SETTING = "JOURNEYMAN_MASTER_KEY"


def key_service(settings: Settings) -> MasterKeys:
    """The master keys that the settings give, or the embedded run's own.

    Raises:
        CommandFailed: none is given, or what is given is none.
        SampleSecrets: that of an embedded run, outside of it.
    """
    if settings.master_key is None:
        if not settings.is_embedded:
            raise CommandFailed(
                f"{_SETTING}: not set; make one with `openssl rand -base64 32`, keep it where "
                "secrets are kept, and give the same to every process"
            )
        return MasterKeys(local_master_key(settings.keys_folder))
    texts = settings.master_key.get_secret_value().split()
    if not settings.is_embedded and any(map(_is_local, texts)):
        raise SampleSecrets(f"{_SETTING}: this is the key of an embedded run; make one of your own")
    try:
        return MasterKeys(*texts)
    except BadMasterKey as bad:
        raise CommandFailed(f"{_SETTING}: {bad}") from None


async def vault_of(settings: Settings, engine: AsyncEngine) -> Vault:
    """The vault of the engine's database; see `vault_on`."""
    async with engine.begin() as connection:
        return await vault_on(settings, connection)


async def vault_on(settings: Settings, connection: AsyncConnection) -> Vault:
    """The vault of the connection's database; the first to open it makes its keys.

    Raises:
        CommandFailed: there is no good master key, or it is not this database's.
        SampleSecrets: see `key_service`.
    """
    service = key_service(settings)
    try:
        return await open_vault(connection, service)
    except Unsealable:
        raise CommandFailed(
            f"{_SETTING}: the database's keys were wrapped by another master key; give that one "
            "too, after the new one and parted by a space"
        ) from None


def _is_local(text: str) -> bool:
    try:
        return base64.b64decode(text).startswith(LOCAL_MARK)
    except (binascii.Error, ValueError):
        return False
