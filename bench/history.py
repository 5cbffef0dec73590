"""Counts a workflow's history: events by type, bytes, and Temporal's billable actions.

Actions are counted by Temporal's published list (docs.temporal.io/cloud/actions), from what a
history shows:

- a workflow started, by a client, as a child, or by continue-as-new (a run's own first event)
- a timer started
- an upsert of search attributes (those given at the start are free)
- a signal sent, by a client or a workflow
- an update accepted
- an activity started or retried: its attempts, of which the started event tells the last number
- local activities: one action for each workflow task that completed with any, however many

Not seen in a history, and so not counted: queries, heartbeats, rejected updates, and local
activities whose task needed more than one heartbeat.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

LOCAL_ACTIVITY_MARKER = "core_local_activity"
_PREFIX = "EVENT_TYPE_"
_ACTIONS = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: "workflow started",
    EventType.EVENT_TYPE_TIMER_STARTED: "timer started",
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: "search attributes upserted",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signal sent",
    EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: "signal sent",
    EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED: "child workflow started",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "update accepted",
}


@dataclass(frozen=True)
class Counts:
    """What a history, or the median of several, holds; `bytes` as the server stores its events."""

    events: float
    bytes: float
    actions: float
    by_type: dict[str, float]
    bytes_by_type: dict[str, float]
    by_action: dict[str, float]

    @property
    def signals(self) -> float:
        """Signals received."""
        return self.by_type.get("workflow execution signaled", 0)


def count(histories: Iterable[WorkflowHistory]) -> Counts:
    """Count one workflow, run by run where it continued as new."""
    events = [event for history in histories for event in history.events]
    by_action = _actions(events)
    sizes: Counter[str] = Counter()
    for event in events:
        sizes[_name(event)] += event.ByteSize()
    return Counts(
        events=len(events),
        bytes=sum(sizes.values()),
        actions=sum(by_action.values()),
        by_type=dict(Counter(_name(event) for event in events)),
        bytes_by_type=dict(sizes),
        by_action=dict(by_action),
    )


def median_of(counted: list[Counts]) -> Counts:
    """The median of each figure; of an empty list there is none.

    Raises:
        statistics.StatisticsError: nothing was counted.
    """
    return Counts(
        events=median(each.events for each in counted),
        bytes=median(each.bytes for each in counted),
        actions=median(each.actions for each in counted),
        by_type=_medians([each.by_type for each in counted]),
        bytes_by_type=_medians([each.bytes_by_type for each in counted]),
        by_action=_medians([each.by_action for each in counted]),
    )


def _medians(counted: list[dict[str, float]]) -> dict[str, float]:
    names = sorted({name for each in counted for name in each})
    return {name: median(each.get(name, 0) for each in counted) for name in names}


def _name(event: HistoryEvent) -> str:
    name = EventType.Name(event.event_type).removeprefix(_PREFIX).lower().replace("_", " ")
    if name != "marker recorded":
        return name
    marker = event.marker_recorded_event_attributes.marker_name
    return f"marker recorded: {'local activity' if marker == LOCAL_ACTIVITY_MARKER else marker}"


def _actions(events: list[HistoryEvent]) -> Counter[str]:
    counted: Counter[str] = Counter()
    tasks_with_local_activities = set()
    for run, event in _by_run(events):
        if (action := _ACTIONS.get(event.event_type)) is not None:
            counted[action] += 1
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            counted["activity started or retried"] += (
                event.activity_task_started_event_attributes.attempt
            )
        marker = event.marker_recorded_event_attributes
        if marker.marker_name == LOCAL_ACTIVITY_MARKER:
            tasks_with_local_activities.add((run, marker.workflow_task_completed_event_id))
    counted["workflow task with local activities"] = len(tasks_with_local_activities)
    return counted


def _by_run(events: list[HistoryEvent]) -> Iterable[tuple[int, HistoryEvent]]:
    run = 0
    for event in events:
        run += event.event_id == 1
        yield run, event
