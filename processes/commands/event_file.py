"""`journeyman event-file`: report many events from one table, as a partner's system does."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from processes.commands.journey import AsJson
from processes.faults import CommandFailed, told

if TYPE_CHECKING:
    from processes.commands.asking import StaffClient
    from processes.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    help="Report results or attendance from a CSV file as a partner, and see what became of each "
    "row.\n\n"
    "In an embedded run the partner's secret and a token are at hand. Elsewhere the secret is in "
    "JOURNEYMAN_PARTNER_SECRET (whsec_...), a partner's token in JOURNEYMAN_TOKEN. The API: "
    "JOURNEYMAN_API_HOST, JOURNEYMAN_API_PORT.",
)

OUTCOMES = ("sent", "repeated", "waiting", "refused")

Partner = Annotated[str, typer.Option(help="Whose file it is, such as center-shenzhen-01.")]


@app.command()
def send(
    file: Annotated[Path, typer.Argument(help="A table as CSV, UTF-8 or GB18030.")],
    partner: Partner,
    kind: Annotated[
        str, typer.Option(help="results, attendance, or a mapping of the partner's own.")
    ] = "results",
    watch: Annotated[
        bool, typer.Option("--watch/--no-watch", help="Stay until every row is settled.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Sign a file and send it; each good row becomes an event. Again, it changes nothing.

    The first line names the columns, in English or Chinese. Of results: booking_ref (准考证号),
    component (科目), raw (成绩), and if wanted attempt, max (满分), sat_at (考试日期), supersedes
    and others. Of attendance: enrollment_ref (学员编号), period (周期), hours_planned (计划学时),
    hours_attended (实到学时), and if wanted module (模块), method (方式), supersedes and others.

    Ends with exit code 1 where a row is refused, so that a script notices; the others are sent.

    Examples:

      journeyman event-file send results.csv --partner center-shenzhen-01

      journeyman event-file send may.csv --partner provider-shenzhen-01 --kind attendance --no-watch
    """
    from processes.commands.reporting import send_file  # noqa: PLC0415 (help comes at once)
    from processes.commands.settling import tell, watched  # noqa: PLC0415
    from processes.settings import load_settings  # noqa: PLC0415

    with told():
        try:
            content = file.read_bytes()
        except OSError as fault:
            raise CommandFailed(f"{file} can't be read: {fault.strerror}") from None
        settings = load_settings()
        with _partner(settings, partner) as api:
            found = send_file(settings, partner=partner, kind=kind, content=content)
            if watch:
                found = watched(api, found)
            tell(api, found, outcomes=OUTCOMES, command="event-file show", as_json=as_json)


@app.command()
def show(
    file_id: Annotated[str, typer.Argument(help="The file's id, ef_...")],
    partner: Partner = "",
    csv: Annotated[
        bool, typer.Option("--csv", help="Print what is wrong with every refused row, as CSV.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how far a file is read, and what is wrong with its refused rows.

    Ends with exit code 1 where a row was refused.

    Examples:

      journeyman event-file show ef_0190... --partner center-shenzhen-01

      journeyman event-file show ef_0190... --partner center-shenzhen-01 --csv > to-mend.csv
    """
    from processes.commands.settling import tell  # noqa: PLC0415 (help comes at once)
    from processes.settings import load_settings  # noqa: PLC0415

    with told(), _partner(load_settings(), partner) as api:
        address = f"/v1/event-files/{file_id}"
        if csv:
            typer.echo(api.table(f"{address}/rows"), nl=False)
            return
        tell(
            api,
            api.get(address),
            outcomes=OUTCOMES,
            command="event-file show",
            as_json=as_json,
        )


@contextmanager
def _partner(settings: "Settings", partner: str) -> "Iterator[StaffClient]":
    from domain.commands import Role  # noqa: PLC0415
    from processes.commands.asking import staff_client  # noqa: PLC0415

    if settings.token is None and not partner:
        raise CommandFailed("say whose file it is with --partner, or set JOURNEYMAN_TOKEN")
    with staff_client(settings, None, Role.PARTNER, partner) as api:
        yield api
