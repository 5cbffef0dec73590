"""`journeyman partners`: the registry of any database is filled from files."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from processes.demo.partners import PARTNERS_FILE
from processes.enter_partners import enter_partners
from processes.faults import CommandFailed
from processes.settings import Settings, load_settings
from processes.vaults import vault_of
from store.partner_keys import key_of_secret
from store.registry import PartnerKey, PartnerRow, partner_by_source
from tests.vault import MASTER_KEY

KEY = "whsec_" + "a" * 44
PARTNERS = """\
partners:
  provider-1:
    kind: provider
    name: 第一实训中心
    region: "4403"
"""


@pytest.fixture
def settings(database_url: str) -> Settings:
    return load_settings(
        {"JOURNEYMAN_DATABASE_URL": database_url, "JOURNEYMAN_MASTER_KEY": MASTER_KEY}
    )


def _files(folder: Path, secrets: object, partners: str = PARTNERS) -> tuple[Path, Path]:
    written = folder / "partners.yaml", folder / "keys.json"
    written[0].write_text(partners, encoding="utf-8")
    written[1].write_text(json.dumps(secrets), encoding="utf-8")
    return written


async def test_partners_and_their_keys_are_entered_and_replaced(
    settings: Settings, engine: AsyncEngine, tmp_path: Path
) -> None:
    newer = "whsec_" + "b" * 44
    for key in (KEY, newer):
        assert await enter_partners(settings, *_files(tmp_path, {"provider-1": key})) == 1
    found = await _found(settings, engine)
    assert found is not None
    row, keys = found
    assert row.id == "provider-1"
    assert [key.key for key in keys] == [key_of_secret(newer)]


async def test_a_key_that_was_replaced_is_not_taken_again(
    settings: Settings, engine: AsyncEngine, tmp_path: Path
) -> None:
    for key in (KEY, "whsec_" + "b" * 44):
        await enter_partners(settings, *_files(tmp_path, {"provider-1": key}))
    with pytest.raises(CommandFailed, match=r"keys\.json.*provider-1.*revoked"):
        await enter_partners(settings, *_files(tmp_path, {"provider-1": KEY}))


async def _found(
    settings: Settings, engine: AsyncEngine
) -> tuple[PartnerRow, tuple[PartnerKey, ...]] | None:
    vault = await vault_of(settings, engine)
    async with engine.connect() as connection:
        return await partner_by_source(connection, vault, "/partners/provider-1", datetime.now(UTC))


@pytest.mark.parametrize(
    ("secrets", "told"),
    [
        ({}, "no key for provider-1"),
        ({"provider-1": "plain"}, "the key of provider-1"),
        ({"provider-1": "whsec_c2hvcnQ="}, "24 to 64 bytes"),
        ([], "write a JSON object"),
    ],
)
async def test_a_missing_or_malformed_key_is_named_and_nothing_is_entered(
    settings: Settings, engine: AsyncEngine, tmp_path: Path, secrets: object, told: str
) -> None:
    with pytest.raises(CommandFailed, match=told):
        await enter_partners(settings, *_files(tmp_path, secrets))
    assert await _found(settings, engine) is None


async def test_a_wrong_file_is_named_with_key_and_value(settings: Settings, tmp_path: Path) -> None:
    wrong = PARTNERS.replace("provider\n", "school\n")
    with pytest.raises(CommandFailed, match=r"partners.yaml.*provider-1.*school"):
        await enter_partners(settings, *_files(tmp_path, {"provider-1": KEY}, wrong))


async def test_the_demos_partners_are_such_a_file(settings: Settings, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    names = [line[2:-1] for line in PARTNERS_FILE.read_text().splitlines() if line[:3].strip()]
    keys.write_text(json.dumps(dict.fromkeys(names, KEY)))
    assert await enter_partners(settings, PARTNERS_FILE, keys) > 40
