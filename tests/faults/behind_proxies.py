"""A house whose calls to partners go through fault proxies, under rules that retry at once."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import yaml
from temporalio.client import Client

from partners.requests import SERVICES, Service
from policies.loader import POLICIES_FOLDER
from tests.faults.proxy import FaultProxy
from tests.policies.folders import write
from tests.stories.house import House, a_house

Proxies = dict[Service, FaultProxy]
Proxied = tuple[House, Proxies]

CALLS = {"answer_within": "2 s", "retry_at_most_every": "100 ms", "down_after": "30 s"}


def quick_rules(folder: Path) -> Path:
    """The demo's rules, with calls that are given up and tried again within seconds."""
    demo = yaml.safe_load((POLICIES_FOLDER / "demo.yaml").read_text("utf-8"))
    return write(folder, demo=demo | {"calls": CALLS})


@asynccontextmanager
async def behind_proxies(
    database_url: str, temporal: Client, folder: Path, **others: Any
) -> AsyncIterator[Proxied]:
    """A house with a proxy in front of each service."""
    async with AsyncExitStack() as stack:
        proxies = {
            service: await stack.enter_async_context(FaultProxy().listening())
            for service in SERVICES
        }
        house = await stack.enter_async_context(
            a_house(
                database_url,
                temporal,
                folder,
                policies_folder=quick_rules(folder),
                address=lambda service, sandbox: proxies[service].in_front_of(
                    f"{sandbox}/{service}"
                ),
                **others,
            )
        )
        yield house, proxies
