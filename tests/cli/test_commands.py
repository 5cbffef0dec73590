"""The `journeyman` command: it helps, and says what to do where something is in the way."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jwt
import pytest
from typer.testing import CliRunner

from processes.cli import app
from processes.embedded.ownership import FolderOwnership
from processes.embedded.ports import free_port

COMMANDS = (
    ("up",),
    ("api",),
    ("worker",),
    ("relay",),
    ("sandbox",),
    ("migrate",),
    ("partners",),
    ("token",),
    ("doctor",),
    ("journey", "start"),
    ("journey", "show"),
    ("journey", "timeline"),
    ("journey", "list"),
    ("cohort", "send"),
    ("cohort", "show"),
    ("event", "send"),
    ("event-file", "send"),
    ("event-file", "show"),
    ("partner", "list"),
    ("partner", "show"),
    ("partner", "pause"),
    ("partner", "resume"),
    ("partner", "keys", "list"),
    ("partner", "keys", "rotate"),
    ("partner", "keys", "revoke"),
    ("audit", "verify"),
)
PORTS = ("API", "SANDBOX", "TEMPORAL", "TEMPORAL_UI", "WORKER_METRICS", "RELAY_METRICS")


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


def journeyman(*arguments: str, **settings: str) -> Done:
    """Run the command in this process, in an environment that holds these settings only."""
    unset: dict[str, str | None] = {
        name: None for name in os.environ if name.startswith(("JOURNEYMAN_", "TEMPORAL_"))
    }
    given = unset | variables(settings) | {"COLUMNS": "100"}
    shown = CliRunner().invoke(app, [*arguments], env=given)
    return Done(shown.exit_code, shown.stdout, shown.stderr)


def process(*arguments: str, **settings: str) -> Done:
    """The same as a process of its own, for commands that change the process they run in."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JOURNEYMAN_", "TEMPORAL_"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "processes.cli", *arguments],
        env=inherited | variables(settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def variables(settings: dict[str, str]) -> dict[str, str]:
    return {f"JOURNEYMAN_{name.upper()}": value for name, value in settings.items()}


def failed(done: Done) -> str:
    """What a failed command said, which holds no traceback."""
    assert done.code == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


@contextmanager
def listening() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_helps(command: tuple[str, ...]) -> None:
    done = journeyman(*command, "--help")
    assert done.code == 0
    assert "Example" in done.stdout
    assert f"journeyman {' '.join(command)}" in " ".join(done.stdout.split())


def test_a_setting_that_does_not_exist_is_named() -> None:
    said = failed(journeyman("api", api_prot="8700"))
    assert "JOURNEYMAN_API_PROT: there is no such setting" in said


def test_a_setting_that_makes_no_sense_is_named() -> None:
    said = failed(journeyman("worker", database_url="mysql://host/db"))
    assert "JOURNEYMAN_DATABASE_URL: only PostgreSQL is spoken" in said


def test_a_process_without_a_database_says_how_to_get_one(tmp_path: Path) -> None:
    said = failed(process("relay", data_folder=str(tmp_path)))
    assert "journeyman up" in said
    assert "JOURNEYMAN_DATABASE_URL" in said


def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    address = f"postgresql://clerk:s3cret@127.0.0.1:{free_port()}/journeyman"
    said = failed(process("migrate", database_url=address))
    assert "JOURNEYMAN_DATABASE_URL" in said
    assert "s3cret" not in said


def test_a_sample_issuer_is_refused_outside_an_embedded_run() -> None:
    said = failed(process("api", database_url="postgresql://clerk@127.0.0.1:1/journeyman"))
    assert "JOURNEYMAN_ISSUER" in said


def test_up_refuses_a_taken_port_and_names_its_setting(tmp_path: Path) -> None:
    with listening() as port:
        said = failed(process("up", "--data", str(tmp_path), **ports() | {"api_port": f"{port}"}))
    assert f"port {port} for the API is taken" in said
    assert "JOURNEYMAN_API_PORT" in said


def test_up_refuses_a_folder_that_another_run_owns(tmp_path: Path) -> None:
    with FolderOwnership(tmp_path):
        said = failed(process("up", "--data", str(tmp_path), **ports()))
    assert f"{tmp_path} is owned by process {os.getpid()}" in said


def test_up_leaves_a_database_of_somebody_else_alone() -> None:
    said = failed(process("up", database_url="postgresql://clerk@127.0.0.1/journeyman"))
    assert "unset JOURNEYMAN_DATABASE_URL" in said


def test_asking_an_api_that_is_not_there_says_how_to_start_it(tmp_path: Path) -> None:
    settings = {"data_folder": str(tmp_path), "api_port": str(free_port())}
    assert journeyman("token", "--region", "44", **settings).code == 0
    said = failed(journeyman("journey", "list", "--region", "44", **settings))
    assert "does not answer" in said
    assert "journeyman up" in said


def test_a_caseworkers_token_needs_a_region(tmp_path: Path) -> None:
    assert "--region" in failed(journeyman("token", data_folder=str(tmp_path)))


def test_a_token_says_who_bears_it(tmp_path: Path) -> None:
    done = journeyman("token", "--role", "supervisor", "--region", "44", data_folder=str(tmp_path))
    claims = jwt.decode(done.stdout.strip(), options={"verify_signature": False})
    assert (claims["role"], claims["region"]) == ("supervisor", "44")


def test_the_example_of_a_journey_is_one(tmp_path: Path) -> None:
    done = journeyman("journey", "start", "--example")
    assert {"person", "program", "occupation", "level", "pathway"} <= json.loads(done.stdout).keys()


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    file = tmp_path / "trainee.json"
    file.write_text("{")
    assert f"{file} is no JSON" in failed(journeyman("journey", "start", str(file)))


def test_an_unknown_event_is_answered_with_those_there_are(tmp_path: Path) -> None:
    given = ("--partner", "center-shenzhen-01", "--subject", "jn_1", "--type", "exam.passed")
    said = failed(journeyman("event", "send", *given, data_folder=str(tmp_path)))
    assert "assessment.result" in said


def ports() -> dict[str, str]:
    """Free ports for a run."""
    return {f"{name.lower()}_port": str(free_port()) for name in PORTS}
