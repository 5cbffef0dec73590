"""`journeyman cohort`: open many journeys from one file, from a terminal."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from processes.commands.journey import PLAIN_WIDTH, AsJson, Region
from processes.faults import CommandFailed, told

if TYPE_CHECKING:
    from rich.console import Console

    from processes.commands.asking import Json, StaffClient

app = typer.Typer(
    no_args_is_help=True,
    help="Open the journeys of a whole cohort through the API, and see what became of each row.\n\n"
    "The API is asked as by `journeyman journey`: with the token in JOURNEYMAN_TOKEN, or in an "
    "embedded run with one that is issued for --region.",
)

LOOKS_EVERY = 0.5
"""Seconds between two looks at a cohort that is watched."""
MOST_SHOWN = 40
"""Errors that the table shows; all of them come with `show --csv`."""
MEDIA_TYPES = {".csv": "text/csv", ".json": "application/json"}

CohortId = Annotated[str, typer.Argument(help="The cohort's id, co_...")]
Watch = Annotated[bool, typer.Option("--watch", help="Stay until every row is settled.")]


@app.command()
def send(  # noqa: PLR0917 (each is an option with a name)
    file: Annotated[Path, typer.Argument(help="A table as .csv, or .json with a list of rows.")],
    region: Region = None,
    name: Annotated[str, typer.Option(help="What to call a cohort of a CSV file.")] = "",
    key: Annotated[str | None, typer.Option(help="Idempotency-Key; a new one if left out.")] = None,
    watch: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Send a file; each good row becomes a journey. The same file again starts none.

    A CSV file is UTF-8 or GB18030 and begins with the names of its columns, in English or Chinese:
    name, id_number, phone, program, occupation, level, pathway, home_region, and if wanted
    delivery_region, job_region, groups (parted by ;), years_of_service, employer, vacancy_ref.

    Ends with exit code 1 where a row is refused, so that a script notices; the others are opened.

    Examples:

      journeyman cohort send trainees.csv --region 4403 --watch

      journeyman cohort send trainees.json --region 44
    """
    with told():
        media_type = MEDIA_TYPES.get(file.suffix.lower())
        if media_type is None:
            raise CommandFailed(f"{file}: name a file that ends with .csv or .json")
        try:
            content = file.read_bytes()
        except OSError as fault:
            raise CommandFailed(f"{file} can't be read: {fault.strerror}") from None
        query: dict[str, str | int] = {"name": name} if name else {}
        with _staff(region) as staff:
            cohort = staff.send("/v1/cohorts", content, media_type, query, key)
            _tell(staff, cohort, watch=watch, as_json=as_json)


@app.command()
def show(
    cohort_id: CohortId,
    region: Region = None,
    watch: Watch = False,
    csv: Annotated[
        bool, typer.Option("--csv", help="Print what is wrong with every refused row, as CSV.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how far a cohort has come, and what is wrong with its refused rows.

    Ends with exit code 1 where a row was refused.

    Examples:

      journeyman cohort show co_0190... --region 4403

      journeyman cohort show co_0190... --region 4403 --csv > to-mend.csv
    """
    with told(), _staff(region) as staff:
        address = f"/v1/cohorts/{cohort_id}"
        if csv:
            typer.echo(staff.table(f"{address}/rows"), nl=False)
            return
        _tell(staff, staff.get(address), watch=watch, as_json=as_json)


@contextmanager
def _staff(region: str | None) -> "Iterator[StaffClient]":
    from processes.commands.asking import staff_client  # noqa: PLC0415 (help comes at once)
    from processes.settings import load_settings  # noqa: PLC0415

    with staff_client(load_settings(), region) as staff:
        yield staff


def _tell(staff: "StaffClient", cohort: "Json", *, watch: bool, as_json: bool) -> None:
    """Print a cohort as it stands, or as it stands in the end.

    Raises:
        typer.Exit: with code 1 where a row was refused.
    """
    import json  # noqa: PLC0415

    from rich.console import Console  # noqa: PLC0415

    if watch:
        cohort = _watched(staff, cohort, Console(stderr=True))
    if as_json:
        typer.echo(json.dumps(cohort, ensure_ascii=False, indent=2))
    else:
        counts = ", ".join(
            f"{cohort[name]} {name}"
            for name in ("opened", "waiting", "refused", "canceled")
            if cohort[name] or name == "opened"
        )
        typer.echo(f"{cohort['id']}  {cohort['state']}: {cohort['rows']} rows, {counts}")
        _print_refused(staff, cohort)
    if cohort["refused"]:
        raise typer.Exit(1)


def _watched(staff: "StaffClient", cohort: "Json", console: "Console") -> "Json":
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as bars:
        bar = bars.add_task("rows settled", total=_count(cohort, "rows"))
        while True:
            bars.update(bar, completed=_count(cohort, "rows") - _count(cohort, "waiting"))
            if cohort["state"] == "done":
                return cohort
            time.sleep(LOOKS_EVERY)
            cohort = staff.get(f"/v1/cohorts/{cohort['id']}")


def _print_refused(staff: "StaffClient", cohort: "Json") -> None:
    if not cohort["refused"]:
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    query: dict[str, str | int] = {"outcome": "refused", "limit": MOST_SHOWN}
    page = staff.get(f"/v1/cohorts/{cohort['id']}/rows", query)
    table = Table("line", "field", "rule", "message", "value", box=None)
    shown = 0
    rows = page["items"]
    for row in rows if isinstance(rows, list) else []:
        errors = row.get("errors") if isinstance(row, dict) else None
        for error in errors if isinstance(errors, list) else []:
            if isinstance(error, dict) and shown < MOST_SHOWN:
                cells = (error.get(name) for name in ("line", "field", "rule", "message", "value"))
                table.add_row(*("" if cell is None else str(cell) for cell in cells))
                shown += 1
    console = Console(markup=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    console.print(table)
    if shown == MOST_SHOWN or page.get("next_cursor"):
        typer.echo(f"all of them: journeyman cohort show {cohort['id']} --csv", err=True)


def _count(cohort: "Json", name: str) -> int:
    count = cohort[name]
    return count if isinstance(count, int) else 0
