"""Faults that whoever runs a command can mend: told in words, without a traceback.

Imports little, so that a command answers at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import typer


class CommandFailed(Exception):
    """A command can't do what it was asked; the text says why and what to do next."""


@contextmanager
def told() -> Iterator[None]:
    """Print a mendable fault to standard error and end with exit code 1.

    Raises:
        typer.Exit: in place of the fault.
    """
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except Exception as fault:
        if not isinstance(fault, CommandFailed) and not isinstance(fault, mendable()):
            raise
        typer.secho("journeyman: ", fg="red", bold=True, err=True, nl=False)
        typer.echo(str(fault), err=True)
        raise typer.Exit(1) from None


def mendable() -> tuple[type[Exception], ...]:
    """Faults whose own words say what is wrong and where; anything else is a fault of ours."""
    from partners.sandbox.signing import SecretsError  # noqa: PLC0415 (needed on a fault only)
    from policies.reading import PolicyError  # noqa: PLC0415
    from processes.demo.cohort import CohortError  # noqa: PLC0415
    from processes.embedded.failures import StartFailed  # noqa: PLC0415
    from processes.local_issuer import SampleSecrets  # noqa: PLC0415
    from processes.settings import SettingsError  # noqa: PLC0415

    return (
        CommandFailed,
        SettingsError,
        StartFailed,
        SampleSecrets,
        PolicyError,
        CohortError,
        SecretsError,
    )
