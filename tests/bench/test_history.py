"""Histories are counted by Temporal's list of billable actions."""

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import (
    ActivityTaskStartedEventAttributes,
    HistoryEvent,
    MarkerRecordedEventAttributes,
)
from temporalio.client import WorkflowHistory

from bench.history import LOCAL_ACTIVITY_MARKER, count, median_of


def _local_activity(number: int, task: int) -> HistoryEvent:
    return HistoryEvent(
        event_id=number,
        event_type=EventType.EVENT_TYPE_MARKER_RECORDED,
        marker_recorded_event_attributes=MarkerRecordedEventAttributes(
            marker_name=LOCAL_ACTIVITY_MARKER, workflow_task_completed_event_id=task
        ),
    )


def _started() -> HistoryEvent:
    return HistoryEvent(event_id=1, event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED)


def test_local_activities_of_one_task_are_one_action() -> None:
    events = [_started(), _local_activity(5, 4), _local_activity(6, 4), _local_activity(10, 9)]
    counted = count([WorkflowHistory("w", events)])
    assert counted.by_action == {"workflow started": 1, "workflow task with local activities": 2}
    assert counted.by_type["marker recorded: local activity"] == 3
    assert counted.bytes == sum(counted.bytes_by_type.values())


def test_each_attempt_of_an_activity_is_an_action() -> None:
    started = HistoryEvent(
        event_id=7,
        event_type=EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED,
        activity_task_started_event_attributes=ActivityTaskStartedEventAttributes(attempt=3),
    )
    counted = count([WorkflowHistory("w", [_started(), started])])
    assert counted.by_action["activity started or retried"] == 3


def test_each_run_of_a_workflow_is_a_start_with_tasks_of_its_own() -> None:
    run = WorkflowHistory("w", [_started(), _local_activity(5, 4)])
    counted = count([run, run])
    assert counted.by_action == {"workflow started": 2, "workflow task with local activities": 2}


def test_the_median_of_several_counts_what_some_lack_as_none() -> None:
    long = count([WorkflowHistory("w", [_started(), _local_activity(5, 4)])])
    short = count([WorkflowHistory("w", [_started()])])
    middle = median_of([short, short, long])
    assert middle.events == 1
    assert middle.by_type["marker recorded: local activity"] == 0
