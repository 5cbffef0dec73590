"""The worker process: journeys, their records, and a queue of its own for each partner service."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import structlog
from temporalio.client import Client
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.worker import Worker, WorkerDeploymentConfig

from activities.calls import CallGate
from activities.planning import PlanningActivities, PlanningPort
from activities.record import CalendarPort, JournalPort, RecordActivities
from activities.services import (
    EnrollmentActivities,
    ExamActivities,
    PlacementActivities,
    RegistryActivities,
)
from domain.addresses import JOURNEY_QUEUE, service_queue
from partners.enrollment.client import EnrollmentClient
from partners.exam.client import ExamClient
from partners.http import CallLimits, ServiceClient
from partners.placement.client import PlacementClient
from partners.ports import EnrollmentPort, ExamPort, PlacementPort, RegistryPort
from partners.registry.client import RegistryClient
from partners.requests import SERVICES, Service
from policies.calendar import RegionCalendar
from policies.loader import load_catalog
from processes.deployment import deployment, promote, version
from processes.settings import Settings
from processes.temporal_client import connect_temporal
from processes.worker_sandbox import journey_runner
from store.database import BY_KEY_ONLY, create_engine
from store.held_calls import HeldCalls
from store.planning import PostgresPlanning
from store.records import PostgresJournal
from workflows.journey import Journey

log = structlog.get_logger(__name__)

Activities = Sequence[Callable[..., Any]]
_ClientT = TypeVar("_ClientT", bound=ServiceClient)


def journey_activities(
    journal: JournalPort, planning: PlanningPort, calendar: CalendarPort
) -> Activities:
    """What runs beside the journeys: records and look-ups of our own."""
    return [RecordActivities(journal, calendar).record, PlanningActivities(planning).draw_plan]


def service_activities(
    registry: RegistryPort,
    enrollment: EnrollmentPort,
    exam: ExamPort,
    placement: PlacementPort,
    gate: CallGate,
) -> dict[Service, Activities]:
    """The calls to each partner service, each through the gate."""
    seats, sittings = EnrollmentActivities(enrollment, gate), ExamActivities(exam, gate)
    jobs = PlacementActivities(placement, gate)
    return {
        "registry": [RegistryActivities(registry, gate).check_eligibility],
        "enrollment": [seats.request_enrollment, seats.cancel_enrollment],
        "exam": [sittings.book_sitting, sittings.cancel_booking],
        "placement": [jobs.find_vacancies, jobs.make_referral, jobs.cancel_referral],
    }


@asynccontextmanager
async def service_clients(
    settings: Settings, gate: CallGate
) -> AsyncIterator[dict[Service, Activities]]:
    """The calls to each partner service over HTTP, with a connection pool each.

    Outside an embedded run they reach public addresses only, and what the settings allow besides;
    the sandbox, which stands in where no service is named, is on this machine.
    """
    limits = CallLimits(
        answer_s=settings.service_answer_within, connections=settings.service_calls_at_once
    )

    def made(kind: type[_ClientT], service: Service) -> _ClientT:
        guarded = not settings.is_embedded and settings.named_service_url(service) is not None
        rules = settings.outgoing_rules if guarded else None
        return kind(settings.service_url(service), limits, rules)

    async with (
        made(RegistryClient, "registry") as registry,
        made(EnrollmentClient, "enrollment") as enrollment,
        made(ExamClient, "exam") as exam,
        made(PlacementClient, "placement") as placement,
    ):
        yield service_activities(registry, enrollment, exam, placement, gate)


def workers(
    client: Client,
    settings: Settings,
    journeys: Activities,
    services: dict[Service, Activities],
    deployed: WorkerDeploymentConfig | None = None,
) -> list[Worker]:
    """One worker for journeys, and one with its own rate limit for each service.

    Args:
        deployed: the version of the journeys' code; None where versions don't matter.
    """
    made = [
        Worker(
            client,
            task_queue=JOURNEY_QUEUE,
            workflows=[Journey],
            activities=journeys,
            workflow_runner=journey_runner(),
            max_cached_workflows=settings.worker_journeys_cached,
            max_concurrent_workflow_tasks=settings.worker_journeys_at_once,
            max_concurrent_local_activities=settings.worker_records_at_once,
            deployment_config=deployed,
        )
    ]
    made.extend(
        Worker(
            client,
            task_queue=service_queue(service),
            activities=services[service],
            max_concurrent_activities=settings.service_calls_at_once,
            max_task_queue_activities_per_second=settings.calls_per_second(service),
        )
        for service in SERVICES
    )
    return made


async def run_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Work until told to stop; what is under way is finished first."""
    runtime = Runtime(
        telemetry=TelemetryConfig(
            metrics=PrometheusConfig(bind_address=f"127.0.0.1:{settings.worker_metrics_port}")
        )
    )
    client = await connect_temporal(settings, runtime=runtime)
    assert settings.database_url is not None
    engine = create_engine(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_connections,
        parameters=BY_KEY_ONLY,
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        services = await stack.enter_async_context(service_clients(settings, HeldCalls(engine)))
        journeys = journey_activities(
            PostgresJournal(engine),
            PostgresPlanning(engine, load_catalog(settings.catalog_folder)),
            RegionCalendar(),
        )
        for worker in workers(client, settings, journeys, services, deployment()):
            await stack.enter_async_context(worker)
        await promote(client, version())
        log.info("worker_ready", queues=[JOURNEY_QUEUE, *map(service_queue, SERVICES)])
        await stop.wait()
