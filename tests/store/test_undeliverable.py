"""Only the relay that holds a journey's lease may give its events up as undeliverable."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from store.mailbox import Mail, delivered, lease_mail
from store.undeliverable import count_refusals
from tests.store.samples import fate, received, running
from tests.vault import VAULT


async def leased(engine: AsyncEngine, lease: timedelta) -> Mail:
    single = engine.execution_options(isolation_level="AUTOCOMMIT")
    async with single.connect() as connection:
        (mail,) = await lease_mail(connection, VAULT, 1, lease)
    return mail


async def test_an_event_that_the_next_relay_has_signaled_is_not_put_away(
    store: AsyncEngine,
) -> None:
    journey_id = await running(store)
    receipt = (await received(store, journey_id)).receipt
    late = await leased(store, timedelta(0))
    holder = await leased(store, timedelta(minutes=1))

    async with store.begin() as connection:
        assert await count_refusals(connection, late, [receipt], 1) == ()
    assert (await fate(store, receipt))[0] == "received"

    async with store.begin() as connection:
        await delivered(connection, [holder])
    assert (await fate(store, receipt))[0] == "delivered"


async def test_who_holds_the_lease_gives_up_after_so_many_tries(store: AsyncEngine) -> None:
    journey_id = await running(store)
    receipt = (await received(store, journey_id)).receipt
    holder = await leased(store, timedelta(minutes=1))
    for given_up in ((), (receipt,)):
        async with store.begin() as connection:
            assert await count_refusals(connection, holder, [receipt], 2) == given_up
    assert await fate(store, receipt) == ("quarantined", "undeliverable")
