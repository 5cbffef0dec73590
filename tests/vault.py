"""A vault whose keys are known before any database is there; only for tests."""

from base64 import b64encode

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import service_keys
from store.vault import MasterKeys, ServiceKey, Vault

MASTER_KEY = b64encode(b"a master key for the tests only.").decode()
_SERVICE = MasterKeys(MASTER_KEY)
_KEYS = {name: name.encode().ljust(32, b".") for name in ServiceKey}
VAULT = Vault(_SERVICE, _KEYS)


async def give_to_processes(connection: AsyncConnection) -> None:
    """Let processes with the tests' master key open the same vault on this database."""
    for name, key in _KEYS.items():
        await connection.execute(
            insert(service_keys)
            .values(name=name, wrapped=await _SERVICE.wrap(key), made_at=func.now())
            .on_conflict_do_nothing()
        )
