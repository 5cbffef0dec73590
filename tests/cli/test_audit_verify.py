"""`journeyman audit verify`: exit code, findings and the anchor to keep."""

import asyncio
import re
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from processes.audit_seals import AuditSealer
from processes.audit_verification import verify_audit
from processes.faults import CommandFailed
from processes.settings import Settings, load_settings
from processes.vaults import vault_of
from store.audit import append
from store.audit_seals import newest_seal
from tests.store.test_audit import a_line, forging
from tests.vault import MASTER_KEY


@pytest.fixture
def settings(database_url: str) -> Settings:
    return load_settings(
        {"JOURNEYMAN_DATABASE_URL": database_url, "JOURNEYMAN_MASTER_KEY": MASTER_KEY}
    )


@pytest.fixture
async def sealer(settings: Settings, engine: AsyncEngine) -> AuditSealer:
    """A sealer of a log of three lines, sealed."""
    async with engine.begin() as connection:
        for number in range(3):
            await append(connection, a_line(number))
    sealer = AuditSealer(engine, await vault_of(settings, engine))
    await sealer.seal()
    return sealer


async def told(settings: Settings, *anchors: str) -> tuple[int, str]:
    said = StringIO()
    code = await verify_audit(settings, anchors, Console(file=said, width=80))
    return code, said.getvalue()


async def test_a_whole_log_ends_with_the_anchor_to_keep(
    settings: Settings, sealer: AuditSealer, engine: AsyncEngine, tmp_path: Path
) -> None:
    code, said = await told(settings)
    assert code == 0
    assert "lines 3, strands 1, seals 1: whole" in said
    anchor = re.search(r"anchor (1:[0-9a-f]{64})", said)
    assert anchor is not None
    assert (await told(settings, anchor[1]))[0] == 0
    kept = tmp_path / "kept"
    kept.write_text(f"anchor {anchor[1]}\n")
    assert (await told(settings, str(kept)))[0] == 0


async def test_each_finding_is_told_with_its_place(
    settings: Settings, sealer: AuditSealer, owner_engine: AsyncEngine
) -> None:
    async with forging(owner_engine) as connection:
        await connection.execute(text("UPDATE audit_log SET about = 'jn_9' WHERE sequence = 2"))
    code, said = await told(settings)
    assert code == 1
    assert "strand 1, line 2: edited line:" in said
    assert "findings 1" in said
    assert "anchor" not in said


async def test_a_relays_log_is_an_anchor(
    settings: Settings,
    sealer: AuditSealer,
    engine: AsyncEngine,
    owner_engine: AsyncEngine,
    tmp_path: Path,
) -> None:
    async with engine.connect() as connection:
        newest = await newest_seal(connection)
    assert newest is not None
    log = tmp_path / "relay.log"
    log.write_text(
        '{"event":"relay_ready"}\n{"event":"audit_sealed"}\n'
        f'{{"event":"audit_sealed","number":1,"mac":"{newest.mac.hex()}"}}\n'
    )
    assert (await told(settings, str(log)))[0] == 0
    async with forging(owner_engine) as connection:
        await connection.execute(text("TRUNCATE audit_log, audit_seals"))
    assert (await told(settings))[0] == 0
    code, said = await told(settings, str(log))
    assert code == 1
    assert "seal 1: cut-off seals" in said


@pytest.mark.parametrize("content", [None, "nothing here\n"])
async def test_an_anchor_that_is_none_is_named(
    settings: Settings, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "anchors"
    if content is not None:
        file.write_text(content)
    with pytest.raises(CommandFailed, match=re.escape(str(file))):
        await told(settings, str(file))


async def test_the_sealer_tells_when_a_seal_of_its_own_is_gone(
    sealer: AuditSealer,
    owner_engine: AsyncEngine,
    engine: AsyncEngine,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with forging(owner_engine) as connection:
        await connection.execute(text("DELETE FROM audit_seals"))
    await sealer.seal()
    assert "audit_seal_missing" in "".join(capsys.readouterr())


async def test_the_sealer_tells_when_the_log_is_shorter_than_sealed(
    sealer: AuditSealer,
    owner_engine: AsyncEngine,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with forging(owner_engine) as connection:
        await connection.execute(text("DELETE FROM audit_log WHERE sequence > 1"))
    await sealer.seal()
    assert "audit_log_shorter_than_sealed" in "".join(capsys.readouterr())


async def test_several_sealers_leave_one_chain(
    settings: Settings, sealer: AuditSealer, engine: AsyncEngine
) -> None:
    vault = await vault_of(settings, engine)
    sealers = [AuditSealer(engine, vault) for _ in range(4)]
    for number in range(5):
        async with engine.begin() as connection:
            await append(connection, a_line(number))
        await asyncio.gather(*(each.seal() for each in sealers))
    await sealer.seal()
    code, said = await told(settings)
    assert (code, "lines 8, strands 1, seals 6: whole" in said) == (0, True)
