"""The worker process, once its database and Temporal were found."""

import asyncio

from processes.embedded.ports import require_free
from processes.faults import CommandFailed
from processes.settings import Settings
from processes.stores import engine_of, require_usable, with_database
from processes.temporal_client import connect_temporal, temporal_connection
from processes.worker import run_worker


async def run_worker_process(settings: Settings, stop: asyncio.Event) -> None:
    """Work until told to stop.

    Raises:
        CommandFailed: the database can't be used, or Temporal does not answer.
        PortTaken: naming the setting.
    """
    settings = with_database(settings)
    require_free(
        settings.worker_metrics_port, "the worker's metrics", "JOURNEYMAN_WORKER_METRICS_PORT"
    )
    engine = engine_of(settings)
    try:
        await require_usable(settings, engine)
    finally:
        await engine.dispose()
    await _require_temporal(settings)
    await run_worker(settings, stop)


async def _require_temporal(settings: Settings) -> None:
    try:
        await connect_temporal(settings)
    except RuntimeError:
        where = temporal_connection(settings).get("target_host", "")
        raise CommandFailed(
            f"Temporal does not answer on {where}: see that it runs and that TEMPORAL_ADDRESS is "
            "right; `journeyman doctor` looks at everything"
        ) from None
