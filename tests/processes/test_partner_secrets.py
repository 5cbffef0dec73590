"""Partner secrets of an embedded run are refused outside it, sealed as they are."""

from base64 import b64encode
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.senders import SenderKind
from processes.faults import CommandFailed
from processes.local_issuer import SampleSecrets, partner_secrets
from processes.partner_secrets import require_own_partner_secrets
from processes.settings import Settings, load_settings
from processes.vaults import vault_of
from store.registry import PartnerRow, save_partners
from tests.vault import MASTER_KEY

PARTNER = "provider-sz-01"
OWN = "whsec_" + b64encode(b"something else than a local one").decode()


@pytest.fixture
def elsewhere(database_url: str) -> Settings:
    return load_settings(
        {"JOURNEYMAN_DATABASE_URL": database_url, "JOURNEYMAN_MASTER_KEY": MASTER_KEY}
    )


async def _enter(engine: AsyncEngine, settings: Settings, *secrets: str) -> None:
    row = PartnerRow(
        id=PARTNER,
        organization=PARTNER,
        kind=SenderKind.PROVIDER,
        name="",
        region="4403",
        source=f"/partners/{PARTNER}",
    )
    vault = await vault_of(settings, engine)
    async with engine.begin() as connection:
        await save_partners(connection, vault, [row], {PARTNER: secrets})


async def test_a_local_secret_is_found_under_its_seal(
    engine: AsyncEngine, elsewhere: Settings, tmp_path: Path
) -> None:
    local = partner_secrets(tmp_path, [PARTNER])[PARTNER]
    await _enter(engine, elsewhere, OWN, local)
    async with engine.connect() as connection:
        await require_own_partner_secrets(load_settings({}), connection)
        with pytest.raises(SampleSecrets, match=PARTNER):
            await require_own_partner_secrets(elsewhere, connection)


async def test_a_local_secret_that_was_replaced_is_no_hindrance(
    engine: AsyncEngine, elsewhere: Settings, tmp_path: Path
) -> None:
    await _enter(engine, elsewhere, partner_secrets(tmp_path, [PARTNER])[PARTNER])
    await _enter(engine, elsewhere, OWN)
    async with engine.connect() as connection:
        await require_own_partner_secrets(elsewhere, connection)


async def test_without_partners_no_vault_is_opened(engine: AsyncEngine, database_url: str) -> None:
    without_key = load_settings({"JOURNEYMAN_DATABASE_URL": database_url})
    async with engine.connect() as connection:
        await require_own_partner_secrets(without_key, connection)


async def test_without_the_master_key_the_process_says_what_it_needs(
    engine: AsyncEngine, elsewhere: Settings, database_url: str
) -> None:
    await _enter(engine, elsewhere, OWN)
    without_key = load_settings({"JOURNEYMAN_DATABASE_URL": database_url})
    async with engine.connect() as connection:
        with pytest.raises(CommandFailed, match="JOURNEYMAN_MASTER_KEY"):
            await require_own_partner_secrets(without_key, connection)
