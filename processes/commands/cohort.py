"""`journeyman cohort`: open many journeys from one file, from a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from processes.commands.journey import AsJson, Region
from processes.faults import CommandFailed, told

if TYPE_CHECKING:
    from processes.commands.asking import Json, StaffClient

app = typer.Typer(
    no_args_is_help=True,
    help="Open the journeys of a whole cohort through the API, and see what became of each row.\n\n"
    "The API is asked as by `journeyman journey`: with the token in JOURNEYMAN_TOKEN, or in an "
    "embedded run with one that is issued for --region.",
)

OUTCOMES = ("opened", "waiting", "refused", "canceled")
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
    from processes.commands.settling import tell, watched  # noqa: PLC0415

    if watch:
        cohort = watched(staff, cohort)
    tell(staff, cohort, outcomes=OUTCOMES, command="cohort show", as_json=as_json)
