"""Makes the HTTP interface out of what the composition root gives it."""

from fastapi import FastAPI

from api import (
    asyncapi,
    audit,
    cases,
    cohorts,
    commands,
    erasures,
    event_files,
    events,
    file_mappings,
    health,
    journeys,
    openapi,
    partner_keys,
    partner_pauses,
    partners,
    persons,
    quarantine,
    receipts,
    tasks,
)
from api.addresses import BoundedAddress
from api.cloud_events import CloudEvent
from api.cohort_views import AskedCohort, CancelCohort
from api.dependencies import ApiDependencies, Turnstile
from api.door import Door
from api.erasures import AskedErasing
from api.handlers import handle_errors
from api.kept_events import AskedRejection, AskedRelease, AskedWithdrawal
from api.metrics import Metrics
from api.opening import AskedJourney
from api.partner_views import ASKED_OF_PARTNERS
from api.persons import AskedReveal, AskedSearch
from api.request_log import RequestLog
from domain.commands import COMMANDS
from domain.file_mappings import FileMapping

DESCRIPTION = (
    "Carries each trainee of a public vocational-training program from a job need to a job: "
    "need, training, assessment, placement. Staff send a bearer token, partners sign their events."
)


def create_app(deps: ApiDependencies) -> FastAPI:
    """The app; it opens and closes nothing, `deps` belongs to the caller."""
    app = FastAPI(
        title="Journeyman",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    metrics = Metrics()
    app.state.dependencies = deps
    app.state.metrics = metrics
    app.state.turnstile = Turnstile(deps.limits, deps.monotonic)
    app.state.door = Door(deps, metrics)
    for room in (
        events,  # first, because routes are tried in this order, and most requests are events
        asyncapi,
        event_files,
        receipts,
        quarantine,
        tasks,
        journeys,
        cases,
        commands,
        cohorts,
        persons,
        erasures,
        partners,
        partner_keys,
        partner_pauses,
        file_mappings,
        audit,
        health,
    ):
        app.include_router(room.router)
    handle_errors(app)
    app.add_middleware(BoundedAddress)
    app.add_middleware(RequestLog, metrics=metrics)
    openapi.describe(
        app,
        (
            AskedJourney,
            AskedCohort,
            CancelCohort,
            AskedSearch,
            AskedReveal,
            AskedErasing,
            AskedRelease,
            AskedRejection,
            AskedWithdrawal,
            *ASKED_OF_PARTNERS,
            FileMapping,
            CloudEvent,
            *COMMANDS,
        ),
    )
    return app
