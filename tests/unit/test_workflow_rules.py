"""The code of workflows keeps the engine's rules, and the check of them bites."""

from pathlib import Path

import pytest

from tests.unit.workflow_rules import faults_in

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW_FILES = sorted((ROOT / "workflows").glob("**/*.py"))
SHARED_FILES = sorted((ROOT / "domain").glob("**/*.py"))
"""Passed through the sandbox, so that the sandbox does not see what they do."""


@pytest.mark.parametrize("path", WORKFLOW_FILES, ids=lambda path: path.name)
def test_workflows_keep_the_rules(path: Path) -> None:
    assert faults_in(path.read_text()) == []


@pytest.mark.parametrize("path", SHARED_FILES, ids=lambda path: path.name)
def test_what_passes_through_the_sandbox_reads_no_clock(path: Path) -> None:
    clocks = [fault for fault in faults_in(path.read_text()) if "now" in fault.what]
    assert clocks == []


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import structlog", "imports structlog"),
        ("from sqlalchemy import select", "imports sqlalchemy"),
        ("import httpx", "imports httpx"),
        ("from store.records import PostgresJournal", "imports store.records"),
        ("async def run():\n    await asyncio.wait([])", "calls asyncio.wait"),
        ("def run():\n    return datetime.now(UTC)", "calls datetime.now"),
        ("def run():\n    return uuid.uuid4()", "calls uuid.uuid4"),
        ("def run():\n    for x in {1, 2}:\n        pass", "iterates over a set"),
        ("def run():\n    return [x for x in set(y)]", "iterates over a set"),
        (
            "class J:\n    @workflow.signal(name='d')\n    def d(self):\n        raise ValueError",
            "a signal handler raises",
        ),
        ("seen = []", "module state seen"),
        ("def run():\n    global x", "changes outer state"),
    ],
)
def test_a_fault_is_found(source: str, told: str) -> None:
    assert told in [fault.what for fault in faults_in(source)]
