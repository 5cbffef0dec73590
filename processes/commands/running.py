"""Commands that run processes: everything embedded, or one of them.

Each imports what it runs when it runs, so that help and errors come at once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from processes.faults import told

if TYPE_CHECKING:
    from processes.settings import Settings

Process = Callable[["Settings", asyncio.Event], Awaitable[None]]


def up(
    demo: Annotated[
        bool,
        typer.Option(
            "--demo", help="End by itself, with a table of outcomes and one line of JSON."
        ),
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Data folder. Default: JOURNEYMAN_DATA_FOLDER or .data; with --demo a new one "
            "that is removed at the end."
        ),
    ] = None,
    trainees: Annotated[
        int | None, typer.Option(min=1, help="Load only the first so many rows of the cohort.")
    ] = None,
    deadline: Annotated[
        float, typer.Option(min=1, help="With --demo: seconds until it gives up, exit code 1.")
    ] = 170.0,
) -> None:
    """Start everything on this machine and carry a demo cohort of 200 trainees.

    PostgreSQL, Temporal with its web UI, the sandbox partners, worker, relay and API start on a
    data folder that survives restarts. Goes on until Ctrl-C; leaves nothing running.

    Examples:

      journeyman up

      journeyman up --demo

      JOURNEYMAN_API_PORT=9700 journeyman up --data /var/tmp/journeyman

    Ports: JOURNEYMAN_API_PORT (8700), JOURNEYMAN_SANDBOX_PORT (8701), JOURNEYMAN_TEMPORAL_PORT
    (8702), JOURNEYMAN_TEMPORAL_UI_PORT (8703), JOURNEYMAN_WORKER_METRICS_PORT (8704),
    JOURNEYMAN_RELAY_METRICS_PORT (8705).
    """
    from processes.run_plan import RunPlan  # noqa: PLC0415
    from processes.settings import load_settings  # noqa: PLC0415
    from processes.up import run_up  # noqa: PLC0415

    with told():
        plan = RunPlan(demo=demo, data=data, trainees=trainees, deadline_s=deadline)
        raise typer.Exit(run_up(load_settings(), plan))


def api() -> None:
    """Run the HTTP interface.

    Needs PostgreSQL (JOURNEYMAN_DATABASE_URL), reaches Temporal by the SDK's own settings
    (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, ...) and trusts the tokens of
    JOURNEYMAN_ISSUER with the keys in JOURNEYMAN_ISSUER_KEYS. Port: JOURNEYMAN_API_PORT.

    Example:

      JOURNEYMAN_DATABASE_URL=postgresql+asyncpg://journeyman@db/journeyman
      TEMPORAL_ADDRESS=temporal:7233 JOURNEYMAN_ISSUER=https://login.example
      JOURNEYMAN_ISSUER_KEYS=https://login.example/jwks.json journeyman api
    """
    from processes.api import run_api  # noqa: PLC0415

    _run("api", run_api)


def worker() -> None:
    """Run journeys, their records and the calls to partner services.

    Needs PostgreSQL (JOURNEYMAN_DATABASE_URL) and Temporal (TEMPORAL_ADDRESS, ...); calls
    JOURNEYMAN_REGISTRY_URL, JOURNEYMAN_ENROLLMENT_URL, JOURNEYMAN_EXAM_URL and
    JOURNEYMAN_PLACEMENT_URL, else the sandbox. Metrics: JOURNEYMAN_WORKER_METRICS_PORT.

    Example:

      TEMPORAL_ADDRESS=temporal:7233 JOURNEYMAN_EXAM_URL=https://exams.example journeyman worker
    """
    from processes.worker_process import run_worker_process  # noqa: PLC0415

    _run("worker", run_worker_process)


def relay() -> None:
    """Carry accepted events and starts from PostgreSQL to the journeys.

    Needs PostgreSQL (JOURNEYMAN_DATABASE_URL) and Temporal (TEMPORAL_ADDRESS, ...). Several work
    side by side. Pace: JOURNEYMAN_RELAY_STARTS_PER_SECOND, JOURNEYMAN_RELAY_BATCH.

    Example:

      TEMPORAL_ADDRESS=temporal:7233 JOURNEYMAN_RELAY_STARTS_PER_SECOND=5 journeyman relay
    """
    from processes.relay_process import run_relay  # noqa: PLC0415

    _run("relay", run_relay)


def sandbox() -> None:
    """Play every partner service, for development and tests: loopback only, never in production.

    What it can be told is in docs/sandbox.md and at http://127.0.0.1:8701/docs. Settings:
    JOURNEYMAN_SANDBOX_PORT, JOURNEYMAN_SANDBOX_PACE (seconds between two steps of a partner),
    JOURNEYMAN_DATA_FOLDER (its ledger, and the partners' secrets in keys/).

    Example:

      JOURNEYMAN_SANDBOX_PACE=0.5 journeyman sandbox
    """
    from processes.sandbox import run_sandbox  # noqa: PLC0415

    _run("sandbox", run_sandbox)


def migrate() -> None:
    """Bring the database's schema to what this version needs; running it again changes nothing.

    Connects as the owner of the tables: JOURNEYMAN_MIGRATION_DATABASE_URL. The processes connect as
    another login, a member of the role journeyman_app, which this makes.

    Example:

      JOURNEYMAN_MIGRATION_DATABASE_URL=postgresql+asyncpg://owner@db/journeyman journeyman migrate
    """
    from processes.migrate import migrate as upgrade  # noqa: PLC0415
    from processes.settings import load_settings  # noqa: PLC0415

    with told():
        before, now = asyncio.run(upgrade(load_settings()))
    typer.echo(
        f"the schema is at {now} already"
        if before == now
        else f"the schema went from {before or 'nothing'} to {now}"
    )


def partners(
    file: Annotated[
        Path, typer.Argument(help="Partners as YAML, as in processes/demo/partners.yaml.")
    ],
    secrets: Annotated[
        Path, typer.Option(help="Their signing keys: a JSON object, partner id to whsec_... .")
    ],
) -> None:
    """Enter partners and their signing keys in the registry; entering them again replaces them.

    An embedded run enters the sandbox's partners by itself.

    Example:

      JOURNEYMAN_DATABASE_URL=postgresql+asyncpg://journeyman@db/journeyman
      journeyman partners partners.yaml --secrets keys.json
    """
    from processes.enter_partners import enter_partners  # noqa: PLC0415
    from processes.settings import load_settings  # noqa: PLC0415

    with told():
        entered = asyncio.run(enter_partners(load_settings(), file, secrets))
    typer.echo(f"{entered} partners are in the registry")


def doctor() -> None:
    """Look at each dependency and setting, and say what to do where one is broken.

    Reads the environment that the processes would read; starts and changes nothing. Exit code 1
    where something is broken.

    Example:

      JOURNEYMAN_DATABASE_URL=postgresql+asyncpg://journeyman@db/journeyman journeyman doctor
    """
    from rich.console import Console  # noqa: PLC0415

    from processes.doctor import examine, report  # noqa: PLC0415

    raise typer.Exit(report(asyncio.run(examine()), Console()))


def _run(name: str, process: Process) -> None:
    from processes.lifetime import live  # noqa: PLC0415
    from processes.logs import configure_logging  # noqa: PLC0415
    from processes.settings import load_settings  # noqa: PLC0415

    with told():
        settings = load_settings()
        configure_logging(name, settings.log_level)

        async def work(stop: asyncio.Event) -> None:
            await process(settings, stop)

        raise typer.Exit(live(work))
