"""The relay process: a relay on its database and Temporal, either of which may be away."""

import asyncio
from datetime import timedelta

import structlog
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from policies.loader import load_catalog, load_policies
from processes.audit_seals import AuditSealer
from processes.cohorts import CohortOpener, CohortPace, OpeningRules
from processes.embedded.ports import LOOPBACK, require_free
from processes.event_files import EventFileReader, FilePace
from processes.purging import purge_keys
from processes.relay import Relay
from processes.relay_pace import Pace
from processes.settings import Settings
from processes.stores import engine_of, require_usable, with_database
from processes.task_sweep import TaskSweep
from processes.temporal_client import connect_temporal
from processes.vaults import vault_of

log = structlog.get_logger(__name__)


async def run_relay(settings: Settings, stop: asyncio.Event) -> None:
    """Carry events and starts, open the journeys of cohorts, read files, until told to stop.

    What is in hand then is finished first.

    Raises:
        CommandFailed: the database can't be used.
        PolicyError: the rules are wrong.
        PortTaken: naming the setting.
    """
    settings = with_database(settings)
    port = settings.relay_metrics_port
    require_free(port, "the relay's metrics", "JOURNEYMAN_RELAY_METRICS_PORT")
    runtime = Runtime(
        telemetry=TelemetryConfig(metrics=PrometheusConfig(bind_address=f"{LOOPBACK}:{port}"))
    )
    catalog = load_catalog(settings.catalog_folder)
    rules = OpeningRules(catalog, load_policies(settings.policies_folder, catalog))
    engine = engine_of(settings)
    try:
        await require_usable(settings, engine)
        vault = await vault_of(settings, engine)
        client = await connect_temporal(settings, lazy=True, runtime=runtime)
        pace = Pace(
            starts_per_second=settings.relay_starts_per_second,
            batch=settings.relay_batch,
            lease=timedelta(seconds=settings.relay_lease),
            poll=timedelta(seconds=settings.relay_poll),
        )
        cohort_pace = CohortPace(
            rows_per_second=settings.cohort_rows_per_second,
            lease=timedelta(seconds=settings.relay_lease),
            poll=timedelta(seconds=settings.relay_poll),
        )
        file_pace = FilePace(
            lease=timedelta(seconds=settings.relay_lease),
            poll=timedelta(seconds=settings.relay_poll),
        )
        files = EventFileReader(engine, vault, settings.event_data_bytes, file_pace)
        unknown_for = timedelta(days=settings.unknown_subject_days)
        log.info("relay_ready")
        async with asyncio.TaskGroup() as loops:
            loops.create_task(Relay(engine, client, vault, pace).run(stop))
            loops.create_task(CohortOpener(engine, vault, rules, cohort_pace).run(stop))
            loops.create_task(files.run(stop))
            loops.create_task(purge_keys(engine, stop))
            loops.create_task(TaskSweep(engine, unknown_for).run(stop))
            loops.create_task(AuditSealer(engine, vault).run(stop))
    finally:
        await engine.dispose()
