"""The demo's end: a table, and one line of JSON whose sums match."""

import json

from rich.console import Console

from domain.journal import ReceiptStatus
from processes.demo.display import outcome_table
from processes.demo.figures import Figures


def report(figures: Figures, *, seconds: float, ended: bool) -> int:
    """Print to standard output what became of everybody; returns the exit code.

    Args:
        seconds: how long the whole run took, its servers' start included.
        ended: whether it came to its end by itself.

    It is 1 where a journey is neither closed nor stuck for the cause that the script expects, an
    event is not settled, or the run was broken off.
    """
    Console().print(outcome_table(figures))
    print(json.dumps(summary(figures, seconds)), flush=True)
    accounted = ended and not figures.unaccounted and not figures.under_way
    return 0 if accounted and figures.started else 1


def summary(figures: Figures, seconds: float) -> dict[str, object]:
    """The figures as JSON; `received` is the sum of all that follow it in `events`."""
    return {
        "started": figures.started,
        "closed": {str(outcome): number for outcome, number in figures.outcomes.items()},
        "stuck": {str(cause): number for cause, number in figures.stuck.items()},
        "events": {
            "received": figures.received,
            "waiting": figures.events.get(ReceiptStatus.RECEIVED, 0),
            **{
                str(status): figures.events.get(status, 0)
                for status in ReceiptStatus
                if status is not ReceiptStatus.RECEIVED
            },
        },
        "seconds": round(seconds, 1),
        "journeys_per_second": round(figures.closed / seconds, 2),
    }
