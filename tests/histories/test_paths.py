"""Every path comes to its end, and its committed history is replayed by today's code."""

import os
from pathlib import Path as File

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.services import ExamActivities
from domain.stages import Outcome
from processes.worker_sandbox import journey_runner
from tests.histories.paths import PATHS, Path, exhausted, held_and_extended, retained
from tests.workflows.carrying import World
from workflows.journey import Journey

RECORDED = File(__file__).parent / "recorded"
RECORD = os.environ.get("RECORD_HISTORIES") == "1"
"""`RECORD_HISTORIES=1 pytest tests/histories` writes them anew; a review sees what changed."""

STRICTLY_REPLAYED = (retained, exhausted, held_and_extended)
"""In the strict sandbox each journey imports its code anew, which takes a second."""


def _replayer() -> Replayer:
    return Replayer(
        workflows=[Journey],
        workflow_runner=journey_runner(),
        data_converter=pydantic_data_converter,
    )


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
async def test_every_path_comes_to_its_end(world: World, path: Path) -> None:
    trainee = await path(world)
    result = await trainee.result()
    assert result.outcome is PATHS[path]
    lines = [entry.sequence for entry in trainee.timeline]
    assert lines == list(range(1, result.sequence + 1))
    assert trainee.case.outcome is result.outcome
    if RECORD:
        history = await trainee.handle.fetch_history()
        RECORDED.mkdir(exist_ok=True)
        (RECORDED / f"{path.__name__}.json").write_text(history.to_json() + "\n")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
async def test_its_committed_history_is_replayed_by_todays_code(path: Path) -> None:
    recorded = (RECORDED / f"{path.__name__}.json").read_text()
    replayed = await _replayer().replay_workflow(WorkflowHistory.from_json(path.__name__, recorded))
    assert replayed.replay_failure is None


@pytest.mark.parametrize("path", STRICTLY_REPLAYED, ids=lambda path: path.__name__)
async def test_nothing_is_hidden_by_what_passes_through_the_sandbox(path: Path) -> None:
    recorded = (RECORDED / f"{path.__name__}.json").read_text()
    strict = Replayer(
        workflows=[Journey],
        workflow_runner=SandboxedWorkflowRunner(
            restrictions=SandboxRestrictions.default.with_passthrough_modules("pydantic")
        ),
        data_converter=pydantic_data_converter,
    )
    replayed = await strict.replay_workflow(WorkflowHistory.from_json(path.__name__, recorded))
    assert replayed.replay_failure is None


def test_every_outcome_that_is_offered_today_is_on_a_path() -> None:
    later = {
        Outcome.CONVERTED,
        Outcome.SELF_EMPLOYED,
        Outcome.TRANSFERRED_OUT,
        Outcome.TERMINATED_FRAUD,
        Outcome.DECEASED,
    }
    assert set(PATHS.values()) == set(Outcome) - later


async def test_the_gate_bites_on_a_swapped_activity() -> None:
    recorded = (RECORDED / "withdrawn_with_a_seat.json").read_text()
    assert "request_enrollment" in recorded
    swapped = recorded.replace("request_enrollment", ExamActivities.book_sitting.__name__)
    history = WorkflowHistory.from_json("swapped", swapped)
    with pytest.raises(workflow.NondeterminismError):
        await _replayer().replay_workflow(history)
