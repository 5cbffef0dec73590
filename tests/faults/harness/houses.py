"""A house with the sandbox partners and a fault proxy in front of each of their services."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
from temporalio.client import Client

from bench.trainees import next_opening
from domain.addresses import workflow_id_of
from partners.requests import SERVICES, Service
from tests.faults.harness.books import Books
from tests.faults.harness.fleet import Fleet, open_fleet
from tests.faults.harness.partners import LEVEL, OCCUPATION, REGION
from tests.faults.harness.rules import PROGRAM
from tests.faults.harness.seed import a_door
from tests.faults.harness.sender import Door
from tests.faults.proxy import FaultProxy
from tests.stories.waiting import until

OPENED_AT_ONCE = 10
_BY_OUTCOME = (
    "SELECT outcome, count(*) AS number FROM journeys WHERE journey_id = ANY($1) GROUP BY 1"
)
MOST_ROWS = 10_000


@dataclass
class ProxiedHouse:
    """Everything that runs, and who speaks to it."""

    fleet: Fleet
    door: Door
    books: Books
    proxies: dict[Service, FaultProxy]
    sandbox: httpx.AsyncClient
    temporal: Client
    home_region: str

    async def open(self, number: int, told: Callable[[str], None] | None = None) -> list[str]:
        """Open so many journeys; `told` is told each id as soon as it is known."""
        gate = asyncio.Semaphore(OPENED_AT_ONCE)

        async def one() -> str:
            async with gate:
                answer = await self.door.order(
                    "/v1/journeys", an_opening(self.home_region), uuid4().hex
                )
                journey_id = str(answer["id"])
                if told is not None:
                    told(journey_id)
                return journey_id

        return list(await asyncio.gather(*(one() for _ in range(number))))

    async def until_closed(self, journeys: list[str], within: float) -> dict[str, int]:
        """Wait until all have ended; how many by outcome."""

        async def ended() -> dict[str, int] | None:
            counted = await self.outcomes(journeys)
            return None if "None" in counted else counted

        return await until(ended, f"{len(journeys)} journeys have ended", within)

    async def outcomes(self, journeys: list[str]) -> dict[str, int]:
        """How many journeys ended how; `None` for those that have not."""
        rows = await self.books.read(_BY_OUTCOME, journeys)
        return {str(row["outcome"]): row["number"] for row in rows}

    async def ledger(self, journeys: Iterable[str]) -> list[dict[str, Any]]:
        """The partners' books about these journeys, one row for each key."""
        answer = await self.sandbox.get("/control/ledger", params={"limit": MOST_ROWS})
        wanted = set(journeys)
        return [row for row in answer.json()["keys"] if row["journey_id"] in wanted]

    async def tell(self, path: str, **orders: Any) -> None:
        """Orders to the sandbox's control route."""
        answer = await self.sandbox.put(f"/control/{path}", json=orders)
        assert answer.status_code == 200, answer.text

    async def runs(self, journeys: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Run id and first run id of each journey's workflow."""
        gate = asyncio.Semaphore(OPENED_AT_ONCE)

        async def one(journey_id: str) -> tuple[str, tuple[str, str]]:
            async with gate:
                handle = self.temporal.get_workflow_handle(workflow_id_of(journey_id))
                described = await handle.describe()
                info = described.raw_description.workflow_execution_info
                return journey_id, (described.run_id, info.first_run_id)

        return dict(await asyncio.gather(*map(one, journeys)))


def an_opening(home_region: str = REGION) -> dict[str, Any]:
    """The body of an opening: nobody twice."""
    return {
        "person": next_opening()["person"],
        "program": PROGRAM,
        "occupation": {"scheme": "gbm", "code": OCCUPATION},
        "level": LEVEL,
        "pathway": "job",
        "home_region": home_region,
    }


@asynccontextmanager
async def proxied_house(
    home_region: str = REGION, **settings: object
) -> AsyncIterator[ProxiedHouse]:
    """Start it for trainees of a region; `settings` differ from the fleet's own."""
    async with AsyncExitStack() as stack:
        proxies = {
            service: await stack.enter_async_context(FaultProxy().listening())
            for service in SERVICES
        }

        def behind(sandbox: str) -> dict[Service, str]:
            return {
                service: proxies[service].in_front_of(f"{sandbox}/{service}")
                for service in SERVICES
            }

        fleet = await stack.enter_async_context(open_fleet(behind, sandbox=True, **settings))
        door = await stack.enter_async_context(a_door(fleet, home_region))
        sandbox = await stack.enter_async_context(
            httpx.AsyncClient(base_url=fleet.sandbox_url, timeout=30, trust_env=False)
        )
        books = Books(fleet.database_url)
        stack.push_async_callback(books.close)
        client = await fleet.temporal()
        yield ProxiedHouse(fleet, door, books, proxies, sandbox, client, home_region)
