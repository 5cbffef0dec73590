"""Live progress: a panel in a terminal, plain lines elsewhere; and the table at the end."""

import time
from types import TracebackType

from rich.columns import Columns
from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table

from domain.journal import ReceiptStatus
from domain.stages import Outcome, Stage, StuckCause
from processes.demo.figures import Figures

LINE_EVERY = 5.0
"""Seconds between two plain lines."""


class Display:
    """Shows figures on a console; nothing where they have not changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._began = time.monotonic()
        self._last_line = ""
        self._line_at = float("-inf")

    def __enter__(self) -> "Display":
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=4, transient=False)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, figures: Figures) -> None:
        """Show how it stands."""
        seconds = time.monotonic() - self._began
        if self._live is not None:
            self._live.update(_panel(figures, seconds))
            return
        line = _line(figures)
        if line != self._last_line and time.monotonic() - self._line_at >= LINE_EVERY:
            self._console.print(f"{seconds:6.1f} s  {line}", soft_wrap=True, markup=False)
            self._last_line, self._line_at = line, time.monotonic()


def outcome_table(figures: Figures) -> Table:
    """What became of the journeys."""
    table = Table("journeys", "", title="What became of them", title_justify="left")
    for outcome in Outcome:
        if number := figures.outcomes.get(outcome):
            table.add_row(f"closed: {outcome}", str(number))
    for cause in StuckCause:
        if number := figures.stuck.get(cause):
            table.add_row(f"stuck: {cause}", str(number))
    table.add_section()
    table.add_row("started", str(figures.started))
    for cause in StuckCause:
        if number := figures.once_stuck.get(cause):
            table.add_row(f"were stuck on the way: {cause}", str(number))
    return table


def _panel(figures: Figures, seconds: float) -> RenderableType:
    stages = Table("stage", "journeys", min_width=22)
    for stage in Stage:
        stages.add_row(stage, str(figures.stages.get(stage, 0)))
    endings = Table("outcome or cause", "journeys", min_width=30)
    for outcome in Outcome:
        if number := figures.outcomes.get(outcome):
            endings.add_row(outcome, str(number))
    for cause in StuckCause:
        if number := figures.stuck.get(cause):
            endings.add_row(f"[yellow]{cause}", str(number))
    events = Table("events", "", min_width=22)
    for status in ReceiptStatus:
        if number := figures.events.get(status):
            events.add_row(status, str(number))
    events.add_section()
    events.add_row("a second", f"{figures.received / max(seconds, 1):.0f}")
    events.add_row("journeys a second", f"{figures.closed / max(seconds, 1):.1f}")
    return Columns([stages, endings, events])


def _line(figures: Figures) -> str:
    stages = " ".join(f"{stage} {figures.stages.get(stage, 0)}" for stage in Stage)
    outcomes = " ".join(f"{outcome} {number}" for outcome, number in figures.outcomes.items())
    stuck = " ".join(f"{cause} {number}" for cause, number in figures.stuck.items())
    return " | ".join(
        part for part in (stages, outcomes, stuck, f"events {figures.received}") if part
    )
