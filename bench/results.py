"""Results: each figure beside its aim, a table to read and a file to keep."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.cohort import Beside
from bench.history import Counts
from bench.machine import JsonObject
from bench.measure import Measured, Pace, Side

LEAST_RATIO = 0.8
MOST_EVENTS = 7.5
MOST_KB = 30.0
MOST_LATENCY = 3.0
LEAST_DOOR_RATIO = 0.5
MOST_STEADY_MS = 50.0
MOST_BESIDE = 1.5


@dataclass(frozen=True)
class Row:
    """A claim: what was measured, what it came to, and whether that is as good as we aim."""

    what: str
    aim: str
    figure: str
    reached: bool


def rows_of(measured: Measured) -> list[Row]:
    """The claims that what was measured decides."""
    rows: list[Row] = []
    if measured.bare and measured.journeys:
        ratio = measured.journeys.per_second / measured.bare.per_second
        rows.append(
            Row(
                "completed journeys/s, against bare workflows/s",
                f"≥ {LEAST_RATIO}",
                f"{ratio:.2f}  ({measured.journeys.per_second:.1f} / "
                f"{measured.bare.per_second:.1f})",
                ratio >= LEAST_RATIO,
            )
        )
    if measured.pace:
        rows += _rows_of_pace(measured.pace)
    if measured.doors:
        ratio = measured.doors.ours / measured.doors.bare
        rows.append(
            Row(
                "events acknowledged/s, against bare FastAPI and one insert",
                f"≥ {LEAST_DOOR_RATIO}",
                f"{ratio:.2f}  ({measured.doors.ours:.0f} / {measured.doors.bare:.0f})",
                ratio >= LEAST_DOOR_RATIO,
            )
        )
    if measured.steady:
        rows.append(
            Row(
                "event acknowledged at 100/s with everything running, p99",
                f"≤ {MOST_STEADY_MS:.0f} ms",
                f"{1000 * measured.steady.p99:.0f} ms  (p50 {1000 * measured.steady.p50:.0f} ms)",
                1000 * measured.steady.p99 <= MOST_STEADY_MS,
            )
        )
    if measured.cohort:
        rows.append(_row_of_cohort(measured.cohort))
    return rows


def _row_of_cohort(beside: Beside) -> Row:
    ratio = beside.p95_meanwhile / beside.p95_before
    whole = f", all in {beside.whole:.0f} s" if beside.whole is not None else ""
    return Row(
        f"acknowledged → on the caseload, p95, beside a cohort of {beside.rows}, against before",
        f"≤ {MOST_BESIDE} ×",
        f"{ratio:.2f} ×  ({1000 * beside.p95_meanwhile:.0f} / {1000 * beside.p95_before:.0f} ms "
        f"of {beside.events_meanwhile} / {beside.events_before} events; accepted in "
        f"{beside.accepted_in:.1f} s, {beside.started_per_second:.1f} rows started/s{whole})",
        ratio <= MOST_BESIDE,
    )


def _rows_of_pace(pace: Pace) -> list[Row]:
    history = pace.history
    each, woke = history.events / pace.partner_events, history.events / pace.waking_events
    kilobytes = history.bytes / 1000
    rows = [
        Row(
            "history events a partner event",
            f"≤ {MOST_EVENTS}",
            f"{each:.2f}  ({history.events:.0f} / {pace.partner_events:.0f}; {woke:.2f} of those "
            f"that woke it)",
            each <= MOST_EVENTS,
        ),
        Row(
            "history of a journey",
            f"≤ {MOST_KB:.0f} KB",
            f"{kilobytes:.1f} KB",
            kilobytes <= MOST_KB,
        ),
    ]
    for name, seen, floor in (
        ("p50", pace.visible.p50, pace.floor.p50),
        ("p99", pace.visible.p99, pace.floor.p99),
    ):
        ratio = seen / floor
        rows.append(
            Row(
                f"acknowledged → on the caseload, {name}, against a bare signal",
                f"≤ {MOST_LATENCY:.0f} ×",
                f"{ratio:.2f} ×  ({1000 * seen:.0f} / {1000 * floor:.0f} ms)",
                ratio <= MOST_LATENCY,
            )
        )
    return rows


def show(measured: Measured, console: Console) -> None:
    """Print the claims, and the tables that tell where time, events and actions go."""
    claims = Table("what", "aim", "figure", "reached", title="Benchmarks")
    for row in rows_of(measured):
        reached = "[green]yes[/]" if row.reached else "[red]no[/]"
        claims.add_row(row.what, row.aim, row.figure, reached)
    console.print(claims)
    if measured.bare and measured.journeys:
        console.print(_cpu_table(measured.bare, measured.journeys))
    counted = {
        "bare": measured.bare.history if measured.bare else None,
        "journey, fast": measured.journeys.history if measured.journeys else None,
        "journey, one by one": measured.pace.history if measured.pace else None,
    }
    console.print(_history_table({name: one for name, one in counted.items() if one}))


def _cpu_table(bare: Side, journeys: Side) -> Table:
    table = Table("process", "bare", "journey", title="CPU for each one carried, ms")
    for name in sorted(journeys.cpu, key=lambda name: -journeys.cpu[name]):
        table.add_row(name, f"{bare.cpu[name]:.1f}", f"{journeys.cpu[name]:.1f}")
    table.add_section()
    table.add_row("all", f"{sum(bare.cpu.values()):.1f}", f"{sum(journeys.cpu.values()):.1f}")
    return table


def _history_table(counted: dict[str, Counts]) -> Table:
    table = Table("", *counted, title="One workflow's history, median")
    for name in sorted({name for each in counted.values() for name in each.by_type}):
        figures = (
            f"{each.by_type.get(name, 0):g}  ({each.bytes_by_type.get(name, 0):.0f} B)"
            for each in counted.values()
        )
        table.add_row(name, *figures)
    table.add_section()
    table.add_row("events", *(f"{each.events:g}" for each in counted.values()))
    table.add_row("bytes", *(f"{each.bytes:g}" for each in counted.values()))
    table.add_section()
    for name in sorted({name for each in counted.values() for name in each.by_action}):
        figures = (f"{each.by_action.get(name, 0):g}" for each in counted.values())
        table.add_row(f"action: {name}", *figures)
    table.add_row("billable actions", *(f"{each.actions:g}" for each in counted.values()))
    return table


def keep(measured: Measured, about: JsonObject, file: Path) -> None:
    """Write everything to a file, in place of what it held."""
    content = about | {
        "versions": measured.versions,
        "rows": [asdict(row) for row in rows_of(measured)],
        "bare": asdict(measured.bare) if measured.bare else None,
        "journeys": asdict(measured.journeys) if measured.journeys else None,
        "one_by_one": asdict(measured.pace) if measured.pace else None,
        "doors": asdict(measured.doors) if measured.doors else None,
        "steady": asdict(measured.steady) if measured.steady else None,
        "cohort": asdict(measured.cohort) if measured.cohort else None,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
