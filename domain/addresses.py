"""Names by which the processes find each other in Temporal: ids, queues, signals, updates."""

JOURNEY_WORKFLOW = "Journey"
JOURNEY_QUEUE = "journeys"
DELIVER = "deliver"
"""Signal: a batch of partner events, `list[Delivery]`."""
COMMAND = "command"
"""Update: one staff order, `Order` → `CommandAnswer`."""


def workflow_id_of(journey_id: str) -> str:
    """The workflow id of a journey: its own id, so that an operator finds one by the other."""
    return journey_id


def service_queue(service: str) -> str:
    """The task queue of a partner service (`registry`, `enrollment`, `exam`, `placement`)."""
    return f"service-{service}"
