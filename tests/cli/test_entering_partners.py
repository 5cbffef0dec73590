"""`journeyman partners`: the registry of any database is filled from files."""

import json
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from processes.demo.partners import PARTNERS_FILE
from processes.enter_partners import enter_partners
from processes.faults import CommandFailed
from processes.settings import Settings, load_settings
from store.registry import partner_by_source

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
    return load_settings({"JOURNEYMAN_DATABASE_URL": database_url})


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
    async with engine.connect() as connection:
        found = await partner_by_source(connection, "/partners/provider-1")
    assert found is not None
    row, secrets = found
    assert row.id == "provider-1"
    assert list(secrets) == [newer]


@pytest.mark.parametrize(
    ("secrets", "told"),
    [
        ({}, "no key for provider-1"),
        ({"provider-1": "plain"}, "the key of provider-1"),
        ([], "write a JSON object"),
    ],
)
async def test_a_missing_or_malformed_key_is_named_and_nothing_is_entered(
    settings: Settings, engine: AsyncEngine, tmp_path: Path, secrets: object, told: str
) -> None:
    with pytest.raises(CommandFailed, match=told):
        await enter_partners(settings, *_files(tmp_path, secrets))
    async with engine.connect() as connection:
        assert await partner_by_source(connection, "/partners/provider-1") is None


async def test_a_wrong_file_is_named_with_key_and_value(settings: Settings, tmp_path: Path) -> None:
    wrong = PARTNERS.replace("provider\n", "school\n")
    with pytest.raises(CommandFailed, match=r"partners.yaml.*provider-1.*school"):
        await enter_partners(settings, *_files(tmp_path, {"provider-1": KEY}, wrong))


async def test_the_demos_partners_are_such_a_file(settings: Settings, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    names = [line[2:-1] for line in PARTNERS_FILE.read_text().splitlines() if line[:3].strip()]
    keys.write_text(json.dumps(dict.fromkeys(names, KEY)))
    assert await enter_partners(settings, PARTNERS_FILE, keys) > 40
