"""The API process: the HTTP interface on its database, journeys and rules."""

import asyncio
from datetime import timedelta

import structlog

from api.app import create_app
from api.dependencies import ApiDependencies, Limits
from api.journeys_client import TemporalJourneys
from api.tokens import TokenVerifier
from policies.loader import load_catalog, load_policies
from processes.connections import Manners
from processes.local_issuer import require_own_issuer
from processes.serving import serve
from processes.settings import Settings
from processes.stores import engine_of, require_usable, with_database
from processes.temporal_client import connect_temporal
from processes.vaults import vault_of

log = structlog.get_logger(__name__)


async def run_api(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until told to stop. Temporal may be away: events and starts are taken all the same.

    Raises:
        CommandFailed: the database can't be used.
        SampleSecrets: keys of an embedded run outside of it.
        PolicyError: the rules make no sense.
        PortTaken: naming the setting.
    """
    settings = with_database(settings)
    require_own_issuer(settings)
    catalog = load_catalog(settings.catalog_folder)
    policies = load_policies(settings.policies_folder, catalog)
    engine = engine_of(settings)
    try:
        await require_usable(settings, engine)
        app = create_app(
            ApiDependencies(
                engine=engine,
                journeys=TemporalJourneys(await connect_temporal(settings, lazy=True)),
                catalog=catalog,
                policies=policies,
                tokens=TokenVerifier(
                    settings.issuer_key_set(), issuer=settings.issuer, audience=settings.audience
                ),
                vault=await vault_of(settings, engine),
                outgoing=settings.outgoing_rules,
                limits=Limits(
                    event_bytes=settings.event_bytes,
                    event_data_bytes=settings.event_data_bytes,
                    body_bytes=settings.body_bytes,
                    batch_events=settings.batch_events,
                    batch_bytes=settings.batch_bytes,
                    file_rows=settings.file_rows,
                    file_bytes=settings.file_bytes,
                    cohort_rows=settings.cohort_rows,
                    cohort_bytes=settings.cohort_bytes,
                    body_within=timedelta(seconds=settings.body_within),
                    caller_requests_per_second=settings.caller_requests_per_second,
                    partner_events_per_second=settings.partner_events_per_second,
                    signature_age=timedelta(seconds=settings.signature_age),
                ),
            )
        )
        log.info("api_ready", address=settings.api_url)
        await serve(
            app,
            stop,
            host=settings.api_host,
            port=settings.api_port,
            purpose="the API",
            setting="JOURNEYMAN_API_PORT",
            manners=Manners(head_within=settings.headers_within, connections=settings.connections),
        )
    finally:
        await engine.dispose()
