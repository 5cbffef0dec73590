"""An event that Temporal refuses as it is stops no other, and ends in quarantine."""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from processes.relay_pace import Pace
from tests.relay.collecting import batches_of, eventually, relaying
from tests.store.samples import fate, opened, received

SHORT = Pace(
    starts_per_second=200,
    poll=timedelta(seconds=0.1),
    odd_ones_wait=timedelta(seconds=0.1),
)
TOO_LARGE = {"cohort": "x" * 2_500_000}
"""Over what Temporal takes as a signal's input (2 MB)."""


async def test_it_becomes_undeliverable_while_its_neighbors_are_delivered(
    store: AsyncEngine, client: Client
) -> None:
    journey_id = await opened(store)
    before = (await received(store, journey_id)).receipt
    too_large = (await received(store, journey_id, data=TOO_LARGE)).receipt
    after = (await received(store, journey_id)).receipt

    async def is_given_up() -> bool:
        return await fate(store, too_large) == ("quarantined", "undeliverable")

    async with relaying(store, client, SHORT):
        await eventually(is_given_up)

    assert [(await fate(store, receipt))[0] for receipt in (before, after)] == ["delivered"] * 2
    told = [receipt for batch in await batches_of(client, journey_id) for receipt in batch]
    assert sorted(told) == sorted([before, after])
    async with store.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM refused_deliveries")) == 0
        lines = await connection.scalar(
            text("SELECT count(*) FROM audit_log WHERE about = :of AND action LIKE '%quarantined'"),
            {"of": too_large},
        )
    assert lines == 1
