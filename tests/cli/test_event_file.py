"""`journeyman event-file` against a running house: what it prints, and how it ends."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from temporalio.client import Client

from tests.api.event_files import a_result, a_table
from tests.stories.house import House, a_house

CENTER = "center-shenzhen-01"


@pytest.fixture
async def house(database_url: str, temporal_client: Client, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(database_url, temporal_client, tmp_path, working=False) as house:
        yield house


async def event_file(house: House, *arguments: str) -> tuple[int, str, str]:
    """How `journeyman event-file …` ended, and what it said and complained of."""
    door = urlsplit(str(house.door.base_url))
    inherited = {name: value for name, value in os.environ.items() if "JOURNEYMAN_" not in name}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "processes.cli", "event-file", *arguments, "--partner", CENTER),
        env=inherited
        | {
            "JOURNEYMAN_API_PORT": str(door.port),
            "JOURNEYMAN_TOKEN": house.issuer.token("partner", partner=CENTER),
            "JOURNEYMAN_PARTNER_SECRET": house.partner_secrets[CENTER],
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    return process.returncode or 0, said.decode(), complained.decode()


async def test_a_good_file_is_watched_to_its_end(house: House, tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    file.write_bytes(a_table([a_result(component="理论") for _ in range(12)]).encode("gb18030"))

    code, said, complained = await event_file(house, "send", str(file))
    again, said_again, _ = await event_file(house, "send", str(file), "--json", "--no-watch")

    assert (code, again) == (0, 0), complained
    assert "done: 12 rows, 12 sent" in said
    assert json.loads(said_again)["id"] == said.split()[0], "the same file again"


async def test_refused_rows_are_told_and_end_it_with_1(house: House, tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    file.write_text(a_table([a_result(), a_result(raw="x"), a_result(component="moon")]))

    code, said, _ = await event_file(house, "send", str(file))
    ident = said.split()[0]
    shown, _, _ = await event_file(house, "show", ident)
    listed, table, _ = await event_file(house, "show", ident, "--csv")

    assert (code, shown, listed) == (1, 1, 0)
    assert "1 sent, 2 refused" in said
    assert [line.split()[:3] for line in said.splitlines() if "event.form" in line] == [
        ["3", "raw", "event.form"],
        ["4", "component", "event.form"],
    ]
    assert table.splitlines()[0] == "line,field,rule,message,value"
    assert len(table.splitlines()) == 3


async def test_what_can_not_be_sent_is_told_without_a_traceback(
    house: House, tmp_path: Path
) -> None:
    headless = tmp_path / "headless.csv"
    headless.write_text("a,b\n1,2\n")

    for arguments, told in (
        ([str(headless)], "there is no such column"),
        ([str(headless), "--kind", "moon"], "there is no such kind of file"),
        ([str(tmp_path / "none.csv")], "can't be read"),
    ):
        code, _, complained = await event_file(house, "send", *arguments)
        assert code == 1
        assert told in complained
        assert "Traceback" not in complained
