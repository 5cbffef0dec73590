"""Many at once are taken in as one after the other would be, whoever else does the same."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.journal import KeptBack
from store.inbox import Arrival, Received, Variant, canonical, receive
from store.inbox_batches import receive_all
from store.sealed_events import open_event
from tests.store.samples import PROVIDER, an_event, now, running
from tests.vault import VAULT

OTHER = canonical({"another": "body"})


async def take_all(engine: AsyncEngine, events: list[Arrival]) -> tuple[Received | Variant, ...]:
    async with engine.begin() as connection:
        return await receive_all(connection, VAULT, events, now())


def shape(
    answers: tuple[Received | Variant, ...] | list[Received | Variant],
) -> list[tuple[str, int | None]]:
    """What each became, and which of the answers its original is."""
    places = {answer.receipt: place for place, answer in enumerate(answers)}
    return [
        (
            "variant" if isinstance(answer, Variant) else f"{answer.status} {answer.reason[:6]}",
            places.get(answer.original or ""),
        )
        for answer in answers
    ]


async def test_a_batch_ends_as_if_each_had_come_alone(store: AsyncEngine) -> None:
    journey_id = await running(store)
    event, second = an_event("EN-1"), an_event(journey_id)
    batch = [
        event,
        second,
        replace(event, canonical=OTHER),
        event,
        an_event("EN-2", kept_back=KeptBack.SCHEMA, detail="no date"),
        replace(event, source="/partners/other"),
        replace(second, canonical=OTHER),
        second,
    ]
    at_once = await take_all(store, batch)
    async with store.begin() as connection:
        again = [
            await receive(connection, VAULT, replace(each, event_id=f"{each.event_id}-2"), now())
            for each in batch
        ]
    assert shape(at_once) == shape(again)
    async with store.connect() as connection:
        rows = (await connection.execute(text("SELECT * FROM inbox ORDER BY arrival"))).all()
        counted = await connection.execute(
            text(
                "SELECT action, count(*) FROM audit_log WHERE actor_role = 'partner'"
                " GROUP BY 1 ORDER BY 1"
            )
        )
        assert [tuple(row) for row in counted] == [
            ("event.quarantined", 2),
            ("event.received", 6),
            ("event.repeated", 4),
            ("event.variant_refused", 4),
        ]
    first, second_half = rows[:4], rows[4:]
    for one, other in zip(first, second_half, strict=True):
        for name in ("source", "type", "subject", "journey_id", "status", "reason", "detail"):
            assert getattr(one, name) == getattr(other, name)
        assert open_event(VAULT, one.receipt, one.sealed) == open_event(
            VAULT, other.receipt, other.sealed
        )


async def test_two_batches_of_the_same_events_at_once_keep_each_once(store: AsyncEngine) -> None:
    events = [an_event("EN-1") for _ in range(100)]
    batches = [events, events[::-1], events[50:] + events[:50], [*events]]

    answers = await asyncio.gather(*(take_all(store, batch) for batch in batches))

    firsts = [answer for batch in answers for answer in batch if not answer.original]
    assert len(firsts) == 100
    assert sum(len(batch) for batch in answers) == 400
    originals = {answer.original for batch in answers for answer in batch if answer.original}
    assert originals == {answer.receipt for answer in firsts}


async def test_a_batch_that_is_rolled_back_was_never_received(store: AsyncEngine) -> None:
    events = [an_event("EN-1") for _ in range(3)]
    async with store.connect() as connection:
        await receive_all(connection, VAULT, events, now())
        await connection.rollback()
    answers = await take_all(store, events)
    assert not any(answer.original for answer in answers)
    async with store.connect() as connection:
        lines = "SELECT count(*) FROM audit_log WHERE actor_role = 'partner'"
        assert await connection.scalar(text(lines)) == 3


@pytest.mark.parametrize("many", [0, 1, 1000])
async def test_any_number_up_to_a_thousand_is_taken(store: AsyncEngine, many: int) -> None:
    answers = await take_all(store, [an_event("EN-1") for _ in range(many)])
    assert len(answers) == many
    async with store.connect() as connection:
        kept = await connection.scalar(
            text("SELECT count(*) FROM inbox WHERE partner = :partner"), {"partner": PROVIDER}
        )
    assert kept == many
