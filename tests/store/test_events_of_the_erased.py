"""What is sent about somebody who was erased is not kept."""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.journal import KeptBack
from processes.task_sweep import TaskSweep
from store.attendance import fold
from store.late import close_late
from store.mailbox import lease_mail
from tests.store.samples import PROVIDER, closed, fate, opened, received
from tests.store.test_persons import CANARY, erased, person_of
from tests.vault import VAULT


async def test_what_comes_after_the_erasure_is_late_and_forgotten_too(store: AsyncEngine) -> None:
    journey_id = await opened(store, person=CANARY)
    await closed(store, journey_id)
    await erased(store, await person_of(store, journey_id))
    report = {"period": "2026-03", "module": "m1", "hours_planned": 8, "hours_attended": 8}
    late = [
        await received(store, journey_id, partner=PROVIDER),
        await received(store, journey_id, type="journeyman.attendance.summary.v1", data=report),
    ]
    single = store.execution_options(isolation_level="AUTOCOMMIT")
    async with single.connect() as connection:
        await connection.execute(text("DELETE FROM outbox"))
        [mail] = await lease_mail(connection, VAULT, 10, timedelta(seconds=30))

    async with store.begin() as connection:
        assert await close_late(connection, mail)
        assert await fold(connection, VAULT, 10) == 1

    async with store.connect() as connection:
        rows = (await connection.execute(text("SELECT receipt, status, sealed FROM inbox"))).all()
    assert {(row.receipt, row.status, row.sealed) for row in rows} == {
        (each.receipt, "late", None) for each in late
    }


async def test_what_was_kept_back_of_her_is_forgotten_whenever_it_came(store: AsyncEngine) -> None:
    journey_id = await opened(store, person=CANARY)
    unfit = {"kept_back": KeptBack.SCHEMA, "detail": "data: is missing"}
    before = await received(store, "enr-77", **unfit)
    async with store.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO shared_references (partner, ref, journey_id) "
                "VALUES (:partner, 'enr-77', :journey)"
            ),
            {"partner": PROVIDER, "journey": journey_id},
        )
    others = await received(store, "enr-78", **unfit)
    await closed(store, journey_id)
    await erased(store, await person_of(store, journey_id))
    assert await kept(store) == {others.receipt}

    after = await received(store, journey_id, **unfit)
    assert await kept(store) == {others.receipt, after.receipt}
    await TaskSweep(store, timedelta(days=7)).sweep()

    assert await kept(store) == {others.receipt}
    assert (await fate(store, before.receipt))[0] == "quarantined"


async def kept(store: AsyncEngine) -> set[str]:
    async with store.connect() as connection:
        return set(
            await connection.scalars(text("SELECT receipt FROM inbox WHERE sealed IS NOT NULL"))
        )
