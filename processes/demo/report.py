"""The demo's end: a table, and one line of JSON whose sums match."""

import json
from dataclasses import dataclass

from rich.console import Console

from domain.journal import ReceiptStatus
from processes.demo.display import outcome_table
from processes.demo.figures import Figures


@dataclass(frozen=True)
class DemoEnd:
    """What became of everybody.

    `seconds` is how long the run took, its servers' start included; `ended` whether it came to its
    end by itself.
    """

    figures: Figures
    seconds: float
    ended: bool

    @property
    def accounted(self) -> bool:
        """Every journey is closed or stuck for the cause that the script expects, every event is
        settled, and the run was not broken off.
        """
        figures = self.figures
        settled = self.ended and not figures.unaccounted and not figures.under_way
        return settled and figures.started > 0


def report(end: DemoEnd) -> None:
    """Print to standard output a table and, as the last line, one JSON object."""
    Console().print(outcome_table(end.figures))
    print(json.dumps(summary(end.figures, end.seconds)), flush=True)


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
