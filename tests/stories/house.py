"""The whole house in one process: door, relay, workers and sandbox partners, on real servers."""

import asyncio
import contextlib
import json
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client
from temporalio.service import RPCError

from api.app import create_app
from api.dependencies import ApiDependencies, Limits
from api.journeys_client import TemporalJourneys
from api.tokens import TokenVerifier
from domain.addresses import workflow_id_of
from partners.requests import SERVICES, Service
from partners.sandbox.app import create_sandbox
from partners.sandbox.settings import SandboxSettings
from policies.calendar import RegionCalendar
from policies.loader import load_catalog, load_policies
from processes.cohorts import CohortOpener, CohortPace, OpeningRules
from processes.demo.partners import read_partners
from processes.event_files import EventFileReader, FilePace
from processes.relay import Relay
from processes.relay_pace import Pace
from processes.sandbox import ISSUER
from processes.settings import Settings
from processes.worker import journey_activities, service_clients, workers
from store.database import create_engine
from store.held_calls import HeldCalls
from store.planning import PostgresPlanning
from store.records import PostgresJournal
from store.registry import save_partners
from tests.api.issuer import Issuer
from tests.api.people import a_journey
from tests.partners.running import serving
from tests.stories.partner import Partner
from tests.stories.trainee import Trainee
from tests.vault import VAULT, give_to_processes

COHORTS_AT_ONCE = CohortPace(rows_per_second=100, beginners=1000)
ASKED_PER_SECOND = 2000.0
"""One caseworker looks at every trainee of a story again and again."""
COMMAND_ANSWERED_WITHIN = timedelta(seconds=5)
"""How long the door waits for a journey: not long, so that an outage of Temporal is seen soon."""
EVENT_DATA_BYTES = 8 * 1024
Address = Callable[[Service, str], str]
"""Where the workers find a service, given the sandbox's own address."""


class RelayTask:
    """The relay, which can be told to rest."""

    def __init__(self, database_url: str, temporal: Client) -> None:
        self._database_url = database_url
        self._temporal = temporal

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Events and starts are carried."""
        self._start()
        try:
            yield
        finally:
            await self._stop()

    @asynccontextmanager
    async def resting(self) -> AsyncIterator[None]:
        """Nothing is carried meanwhile; what was accepted waits in PostgreSQL."""
        await self._stop()
        try:
            yield
        finally:
            self._start()

    def _start(self) -> None:
        self._told_to_stop = asyncio.Event()
        self._task = asyncio.create_task(self._run(self._told_to_stop))

    async def _stop(self) -> None:
        self._told_to_stop.set()
        await self._task

    async def _run(self, stop: asyncio.Event) -> None:
        engine = create_engine(self._database_url, pool_size=6)
        pace = Pace(starts_per_second=100, poll=timedelta(seconds=0.2))
        catalog = load_catalog()
        rules = OpeningRules(catalog, load_policies(catalog=catalog))
        opener = CohortOpener(engine, VAULT, rules, COHORTS_AT_ONCE)
        files = EventFileReader(engine, VAULT, EVENT_DATA_BYTES, FilePace(chunk=10))
        try:
            async with asyncio.TaskGroup() as loops:
                loops.create_task(files.run(stop))
                loops.create_task(Relay(engine, self._temporal, VAULT, pace).run(stop))
                loops.create_task(opener.run(stop))
        finally:
            await engine.dispose()


@dataclass
class House:
    """Everything that runs, and who speaks to it over HTTP."""

    database_url: str
    temporal: Client
    relay: "RelayTask"
    door: httpx.AsyncClient
    sandbox: httpx.AsyncClient
    issuer: Issuer
    partner_secrets: dict[str, str]
    worker_settings: Settings
    opened: list[str] = field(default_factory=list)

    async def post_journey(
        self, body: dict[str, Any], key: str | None = None, region: str | None = None
    ) -> httpx.Response:
        """What the door answers a caseworker who opens a journey."""
        headers = self.as_staff(region or str(body["home_region"])[:4])
        if key is not None:
            headers["Idempotency-Key"] = key
        answer = await self.door.post("/v1/journeys", json=body, headers=headers)
        if answer.status_code == 201:
            self.opened.append(answer.json()["id"])
        return answer

    async def open(self, script: dict[str, Any] | None = None, **asked: Any) -> Trainee:
        """A trainee with an open journey; her partners know their script before it starts."""
        async with self.relay.resting():
            return await self.accept(script, **asked)

    async def accept(self, script: dict[str, Any] | None = None, **asked: Any) -> Trainee:
        """The same; while the relay rests the journey is accepted, and does not start."""
        body = a_journey(**asked)
        answer = await self.post_journey(body)
        assert answer.status_code == 201, answer.text
        trainee = self.trainee(answer.json(), str(body["home_region"])[:4])
        await trainee.tell_partners(**(script or {}))
        return trainee

    def trainee(self, opened: dict[str, Any], region: str) -> Trainee:
        """A trainee as a caseworker of her region sees her, given the answer to her opening."""
        headers = self.as_staff(region)
        return Trainee(opened["id"], opened["person_ref"], self.door, self.sandbox, headers)

    def partner(self, partner: str) -> Partner:
        """A partner's own system."""
        token = self.issuer.token("partner", partner=partner)
        headers = {"Authorization": f"Bearer {token}"}
        return Partner(partner, self.partner_secrets[partner], self.door, headers)

    def as_staff(self, region: str, role: str = "caseworker") -> dict[str, str]:
        """The headers of somebody on the staff of a region."""
        return {"Authorization": f"Bearer {self.issuer.token(role, region=region)}"}

    @asynccontextmanager
    async def service_told(self, service: Service, **orders: Any) -> AsyncIterator[None]:
        """Orders for a whole service of the sandbox; taken back in the end."""
        address = f"/control/services/{service}"
        try:
            answer = await self.sandbox.put(address, json=orders)
            assert answer.status_code == 200, answer.text
            yield
        finally:
            await self.sandbox.put(address, json={})

    @asynccontextmanager
    async def workers_running(self) -> AsyncIterator[None]:
        """Workers for journeys and for each service, with clients over HTTP."""
        settings = self.worker_settings
        engine = create_engine(self.database_url)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(engine.dispose)
            gate = HeldCalls(engine, soonest=timedelta(seconds=0.5))
            services = await stack.enter_async_context(service_clients(settings, gate))
            journeys = journey_activities(
                PostgresJournal(engine), PostgresPlanning(engine, load_catalog()), RegionCalendar()
            )
            for worker in workers(self.temporal, settings, journeys, services):
                await stack.enter_async_context(worker)
            yield

    async def end_journeys(self) -> None:
        """End what still runs, so that it does not disturb the next test."""
        for journey_id in self.opened:
            handle = self.temporal.get_workflow_handle(workflow_id_of(journey_id))
            with contextlib.suppress(RPCError):
                await handle.terminate()


