"""How the commands follow a file whose rows are settled one by one, and tell of refused ones."""

import time
from typing import TYPE_CHECKING

import typer

from processes.commands.journey import PLAIN_WIDTH

if TYPE_CHECKING:
    from processes.commands.asking import Json, StaffClient

LOOKS_EVERY = 0.5
"""Seconds between two looks at a file that is watched."""
MOST_SHOWN = 40
"""Errors that the table shows; all of them come with `show --csv`."""
_ERROR = ("line", "field", "rule", "message", "value")


def tell(
    api: "StaffClient", file: "Json", *, outcomes: tuple[str, ...], command: str, as_json: bool
) -> None:
    """Print a file as it stands.

    Args:
        outcomes: counts to print, the first one even where it is 0.
        command: what shows the file, such as `cohort show`.

    Raises:
        typer.Exit: with code 1 where a row was refused.
    """
    import json  # noqa: PLC0415 (help comes at once)

    if as_json:
        typer.echo(json.dumps(file, ensure_ascii=False, indent=2))
    else:
        counts = ", ".join(
            f"{file[name]} {name}" for name in outcomes if file[name] or name == outcomes[0]
        )
        typer.echo(f"{file['id']}  {file['state']}: {file['rows']} rows, {counts}")
        _print_refused(api, file, command)
    if file["refused"]:
        raise typer.Exit(1)


def watched(api: "StaffClient", file: "Json") -> "Json":
    """The file once all its rows are settled; a bar shows how far it has come."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bars:
        bar = bars.add_task("rows settled", total=_count(file, "rows"))
        while True:
            bars.update(bar, completed=_count(file, "rows") - _count(file, "waiting"))
            if file["state"] == "done":
                return file
            time.sleep(LOOKS_EVERY)
            file = api.get(link_of(file, "self"))


def link_of(file: "Json", name: str) -> str:
    """An address that the file's links name."""
    links = file["links"]
    assert isinstance(links, dict)
    return str(links[name])


def _print_refused(api: "StaffClient", file: "Json", command: str) -> None:
    if not file["refused"]:
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    query: dict[str, str | int] = {"outcome": "refused", "limit": MOST_SHOWN}
    page = api.get(link_of(file, "rows"), query)
    table = Table(*_ERROR, box=None)
    shown = 0
    rows = page["items"]
    for row in rows if isinstance(rows, list) else []:
        errors = row.get("errors") if isinstance(row, dict) else None
        for error in errors if isinstance(errors, list) else []:
            if isinstance(error, dict) and shown < MOST_SHOWN:
                cells = (error.get(name) for name in _ERROR)
                table.add_row(*("" if cell is None else str(cell) for cell in cells))
                shown += 1
    console = Console(markup=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    console.print(table)
    if shown == MOST_SHOWN or page.get("next_cursor"):
        typer.echo(f"all of them: journeyman {command} {file['id']} --csv", err=True)


def _count(file: "Json", name: str) -> int:
    count = file[name]
    return count if isinstance(count, int) else 0
