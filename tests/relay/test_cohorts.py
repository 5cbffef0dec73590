"""Rows of cohorts become journeys once, whoever crashes, and give way to what runs."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from processes.cohorts import STARTS_GO_FIRST, CohortOpener, OpeningRules
from store.cohorts import CheckedRow, CohortView, RowOutcome, RowView, list_rows
from tests.api.people import a_journey, a_person
from tests.relay.collecting import eventually
from tests.relay.opener_process import PACE
from tests.store.cohorts import as_it_stands, good_rows, sent
from tests.store.samples import catalog, opened, policies, received
from tests.vault import VAULT

RULES = OpeningRules(catalog(), policies())
KILLS = 4


def an_opener(engine: AsyncEngine, rules: OpeningRules = RULES, **pace: object) -> CohortOpener:
    return CohortOpener(engine, VAULT, rules, replace(PACE, **pace))  # type: ignore[arg-type]


@asynccontextmanager
async def opening(*openers: CohortOpener) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = [asyncio.create_task(opener.run(stop)) for opener in openers]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*running)


async def until_done(engine: AsyncEngine, cohort: CohortView) -> CohortView:
    async def is_done() -> bool:
        async with engine.begin() as connection:
            await connection.execute(text("DELETE FROM outbox"))
        return (await as_it_stands(engine, cohort)).waiting == 0

    await eventually(is_done)
    return await as_it_stands(engine, cohort)


async def rows_of(engine: AsyncEngine, cohort: CohortView) -> list[RowView]:
    async with engine.connect() as connection:
        return list((await list_rows(connection, cohort.cohort_id, None, 1000, None)).items)


def rows_with(*bodies: dict[str, object]) -> list[CheckedRow]:
    return [
        CheckedRow.model_validate({"line": line, "body": body})
        for line, body in enumerate(bodies, 1)
    ]


async def journeys_in(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return int(await connection.scalar(text("SELECT count(*) FROM journeys")) or 0)


async def test_each_row_opens_a_journey_of_its_own(store: AsyncEngine) -> None:
    cohort, _ = await sent(store, good_rows(30))
    async with opening(an_opener(store)):
        stands = await until_done(store, cohort)
    rows = await rows_of(store, cohort)
    assert (stands.opened, stands.state) == (30, "done")
    assert len({row.journey_id for row in rows}) == 30 == await journeys_in(store)
    assert len({row.person_ref for row in rows}) == 30
    async with store.connect() as connection:
        audited = await connection.scalars(
            text("SELECT about FROM audit_log WHERE action = 'journey.opened'")
        )
        assert set(audited) == {row.journey_id for row in rows}
        assert (
            await connection.scalar(
                text("SELECT count(sealed) + count(id_lookup) FROM cohort_rows")
            )
            == 0
        )


async def test_what_only_the_database_knows_refuses_a_row_when_it_is_opened(
    store: AsyncEngine,
) -> None:
    person = a_person()
    bodies = [
        a_journey(person=person),
        a_journey(person=None, person_ref="pr_nobody"),
        a_journey(),
    ]
    first, _ = await sent(store, rows_with(bodies[0]))
    async with opening(an_opener(store)):
        await until_done(store, first)
        cohort, _ = await sent(store, rows_with(*bodies))
        await until_done(store, cohort)
    [journey] = [row.journey_id for row in await rows_of(store, first)]
    rows = await rows_of(store, cohort)
    told = [(row.outcome, [error.rule for error in row.errors]) for row in rows]
    assert told == [
        (RowOutcome.REFUSED, ["opening.one_open_journey"]),
        (RowOutcome.REFUSED, ["opening.known_person"]),
        (RowOutcome.OPENED, []),
    ]
    assert str(journey) in rows[0].errors[0].message


async def test_a_first_journey_of_another_region_is_not_named(store: AsyncEngine) -> None:
    person = a_person()
    elsewhere, _ = await sent(store, rows_with(a_journey(person=person, home_region="4401")))
    async with opening(an_opener(store)):
        await until_done(store, elsewhere)
        cohort, _ = await sent(store, rows_with(a_journey(person=person)), region="4403")
        await until_done(store, cohort)
    [first] = await rows_of(store, elsewhere)
    [row] = await rows_of(store, cohort)
    assert first.journey_id
    assert row.errors[0].rule == "opening.one_open_journey"
    assert first.journey_id not in row.model_dump_json()


async def test_rules_are_those_of_the_day_on_which_a_row_is_opened(store: AsyncEngine) -> None:
    cohort, _ = await sent(store, rows_with(a_journey(program="skills-initiative-2025")))
    late = OpeningRules(catalog(), policies(), lambda: datetime(2028, 1, 1, tzinfo=UTC))
    async with opening(an_opener(store, late)):
        await until_done(store, cohort)
    [row] = await rows_of(store, cohort)
    assert [error.rule for error in row.errors] == ["opening.program_dates"]


async def test_two_openers_at_once_open_each_row_once(store: AsyncEngine) -> None:
    cohort, _ = await sent(store, good_rows(200))
    async with opening(an_opener(store), an_opener(store)):
        stands = await until_done(store, cohort)
    assert stands.opened == 200 == await journeys_in(store)


async def test_an_opener_that_is_killed_again_and_again_loses_and_doubles_nothing(
    store: AsyncEngine, database_url: str
) -> None:
    cohort, _ = await sent(store, good_rows(200))
    for kill in range(1, KILLS + 1):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.relay.opener_process", database_url
        )

        async def some_more(wanted: int = kill * 30) -> bool:
            async with store.begin() as connection:
                await connection.execute(text("DELETE FROM outbox"))
            return (await as_it_stands(store, cohort)).opened >= wanted

        await eventually(some_more)
        process.kill()
        await process.wait()
    assert (await as_it_stands(store, cohort)).waiting > 0, "it was killed in the middle"
    async with opening(an_opener(store)):
        stands = await until_done(store, cohort)
    rows = await rows_of(store, cohort)
    assert stands.opened == 200 == len({row.journey_id for row in rows})
    assert await journeys_in(store) == 200


async def test_a_row_that_fails_by_a_fault_of_ours_waits_and_holds_nobody_up(
    store: AsyncEngine,
) -> None:
    cohort, _ = await sent(store, good_rows(5))
    async with store.begin() as connection:
        kept = await connection.scalar(text("SELECT sealed FROM cohort_rows WHERE line = 3"))
        await connection.execute(text("UPDATE cohort_rows SET sealed = 'x' WHERE line = 3"))

    async def stands_at(waiting: int) -> bool:
        return (await as_it_stands(store, cohort)).waiting == waiting

    async with opening(an_opener(store)):
        await eventually(lambda: stands_at(1))
        async with store.begin() as connection:
            await connection.execute(
                text(
                    "UPDATE cohort_rows SET sealed = :kept, leased_until = '-infinity' "
                    "WHERE line = 3"
                ),
                {"kept": kept},
            )
        await eventually(lambda: stands_at(0))
    assert (await as_it_stands(store, cohort)).opened == 5


async def test_no_row_is_opened_while_many_journeys_wait_to_be_started(
    store: AsyncEngine,
) -> None:
    for _ in range(STARTS_GO_FIRST):
        await opened(store)
    cohort, _ = await sent(store, good_rows(3))
    opener = an_opener(store, gives_way=timedelta(seconds=0.2))
    assert [await opener.open_rows() for _ in range(3)] == [False] * 3
    assert (await as_it_stands(store, cohort)).waiting == 3
    async with opening(opener):
        await until_done(store, cohort)


async def test_while_many_events_wait_rows_go_one_by_one(store: AsyncEngine) -> None:
    for _ in range(100):
        await received(store, "jn_nobody")
    cohort, _ = await sent(store, good_rows(5))
    opener = an_opener(store, gives_way=timedelta(seconds=0.2))
    assert await opener.open_rows()
    assert (await as_it_stands(store, cohort)).opened == 1


async def begin(engine: AsyncEngine, cohort: CohortView) -> None:
    """Let the journeys that the cohort has opened write their first line."""
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "UPDATE journeys SET sequence = 1 FROM cohort_rows AS row "
                "WHERE row.journey_id = journeys.journey_id AND row.cohort_id = :id"
            ),
            {"id": cohort.cohort_id},
        )


async def test_a_few_journeys_begin_at_a_time(store: AsyncEngine) -> None:
    cohort, _ = await sent(store, good_rows(8))
    opener = an_opener(store, beginners=3)
    for _ in range(4):
        await opener.open_rows()
    assert (await as_it_stands(store, cohort)).opened == 3
    await begin(store, cohort)
    for _ in range(4):
        await opener.open_rows()
    assert (await as_it_stands(store, cohort)).opened == 6


async def test_after_a_journey_has_begun_the_others_have_a_multiple_of_its_time(
    store: AsyncEngine,
) -> None:
    cohort, _ = await sent(store, good_rows(2))
    opener = an_opener(store, beginners=1, rests=3.0)
    clock = asyncio.get_running_loop().time
    await opener.open_rows()
    opened_at = clock()
    await opener.open_rows()
    await asyncio.sleep(0.2)
    began_at = clock()
    await begin(store, cohort)
    while (await as_it_stands(store, cohort)).waiting:
        await opener.open_rows()
    assert clock() - began_at >= 3 * (began_at - opened_at)


async def test_beginners_of_others_hold_a_row_up_but_not_for_good(store: AsyncEngine) -> None:
    await opened(store)
    cohort, _ = await sent(store, good_rows(5))
    clock = asyncio.get_running_loop().time
    opener, asked_at = an_opener(store, beginners=1, gives_way=timedelta(seconds=0.3)), clock()
    assert await opener.open_rows()
    assert clock() - asked_at >= 0.3
    assert (await as_it_stands(store, cohort)).opened == 1
