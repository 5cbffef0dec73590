"""A vault whose keys are known before any database is there; only for tests."""

from base64 import b64encode

from store.vault import MasterKeys, ServiceKey, Vault

MASTER_KEY = b64encode(b"a master key for the tests only.").decode()
VAULT = Vault(MasterKeys(MASTER_KEY), {name: name.encode().ljust(32, b".") for name in ServiceKey})
