"""`journeyman cohort` against a running house: what it prints, and how it ends."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from temporalio.client import Client

from tests.api.cohorts import a_csv, a_row
from tests.stories.house import House, a_house


@pytest.fixture
async def house(database_url: str, temporal_client: Client, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(database_url, temporal_client, tmp_path, working=False) as house:
        yield house


async def cohort(house: House, *arguments: str) -> tuple[int, str, str]:
    """How `journeyman cohort …` ended, and what it said and complained of."""
    door = urlsplit(str(house.door.base_url))
    inherited = {name: value for name, value in os.environ.items() if "JOURNEYMAN_" not in name}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "processes.cli", "cohort", *arguments),
        env=inherited
        | {
            "JOURNEYMAN_API_PORT": str(door.port),
            "JOURNEYMAN_TOKEN": house.issuer.token("caseworker", region="4403"),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    return process.returncode or 0, said.decode(), complained.decode()


async def test_a_good_file_is_watched_to_its_end(house: House, tmp_path: Path) -> None:
    file = tmp_path / "trainees.csv"
    file.write_text(a_csv([a_row() for _ in range(12)]))

    code, said, _ = await cohort(house, "send", str(file), "--watch")
    again, said_again, _ = await cohort(house, "send", str(file), "--json")

    assert (code, again) == (0, 0)
    assert "done: 12 rows, 12 opened" in said
    assert json.loads(said_again)["id"] == said.split()[0], "the same file is the same cohort"


async def test_refused_rows_are_told_and_end_it_with_1(house: House, tmp_path: Path) -> None:
    file = tmp_path / "trainees.csv"
    file.write_text(a_csv([a_row(), a_row(level="grandmaster"), a_row(program="moon")]))

    code, said, _ = await cohort(house, "send", str(file))
    ident = said.split()[0]
    shown, table, _ = await cohort(house, "show", ident, "--csv")

    assert code == 1
    assert "2 refused" in said
    assert [line.split()[:3] for line in said.splitlines() if "opening." in line] == [
        ["3", "level", "opening.form"],
        ["4", "program", "opening.catalog"],
    ]
    assert shown == 0
    assert table.splitlines()[0] == "line,field,rule,message,value"
    assert len(table.splitlines()) == 3


async def test_what_can_not_be_sent_is_told_without_a_traceback(
    house: House, tmp_path: Path
) -> None:
    headless = tmp_path / "headless.csv"
    headless.write_text("a,b\n1,2\n")

    for arguments, told in (
        ([str(headless)], "there is no such column"),
        ([str(tmp_path / "none.csv")], "can't be read"),
        ([str(tmp_path / "trainees.xlsx")], "ends with .csv or .json"),
    ):
        code, _, complained = await cohort(house, "send", *arguments)
        assert code == 1
        assert told in complained
        assert "Traceback" not in complained
