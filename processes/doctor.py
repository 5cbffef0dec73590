"""Checks each dependency and setting of a run, and says what to do where one is broken."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from rich.console import Console
from rich.table import Table
from rich.text import Text

from processes.checks import folders, services, stores
from processes.checks.finding import Broken, Idle
from processes.settings import Settings, SettingsError, load_settings

OLDEST_PYTHON = (3, 11)
CHECKED_WITHIN = 10.0
"""Seconds for one check."""

Check = Callable[[Settings], Awaitable[str]]
CHECKS: dict[str, Check] = {
    "data folder": folders.check_data_folder,
    "keys": folders.check_keys,
    "ports": folders.check_ports,
    "PostgreSQL": stores.check_postgres,
    "database role": stores.check_database_role,
    "partner secrets": stores.check_partner_secrets,
    "Temporal": stores.check_temporal,
    "policies": folders.check_policies,
    "issuer": services.check_issuer,
    "registry": services.check_service("registry"),
    "enrollment": services.check_service("enrollment"),
    "exam": services.check_service("exam"),
    "placement": services.check_service("placement"),
}


class Status(StrEnum):
    """How it stands with one thing."""

    FINE = "fine"
    IDLE = "not running"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """What one check found; `advice` says what to do next, where something is to be done."""

    subject: str
    status: Status
    found: str
    advice: str = ""


async def examine(settings: Settings | None = None) -> tuple[Finding, ...]:
    """Every check's finding, for these settings or the environment's.

    Nothing is started and nothing is changed.
    """
    python = _python()
    try:
        settings = settings or load_settings()
    except SettingsError as error:
        advice = "correct or unset the variables named"
        return python, Finding("settings", Status.BROKEN, str(error), advice)
    mode = "embedded run" if settings.is_embedded else "external Temporal and PostgreSQL"
    checks = (_examined(subject, check, settings) for subject, check in CHECKS.items())
    return (python, Finding("settings", Status.FINE, mode), *await asyncio.gather(*checks))


def report(findings: tuple[Finding, ...], console: Console) -> int:
    """Print the findings as a table; the exit code, 1 where something is broken."""
    color = {Status.FINE: "green", Status.IDLE: "yellow", Status.BROKEN: "bold red"}
    table = Table("what", "status", "found", "what to do", title="journeyman doctor")
    for finding in findings:
        status = Text(finding.status, style=color[finding.status])
        table.add_row(finding.subject, status, Text(finding.found), Text(finding.advice))
    console.print(table)
    return int(any(finding.status is Status.BROKEN for finding in findings))


async def _examined(subject: str, check: Check, settings: Settings) -> Finding:
    try:
        async with asyncio.timeout(CHECKED_WITHIN):
            return Finding(subject, Status.FINE, await check(settings))
    except Idle as idle:
        return Finding(subject, Status.IDLE, idle.found, idle.advice)
    except Broken as broken:
        return Finding(subject, Status.BROKEN, broken.found, broken.advice)
    except TimeoutError:
        return Finding(
            subject,
            Status.BROKEN,
            f"no answer within {CHECKED_WITHIN:g} s",
            "see that it runs and is not overloaded",
        )


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < OLDEST_PYTHON:
        return Finding("Python", Status.BROKEN, version, "install Python 3.11 or newer")
    return Finding("Python", Status.FINE, version)
