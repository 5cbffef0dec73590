"""The `journeyman` command."""

import typer

from processes.commands import audit, cohort, event, event_file, journey, partner, running, token

app = typer.Typer(
    name="journeyman",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Carries each trainee of a public vocational-training program from a job need to a "
    "job.\n\n"
    "`journeyman up` starts everything on this machine. Each setting is an environment variable "
    "JOURNEYMAN_...; `journeyman doctor` looks at all of them.",
)
for command in (
    running.up,
    running.api,
    running.worker,
    running.relay,
    running.sandbox,
    running.migrate,
    running.partners,
    token.token,
):
    app.command()(command)
app.add_typer(journey.app, name="journey")
app.add_typer(cohort.app, name="cohort")
app.add_typer(event.app, name="event")
app.add_typer(event_file.app, name="event-file")
app.add_typer(partner.app, name="partner")
app.add_typer(audit.app, name="audit")
app.command()(running.doctor)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
