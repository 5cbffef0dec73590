"""`journeyman event`: what a partner's system does, from a terminal."""

import json
from typing import Annotated

import typer

from processes.faults import told

app = typer.Typer(no_args_is_help=True, help="Report events as a partner would.")


@app.callback()
def events() -> None:
    """Report events as a partner would."""


@app.command()
def send(
    partner: Annotated[str, typer.Option(help="Who reports it, such as provider-shenzhen-01.")],
    kind: Annotated[str, typer.Option("--type", help="Such as training.completed.")],
    subject: Annotated[
        str, typer.Option(help="The journey's id, or the reference that the partner knows.")
    ],
    data: Annotated[str, typer.Option(help="The event's data as a JSON object.")] = "{}",
    event_id: Annotated[
        str | None, typer.Option("--id", help="The event's id; the same again is a duplicate.")
    ] = None,
) -> None:
    """Sign one event as a CloudEvent and send it; prints the receipt.

    In an embedded run the partner's secret is in the data folder. Elsewhere it is given by
    JOURNEYMAN_PARTNER_SECRET (whsec_...). The API: JOURNEYMAN_API_HOST, JOURNEYMAN_API_PORT.

    Example:

      journeyman event send --partner center-shenzhen-01 --type assessment.absent
      --subject bkg_7f... --data '{"component": "theory", "attempt": 1, "excused": true}'
    """
    from processes.commands.reporting import report_event  # noqa: PLC0415 (help comes at once)
    from processes.settings import load_settings  # noqa: PLC0415

    with told():
        answer = report_event(
            load_settings(), partner=partner, kind=kind, subject=subject, data=data, ident=event_id
        )
        typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))
