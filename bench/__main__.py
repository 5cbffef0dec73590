"""The command `python -m bench`."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from processes.lifetime import live
from processes.settings import PREFIX

RESULTS = Path(__file__).parent / "results" / "latest.json"
INTERRUPTED = 130

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(  # noqa: PLR0917 (options of a command line)
    rounds: Annotated[int, typer.Option(min=0, help="Rounds of each kind; 0 leaves them out.")] = 2,
    journeys: Annotated[
        int, typer.Option(min=1, help="Journeys, and bare workflows, a round.")
    ] = 150,
    at_once: Annotated[int, typer.Option(min=1, help="How many of them are under way.")] = 30,
    seconds: Annotated[
        int, typer.Option(min=0, help="How long events come one by one; 0 leaves that out.")
    ] = 40,
    events: Annotated[float, typer.Option(min=1, help="Partner events a second meanwhile.")] = 20.0,
    door_seconds: Annotated[
        float,
        typer.Option(min=0, help="How long events come to a door, a round; 0 leaves that out."),
    ] = 10.0,
    cohort_rows: Annotated[
        int, typer.Option(min=0, max=10_000, help="Rows of a cohort; 0 leaves that out.")
    ] = 10_000,
    whole_cohort: Annotated[
        bool, typer.Option("--whole-cohort", help="Open a cohort to its last row, for an hour.")
    ] = False,
    results: Annotated[Path, typer.Option(help="The file that keeps the figures.")] = RESULTS,
) -> None:
    """Measure the house against the floor of its engine; each claim is a ratio of one run.

    Everything runs as real processes on free ports and a new folder, and is gone at the end.

    1. Completed `job` journeys a second, through HTTP, PostgreSQL and sandbox partners, against
    bare workflows of the same shape on the same server, in turns: as many calls, events and
    commands, no HTTP, no PostgreSQL. Aim: at least 0.8. Beside it the CPU of each process.

    2. History of a standard journey whose events come one by one: events for each partner event
    (aim: at most 7.5), bytes (at most 30 KB), and Temporal's billable actions.

    3. From an event's acknowledgement until the caseload shows it, against a bare signal until its
    workflow completed, at the same rate. Aim: at most 3 times, p50 and p99.

    4. Signed events acknowledged a second, against bare FastAPI that keeps them by one insert of
    asyncpg, in turns on one database (aim: at least 0.5); and how soon they are acknowledged at
    100 a second with everything running (aim: p99 at most 50 ms).

    5. A cohort: how soon it is accepted, how many of its rows are started a second, and how much
    later the events of other journeys are seen meanwhile (aim: p95 at most 1.5 times). The others
    come at a steady rate, alone and beside a cohort in turns.
    """
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    from bench.machine import machine, origin  # noqa: PLC0415 (help answers at once)
    from bench.measure import (  # noqa: PLC0415
        Measured,
        Plan,
        measure_cohort,
        measure_door,
        measure_pace,
        measure_rounds,
    )
    from bench.results import keep, show  # noqa: PLC0415
    from processes.embedded_run import ProcessEnded  # noqa: PLC0415
    from processes.faults import told  # noqa: PLC0415

    plan = Plan(rounds, journeys, at_once, seconds, events, door_seconds, cohort_rows, whole_cohort)
    about = {**origin(), "machine": machine(), "plan": asdict(plan)}
    measured, console = Measured(), Console(stderr=True)

    async def work(stop: asyncio.Event) -> int:
        with _bars(console) as bars:
            tell = _teller(bars)
            if rounds and not await _unless_stopped(stop, measure_rounds(plan, tell, measured)):
                return INTERRUPTED
            if seconds and not await _unless_stopped(stop, measure_pace(plan, tell, measured)):
                return INTERRUPTED
            if door_seconds and not await _unless_stopped(stop, measure_door(plan, tell, measured)):
                return INTERRUPTED
            if cohort_rows and not await _unless_stopped(
                stop, measure_cohort(plan, tell, measured)
            ):
                return INTERRUPTED
        return 0

    try:
        with told():
            code = live(work)
    except ProcessEnded as ended:
        console.print(str(ended), markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    if code == 0:
        show(measured, Console())
        keep(measured, about, results)
        console.print(f"Kept in {results}", highlight=False)
    raise typer.Exit(code)


async def _unless_stopped(stop: asyncio.Event, measuring: Coroutine[object, object, None]) -> bool:
    """Measure to the end, or break off at Ctrl-C; whether it came to the end."""
    task, told = asyncio.create_task(measuring), asyncio.create_task(stop.wait())
    await asyncio.wait((task, told), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if task.done():
        await task
        return True
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return False


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


def _teller(bars: Progress) -> Callable[[str, int], Callable[[int], None]]:
    def begin(name: str, total: int) -> Callable[[int], None]:
        bar = bars.add_task(name, total=total)
        return lambda done: bars.update(bar, completed=done)

    return begin


if __name__ == "__main__":
    app()
