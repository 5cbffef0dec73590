"""The doctor: each dependency looked at, and what to do about each that is broken."""

import os
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from processes.doctor import Finding, Status, examine, report
from processes.embedded.ownership import FolderOwnership
from processes.embedded.ports import free_port
from processes.local_issuer import LocalIssuer
from processes.settings import Settings, load_settings
from tests.servers import Addresses, Sweeper

Told = dict[str, Finding]


async def told(**environment: str) -> Told:
    return {finding.subject: finding for finding in await examine(load_settings(environment))}


@pytest.fixture
def elsewhere(servers: Addresses, worker_database: str) -> dict[str, str]:
    """An external run against the database of the tests, whose address names a host."""
    return {"JOURNEYMAN_EMBEDDED": "false", "JOURNEYMAN_DATABASE_URL": worker_database}


@pytest.fixture
def temporal_elsewhere(
    servers: Addresses, worker_name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "none.toml"))
    monkeypatch.setenv("TEMPORAL_ADDRESS", servers.temporal)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", worker_name)


async def test_before_the_first_run_nothing_is_broken(
    tmp_path: Path, ports: dict[str, str]
) -> None:
    findings = await told(JOURNEYMAN_DATA_FOLDER=str(tmp_path / "new"), **ports)
    assert {name for name, found in findings.items() if found.status is Status.BROKEN} == set()
    for name in ("PostgreSQL", "Temporal", "issuer", "exam"):
        assert findings[name].status is Status.IDLE
        assert "journeyman up" in findings[name].advice
    assert not (tmp_path / "new").exists()


async def test_wrong_settings_are_told_and_nothing_else_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JOURNEYMAN_API_PORT", "many")
    python, settings = await examine()
    assert python.status is Status.FINE
    assert settings.status is Status.BROKEN
    assert "JOURNEYMAN_API_PORT" in settings.found


async def test_a_taken_port_is_told_with_its_setting(
    tmp_path: Path, ports: dict[str, str], listener: int
) -> None:
    environment = {**ports, "JOURNEYMAN_SANDBOX_PORT": str(listener)}
    found = (await told(JOURNEYMAN_DATA_FOLDER=str(tmp_path), **environment))["ports"]
    assert found.status is Status.BROKEN
    assert f"{listener} (JOURNEYMAN_SANDBOX_PORT)" in found.found


async def test_the_run_that_owns_the_folder_is_told(tmp_path: Path) -> None:
    with FolderOwnership(tmp_path):
        findings = await told(JOURNEYMAN_DATA_FOLDER=str(tmp_path))
    assert f"the run of process {os.getpid()}" in findings["data folder"].found
    assert findings["ports"].status is Status.FINE


async def test_keys_open_to_others_are_told_with_the_remedy(tmp_path: Path) -> None:
    issuer = LocalIssuer(tmp_path / "keys")
    issuer.key_set.chmod(0o644)
    found = (await told(JOURNEYMAN_DATA_FOLDER=str(tmp_path)))["keys"]
    assert found.status is Status.BROKEN
    assert found.advice == f"chmod go= {issuer.key_set}"


async def test_a_policy_with_a_wrong_key_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "cn.yaml").write_text("nonsense: 1\n")
    findings = await told(
        JOURNEYMAN_POLICIES_FOLDER=str(tmp_path), JOURNEYMAN_DATA_FOLDER=str(tmp_path)
    )
    assert findings["policies"].status is Status.BROKEN
    assert str(tmp_path) in findings["policies"].found


async def test_a_migrated_database_and_a_prepared_namespace_are_fine(
    elsewhere: dict[str, str], temporal_elsewhere: None, temporal_client: object, sweeper: Sweeper
) -> None:
    await sweeper.sweep()
    findings = await told(**elsewhere)
    assert findings["PostgreSQL"].status is Status.FINE
    assert findings["Temporal"].status is Status.FINE
    assert findings["partner secrets"].status is Status.FINE


async def test_a_database_without_our_schema_is_told_to_migrate(
    elsewhere: dict[str, str], empty_database: str
) -> None:
    found = (await told(**{**elsewhere, "JOURNEYMAN_DATABASE_URL": empty_database}))["PostgreSQL"]
    assert found.status is Status.BROKEN
    assert found.advice == "`journeyman migrate`"


async def test_a_namespace_that_is_missing_is_told(
    elsewhere: dict[str, str], temporal_elsewhere: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "of-nobody")
    found = (await told(**elsewhere))["Temporal"]
    assert found.status is Status.BROKEN
    assert "of-nobody" in found.found
    assert "TEMPORAL_NAMESPACE" in found.advice


async def test_what_does_not_answer_is_told_with_its_setting(
    temporal_elsewhere: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    findings = await told(
        JOURNEYMAN_DATABASE_URL="postgresql://clerk:hidden@127.0.0.1:1/journeyman",
        JOURNEYMAN_EXAM_URL="http://127.0.0.1:1",
    )
    for name, setting in {
        "PostgreSQL": "JOURNEYMAN_DATABASE_URL",
        "Temporal": "TEMPORAL_ADDRESS",
        "exam": "JOURNEYMAN_EXAM_URL",
    }.items():
        assert findings[name].status is Status.BROKEN
        assert setting in findings[name].advice
    assert "hidden" not in str(findings)


async def test_a_sample_issuer_outside_the_embedded_run_is_broken(
    elsewhere: dict[str, str],
) -> None:
    found = (await told(**elsewhere))["issuer"]
    assert found.status is Status.BROKEN
    assert "JOURNEYMAN_ISSUER" in found.found


def test_the_report_shows_every_finding_and_fails_where_one_is_broken() -> None:
    fine = Finding("Python", Status.FINE, "3.11")
    broken = Finding("ports", Status.BROKEN, "taken: [8700]", "free it")
    written = StringIO()
    assert report((fine,), Console(file=written)) == 0
    assert report((fine, broken), Console(file=written, width=100)) == 1
    assert "taken: [8700]" in written.getvalue()
    assert "free it" in written.getvalue()


@pytest.fixture
async def empty_database(servers: Addresses, worker_name: str) -> AsyncIterator[str]:
    """A database that was never migrated."""
    name = f"empty_{worker_name}"
    server: AsyncEngine = create_async_engine(servers.database_url, isolation_level="AUTOCOMMIT")
    async with server.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
        yield servers.database_url.replace("@/journeyman?", f"@/{name}?")
        await connection.execute(text(f"DROP DATABASE {name}"))
    await server.dispose()


@pytest.fixture
def ports() -> dict[str, str]:
    """A free port for each part of an embedded run."""
    fields = [name for name in Settings.model_fields if name.endswith("_port")]
    return {f"JOURNEYMAN_{name.upper()}": str(free_port()) for name in fields}
