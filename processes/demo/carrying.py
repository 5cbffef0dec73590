"""Carries the demo cohort: loads it, lets people and partners play their parts, and watches."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence

from rich.console import Console

from processes.demo.caseworker import work_caseload
from processes.demo.cohort import COHORT_FILE, read_cohort
from processes.demo.display import Display
from processes.demo.loading import Cast, load_cohort
from processes.demo.outage import end_outage, play_outage
from processes.demo.report import DemoEnd
from processes.demo.script import DemoScript
from processes.demo.watch import Watch
from processes.demo.welcome import where_to_look
from processes.embedded.ports import LOOPBACK
from processes.embedded_run import EmbeddedRun
from processes.run_plan import RunPlan
from store.database import create_engine


async def carry_cohort(
    run: EmbeddedRun,
    script: DemoScript,
    plan: RunPlan,
    console: Console,
    stop: asyncio.Event,
) -> DemoEnd | None:
    """Load the cohort and show its way until told to stop, or until the demo's end.

    Returns what became of everybody in a demo, None elsewhere.

    Raises:
        ProcessEnded: a process of the run gave up.
        CommandFailed, CohortError: the cohort can't be loaded.
    """
    rows = read_cohort(COHORT_FILE)[: plan.trainees]
    await end_outage(run.sandbox_url, script.outage)
    cast, fresh = await load_cohort(run, rows, script)
    run.start("worker", "relay")
    await run.await_ready(
        f"http://{LOOPBACK}:{run.settings.worker_metrics_port}/metrics",
        f"http://{LOOPBACK}:{run.settings.relay_metrics_port}/metrics",
        f"{run.settings.api_url}/readyz",
    )
    console.print(
        f"{len(cast)} journeys {'opened' if fresh else 'go on, opened by an earlier run'}."
    )
    console.print(where_to_look(run.settings), soft_wrap=True)
    engine = create_engine(run.database_url, pool_size=2)
    try:
        watch = Watch(run, script, engine)
        await watch.look()
        async with _played(run, script, cast, watch, outage=fresh):
            with Display(console) as display:
                if not plan.demo:
                    await watch.until_told(display, stop)
                    return None
                deadline = plan.began + plan.deadline_s
                ended = await watch.until_ended(display, stop, deadline)
        await watch.look()
        return DemoEnd(watch.figures, time.monotonic() - plan.began, ended)
    finally:
        await engine.dispose()


@contextlib.asynccontextmanager
async def _played(
    run: EmbeddedRun, script: DemoScript, cast: Sequence[Cast], watch: Watch, *, outage: bool
) -> AsyncIterator[None]:
    """Meanwhile caseworkers work and, in a run that loaded its cohort, a service goes down."""
    playing = [asyncio.create_task(work_caseload(run, script, cast))]
    if outage:
        playing.append(
            asyncio.create_task(play_outage(run.sandbox_url, script.outage, lambda: watch.figures))
        )
    try:
        yield
        for task in playing:
            if task.done():
                task.result()
    finally:
        for task in playing:
            task.cancel()
        await asyncio.gather(*playing, return_exceptions=True)