@asynccontextmanager
async def a_house(
    database_url: str,
    temporal: Client,
    folder: Path,
    *,
    policies_folder: Path | None = None,
    address: Address = lambda service, sandbox: f"{sandbox}/{service}",
    answer_within: float = 10.0,
    working: bool = True,
) -> AsyncIterator[House]:
    """A house on an empty database.

    Args:
        database_url: where everything of the house is kept.
        temporal: a namespace in which no other house works.
        folder: for keys and the sandbox's ledger.
        policies_folder: the rules; ours where None.
        address: where the workers find a service, given the sandbox's address.
        answer_within: seconds in which a service has to answer a worker's client.
        working: False leaves the workers to the test.
    """
    catalog = load_catalog()
    issuer = Issuer(folder)
    partners = read_partners(catalog)
    keys = {
        partner.id: "whsec_" + b64encode(secrets.token_bytes(32)).decode() for partner in partners
    }
    (folder / "secrets.json").write_text(json.dumps(keys))
    async with AsyncExitStack() as stack:
        engine = create_engine(database_url)
        stack.push_async_callback(engine.dispose)
        async with engine.begin() as connection:
            await give_to_processes(connection)
            await save_partners(
                connection, VAULT, partners, {partner: [key] for partner, key in keys.items()}
            )
        door = create_app(
            ApiDependencies(
                engine=engine,
                journeys=TemporalJourneys(temporal, answered_within=COMMAND_ANSWERED_WITHIN),
                catalog=catalog,
                policies=load_policies(policies_folder, catalog),
                tokens=TokenVerifier(issuer.key_set, issuer=issuer.name),
                vault=VAULT,
                limits=Limits(caller_requests_per_second=ASKED_PER_SECOND),
            )
        )
        door_url = await stack.enter_async_context(serving(door))
        sandbox = create_sandbox(
            SandboxSettings(
                ledger=folder / "ledger.sqlite",
                events_url=f"{door_url}/v1/events",
                secrets_file=folder / "secrets.json",
                issuer=ISSUER,
            )
        )
        sandbox_url = await stack.enter_async_context(serving(sandbox))
        house = House(
            database_url,
            temporal,
            RelayTask(database_url, temporal),
            await stack.enter_async_context(httpx.AsyncClient(base_url=door_url, timeout=60)),
            await stack.enter_async_context(httpx.AsyncClient(base_url=sandbox_url, timeout=60)),
            issuer,
            keys,
            Settings.model_validate(
                {f"{service}_url": address(service, sandbox_url) for service in SERVICES}
                | {"service_answer_within": answer_within}
            ),
        )
        stack.push_async_callback(house.end_journeys)
        if working:
            await stack.enter_async_context(house.workers_running())
        await stack.enter_async_context(house.relay.running())
        yield house
