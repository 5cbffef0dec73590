"""`journeyman partner` against a running door: pause, resume, and keys, as an operator."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from temporalio.client import Client

from tests.stories.house import House, a_house

CENTER = "center-wuhan-01"


@pytest.fixture
async def house(database_url: str, temporal_client: Client, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(database_url, temporal_client, tmp_path, working=False) as house:
        yield house


async def partner(house: House, *arguments: str, role: str = "operator") -> tuple[int, str, str]:
    """How `journeyman partner …` ended, and what it said and complained of."""
    door = urlsplit(str(house.door.base_url))
    inherited = {name: value for name, value in os.environ.items() if "JOURNEYMAN_" not in name}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "processes.cli", "partner", *arguments),
        env=inherited
        | {
            "JOURNEYMAN_API_PORT": str(door.port),
            "JOURNEYMAN_TOKEN": house.issuer.token(role, region="42"),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    return process.returncode or 0, said.decode(), complained.decode()


async def test_a_failing_partner_is_paused_found_and_resumed(house: House) -> None:
    paused, said, _ = await partner(house, "pause", CENTER, "--reason", "answers garbage")
    _, listed, _ = await partner(house, "list", "--paused")
    _, shown, _ = await partner(house, "show", CENTER)
    twice, _, complained = await partner(house, "pause", CENTER, "--reason", "again")
    resumed, _, _ = await partner(house, "resume", CENTER, "--reason", "repaired")
    _, nobody, _ = await partner(house, "list", "--paused", "--json")

    assert (paused, twice, resumed) == (0, 1, 0)
    assert f"{CENTER} is paused" in said
    assert CENTER in listed
    assert "answers garbage" in listed
    assert json.loads(shown)["held"] == {"calls": 0, "events": 0}
    assert "partner.paused" in complained
    assert json.loads(nobody) == []


async def test_every_partner_is_listed(house: House) -> None:
    _, listed, _ = await partner(house, "list", "--json", "--kind", "center")
    kinds = {each["kind"] for each in json.loads(listed)}
    assert kinds == {"center"}


async def test_keys_are_rotated_listed_and_revoked(house: House) -> None:
    _, rotated, _ = await partner(house, "keys", "rotate", CENTER, "--overlap", "60")
    made = json.loads(rotated)
    old = made["ending"][0]
    revoked, _, _ = await partner(house, "keys", "revoke", CENTER, old, "--reason", "seen")
    _, listed, _ = await partner(house, "keys", "list", CENTER)

    assert made["secret"].startswith("whsec_")
    assert revoked == 0
    assert [word for word in listed.split() if word in ("usable", "revoked")] == [
        "usable",
        "revoked",
    ]
    assert made["secret"] not in listed


async def test_whoever_is_no_operator_is_told_so(house: House) -> None:
    code, _, complained = await partner(house, "list", role="supervisor")
    assert code == 1
    assert "role_not_permitted" in complained
    assert "Traceback" not in complained
