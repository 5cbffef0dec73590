"""`journeyman journey`: what a caseworker does through the API, from a terminal."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from processes.faults import CommandFailed, told

if TYPE_CHECKING:
    from pydantic import JsonValue

    from processes.commands.asking import Json, StaffClient

app = typer.Typer(
    no_args_is_help=True,
    help="Open and read journeys through the API.\n\n"
    "The API is asked at JOURNEYMAN_API_HOST and JOURNEYMAN_API_PORT with the token in "
    "JOURNEYMAN_TOKEN. In an embedded run --region is enough: a token is issued for it.",
)

Region = Annotated[
    str | None,
    typer.Option(help="Division code whose journeys to see (embedded run), such as 44 or 4403."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the API's answer as it is.")]
JourneyId = Annotated[str, typer.Argument(help="The journey's id, jn_...")]

PLAIN_WIDTH = 240
"""Characters a line where the output goes to a file or another program."""
EXAMPLE = {
    "person": {"name": "林晓", "id_number": "110101199003070038", "phone": "15412345678"},
    "program": "demo",
    "occupation": {"scheme": "gbm", "code": "6-31-01-02"},
    "level": "junior",
    "pathway": "job",
    "home_region": "440305",
    "groups": ["unemployed"],
    "years_of_service": 2,
}


@app.command()
def start(
    file: Annotated[
        Path | None,
        typer.Argument(help="The journey as JSON, the body of POST /v1/journeys; - for stdin."),
    ] = None,
    example: Annotated[bool, typer.Option("--example", help="Print such a file.")] = False,
    key: Annotated[
        str | None,
        typer.Option(help="Idempotency-Key: the same key and file open one journey only."),
    ] = None,
    region: Region = None,
) -> None:
    """Open a journey. The person's data come from a file, so that no shell remembers them.

    Examples:

      journeyman journey start --example > trainee.json

      journeyman journey start trainee.json --key trainee-1
    """
    if example:
        typer.echo(json.dumps(EXAMPLE, ensure_ascii=False, indent=2))
        return
    with told():
        body = _body(file)
        home = body.get("home_region")
        scope = region or (home[:2] if isinstance(home, str) else None)
        with _staff(scope) as staff:
            typer.echo(_pretty(staff.post("/v1/journeys", body, key)))


@app.command()
def show(journey_id: JourneyId, region: Region = None, as_json: AsJson = False) -> None:
    """Show one journey: what it waits for, whose turn it is, until when.

    Example:

      journeyman journey show jn_0190... --region 44
    """
    with told(), _staff(region) as staff:
        case = staff.get(f"/v1/journeys/{journey_id}")
        if as_json:
            typer.echo(_pretty(case))
            return
        from rich.console import Console  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415

        table = Table("", journey_id, box=None)
        for name, value in case.items():
            if name != "journey_id" and value not in (None, [], ""):
                table.add_row(name, _cell(value))
        Console().print(table)


@app.command()
def timeline(journey_id: JourneyId, region: Region = None, as_json: AsJson = False) -> None:
    """Show every move of a journey: who, what, when, by which rule.

    Example:

      journeyman journey timeline jn_0190... --region 44
    """
    with told(), _staff(region) as staff:
        lines: list[JsonValue] = []
        query: dict[str, str | int] = {"limit": 200}
        while True:
            page = staff.get(f"/v1/journeys/{journey_id}/timeline", query)
            lines.extend(_items(page))
            cursor = page.get("next_cursor")
            if not isinstance(cursor, str):
                break
            query["cursor"] = cursor
    if as_json:
        typer.echo(_pretty(lines))
        return
    _print(lines, ("sequence", "at", "kind", "state", "by", "partner", "rule", "detail"))


@app.command("list")
def list_journeys(  # noqa: PLR0917 (each is an option with a name)
    region: Region = None,
    stage: Annotated[str | None, typer.Option(help="need, training, assessment, ...")] = None,
    state: Annotated[str | None, typer.Option(help="planning, enrolled, resit, ...")] = None,
    outcome: Annotated[str | None, typer.Option(help="retained, promoted, withdrawn, ...")] = None,
    stuck_cause: Annotated[str | None, typer.Option(help="PARTNER_SILENT, ...")] = None,
    partner: Annotated[str | None, typer.Option(help="The partner that it waits for.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on after an earlier page.")] = None,
    as_json: AsJson = False,
) -> None:
    """List journeys, newest first.

    Examples:

      journeyman journey list --region 44

      journeyman journey list --region 42 --stuck-cause PARTNER_SILENT
    """
    given = {
        "stage": stage,
        "state": state,
        "outcome": outcome,
        "stuck_cause": stuck_cause,
        "partner": partner,
        "cursor": cursor,
    }
    query: dict[str, str | int] = {name: value for name, value in given.items() if value}
    query["limit"] = limit
    with told(), _staff(region) as staff:
        page = staff.get("/v1/journeys", query)
    if as_json:
        typer.echo(_pretty(page))
        return
    names = ("journey_id", "home_region", "pathway", "stage", "state", "outcome", "stuck_cause")
    _print(_items(page), (*names, "awaited", "due_at"))
    if page.get("next_cursor"):
        typer.echo(f"more: --cursor {page['next_cursor']}", err=True)


@contextmanager
def _staff(region: str | None) -> "Iterator[StaffClient]":
    from processes.commands.asking import staff_client  # noqa: PLC0415 (help comes at once)
    from processes.settings import load_settings  # noqa: PLC0415

    with staff_client(load_settings(), region) as staff:
        yield staff


def _body(file: Path | None) -> "Json":
    if file is None:
        raise CommandFailed("name a file, or - for stdin; --example prints one to begin with")
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        body = json.loads(text)
    except OSError as fault:
        raise CommandFailed(f"{file} can't be read: {fault.strerror}") from None
    except ValueError as fault:
        raise CommandFailed(f"{file} is no JSON: {fault}") from None
    if not isinstance(body, dict):
        raise CommandFailed(f"{file} must hold a JSON object; --example prints one")
    return body


def _items(page: "Json") -> "list[JsonValue]":
    items = page.get("items")
    return items if isinstance(items, list) else []


def _print(rows: "list[JsonValue]", columns: tuple[str, ...]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(*columns, box=None)
    for row in rows:
        if isinstance(row, dict):
            table.add_row(*(_cell(row.get(column)) for column in columns))
    console = Console()
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    console.print(table)


def _cell(value: "JsonValue") -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return " ".join(str(part) for part in value.values())
    return str(value)


def _pretty(content: "JsonValue") -> str:
    return json.dumps(content, ensure_ascii=False, indent=2)
