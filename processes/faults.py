"""Faults that whoever runs a command can mend: told in words, without a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from partners.sandbox.signing import SecretsError
from policies.reading import PolicyError
from processes.demo.cohort import CohortError
from processes.embedded.failures import StartFailed
from processes.local_issuer import SampleSecrets
from processes.settings import SettingsError


class CommandFailed(Exception):
    """A command can't do what it was asked; the text says why and what to do next."""


MENDABLE = (
    CommandFailed,
    SettingsError,
    StartFailed,
    SampleSecrets,
    PolicyError,
    CohortError,
    SecretsError,
)
"""Faults whose own words say what is wrong and where; anything else is a fault of ours."""


@contextmanager
def told() -> Iterator[None]:
    """Print a mendable fault to standard error and end with exit code 1.

    Raises:
        typer.Exit: in place of the fault.
    """
    try:
        yield
    except MENDABLE as fault:
        typer.secho("journeyman: ", fg="red", bold=True, err=True, nl=False)
        typer.echo(str(fault), err=True)
        raise typer.Exit(1) from None
