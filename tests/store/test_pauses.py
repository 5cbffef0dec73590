"""Events of a paused partner stay as they came, and go in the order of arrival after its resume."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.commands import Actor
from domain.events import EventType
from store.attendance import fold
from store.cohort_work import pressure
from store.mailbox import lease_mail
from store.pauses import held_for, pause, resume
from store.sorting import sort
from store.waiting import what_waits
from tests.store.samples import CENTER, PROVIDER, fate, now, received, running
from tests.vault import VAULT

OPERATOR = Actor(id="op-1", role="operator")
HOURS = {"enrollment_ref": "enr-1", "period": "2026-03", "module": "m-1"}
OF_THE_CENTER = {"partner": CENTER, "source": f"/partners/{CENTER}"}


async def change(engine: AsyncEngine, command: Callable[..., Awaitable[bool]]) -> None:
    async with engine.begin() as connection:
        assert await command(connection, PROVIDER, "garbage", by=OPERATOR, now=now())


async def leased(engine: AsyncEngine) -> list[str]:
    """The receipts that a relay would deliver now, in order; the leases run out at once."""
    single = engine.execution_options(isolation_level="AUTOCOMMIT")
    async with single.connect() as connection:
        mails = await lease_mail(connection, VAULT, 10, timedelta(0))
    return [delivery.receipt for mail in mails for delivery in mail.deliveries]


async def test_mail_of_a_paused_partner_is_left_and_later_delivered_in_order(
    store: AsyncEngine,
) -> None:
    journey_id = await running(store)
    first = (await received(store, journey_id)).receipt
    await change(store, pause)
    others = (await received(store, journey_id, **OF_THE_CENTER)).receipt
    second, third = [(await received(store, journey_id)).receipt for _ in range(2)]

    assert await leased(store) == [others], "another partner's mail to the same journey goes"
    async with store.connect() as connection:
        assert (await held_for(connection, PROVIDER)).events == 3

    await change(store, resume)

    assert await leased(store) == [first, others, second, third]


async def test_a_journey_with_nothing_but_kept_mail_is_not_leased(store: AsyncEngine) -> None:
    journey_id = await running(store)
    await change(store, pause)
    await received(store, journey_id)

    assert await leased(store) == []
    async with store.connect() as connection:
        assert not (await what_waits(connection)).to_deliver


async def test_nobody_gives_way_to_what_goes_nowhere(store: AsyncEngine) -> None:
    journey_id = await running(store)
    single = store.execution_options(isolation_level="AUTOCOMMIT")
    for subject in (journey_id, "enr-unknown"):
        await received(store, subject)

    counted = []
    for command in (pause, resume):
        await change(store, command)
        async with single.connect() as connection:
            counted.append((await pressure(connection, timedelta())).events)

    assert counted == [0, 1]


async def test_unknown_subjects_and_attendance_are_left_as_they_came(store: AsyncEngine) -> None:
    journey_id = await running(store)
    await change(store, pause)
    unknown = (await received(store, "enr-unknown")).receipt
    hours = (
        await received(
            store,
            journey_id,
            type=EventType.ATTENDANCE_SUMMARY.cloud_type,
            data={**HOURS, "hours_planned": 20, "hours_attended": 18},
        )
    ).receipt

    async with store.begin() as connection:
        assert (await sort(connection, 10), await fold(connection, VAULT, 10)) == (0, 0)
    assert [await fate(store, receipt) for receipt in (unknown, hours)] == [("received", "")] * 2

    await change(store, resume)

    async with store.begin() as connection:
        assert (await sort(connection, 10), await fold(connection, VAULT, 10)) == (1, 1)
    assert await fate(store, unknown) == ("quarantined", "unknown_subject")
    assert (await fate(store, hours))[0] == "applied"
