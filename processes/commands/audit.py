"""`journeyman audit`: the log of who did what, and whether it is whole."""

import asyncio
from typing import Annotated

import typer

from processes.faults import told

app = typer.Typer(
    no_args_is_help=True, help="The log of who did what: is it whole?", rich_markup_mode="markdown"
)


@app.callback()
def audit() -> None:
    """Keep `verify` a command of its own."""


@app.command()
def verify(
    anchor: Annotated[
        list[str] | None,
        typer.Option(
            help="A seal known from outside the database: NUMBER:MAC as an earlier verification "
            "printed it, or a file of such lines or of a relay's log. May be given again."
        ),
    ] = None,
) -> None:
    """Read the whole audit log and tell each line that was edited, deleted, moved or cut off.

    Needs the database (JOURNEYMAN_DATABASE_URL) and its master key (JOURNEYMAN_MASTER_KEY). Prints
    the newest seal where the log is whole: keep it elsewhere, and give it the next time, so that
    nobody can take away the end of the log together with its seals. Exit code 1 with findings.

    Examples:

      journeyman audit verify

      journeyman audit verify --anchor relay.log
    """
    from rich.console import Console  # noqa: PLC0415 (help comes at once)

    from processes.audit_verification import verify_audit  # noqa: PLC0415
    from processes.settings import load_settings  # noqa: PLC0415

    with told():
        code = asyncio.run(verify_audit(load_settings(), anchor or [], Console()))
    raise typer.Exit(code)
