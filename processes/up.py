"""`journeyman up`: everything on one machine, on one data folder, and nothing left behind."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from rich.console import Console

from policies.loader import load_catalog, load_policies
from processes.demo.carrying import carry_cohort
from processes.demo.report import DemoEnd, report
from processes.demo.script import read_script
from processes.embedded.ownership import FolderOwnership
from processes.embedded_run import EmbeddedRun, ProcessEnded
from processes.faults import CommandFailed
from processes.lifetime import live
from processes.logs import configure_logging
from processes.run_plan import RunPlan
from processes.settings import Settings


def run_up(settings: Settings, plan: RunPlan) -> int:
    """Start everything, carry the demo cohort, and stop everything; returns the exit code.

    Raises:
        CommandFailed: the settings name a database of their own.
        StartFailed: a port is taken, the folder is owned, or a server does not start.
        PolicyError, CohortError: rules, script or cohort make no sense.
    """
    if settings.database_url is not None or settings.embedded is False:
        raise CommandFailed(
            "`journeyman up` runs its own PostgreSQL: unset JOURNEYMAN_DATABASE_URL and "
            "JOURNEYMAN_EMBEDDED, or run `journeyman api`, `worker` and `relay` singly"
        )
    configure_logging("up", "warning")
    console = Console(stderr=True, highlight=False)
    own = plan.demo and plan.data is None
    folder = _new_folder() if own else (plan.data or settings.data_folder).resolve()
    settings = settings.model_copy(update={"data_folder": folder})

    async def work(stop: asyncio.Event) -> int:
        return await _run(settings, plan, console, stop)

    with FolderOwnership(folder):
        code = live(work)
    if own and code == 0:
        shutil.rmtree(folder, ignore_errors=True)
    return code


def _new_folder() -> Path:
    """A data folder for a demo; PostgreSQL's account has to pass through."""
    folder = Path(tempfile.mkdtemp(prefix="journeyman-demo-"))
    folder.chmod(0o711)
    return folder


async def _run(settings: Settings, plan: RunPlan, console: Console, stop: asyncio.Event) -> int:
    catalog = load_catalog(settings.catalog_folder)
    load_policies(settings.policies_folder, catalog)
    script = read_script()
    console.print(f"Starting on {settings.data_folder} ...")
    end: DemoEnd | None = None
    with EmbeddedRun(settings, script.environment()) as run:
        try:
            await run.start_servers()
            await run.save_partners(catalog)
            run.start("sandbox", "api")
            await run.await_ready(f"{run.sandbox_url}/healthz", f"{settings.api_url}/healthz")
            end = await carry_cohort(run, script, plan, console, stop)
        except ProcessEnded as ended:
            console.print("Stopped, because", style="bold red")
            console.print(str(ended), markup=False, soft_wrap=True)
            return 1
        finally:
            console.print("Stopping everything ...")
    if end is None:
        return 0
    if not end.accounted:
        console.print(f"Not everything is accounted for; look into {settings.data_folder}")
    report(end)
    return 0 if end.accounted else 1
