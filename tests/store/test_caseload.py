"""Lists page by key and stay inside the caller's region."""

from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.stages import Outcome, Stage, State, StuckCause
from store.caseload import CaseFilter, CaseView, Scope, counts, find_case, list_cases, timeline
from store.openings import open_journey
from store.pages import BadCursor
from store.records import PostgresJournal
from store.registry import PartnerRow, save_partners
from tests.store.samples import (
    PROVIDER,
    a_batch,
    a_case_line,
    an_entry,
    an_opening,
    closed,
    later,
    now,
    opened,
)
from tests.vault import VAULT

EVERYWHERE = Scope(region="")


async def list_all(
    engine: AsyncEngine, scope: Scope = EVERYWHERE, wanted: CaseFilter | None = None, limit: int = 3
) -> list[CaseView]:
    """Every page, one after the other."""
    found: list[CaseView] = []
    cursor = None
    async with engine.connect() as connection:
        while True:
            page = await list_cases(connection, scope, wanted or CaseFilter(), limit, cursor)
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                return found


async def test_pages_hold_each_case_once_newest_first(store: AsyncEngine) -> None:
    journeys = [await opened(store) for _ in range(8)]
    assert [case.journey_id for case in await list_all(store)] == journeys[::-1]


async def test_cases_opened_in_the_same_moment_are_paged_too(store: AsyncEngine) -> None:
    moment = now()
    async with store.begin() as connection:
        journeys = [await open_journey(connection, VAULT, an_opening(), moment) for _ in range(7)]
    listed = [case.journey_id for case in await list_all(store, limit=2)]
    assert sorted(listed) == sorted(journeys)
    assert len(listed) == 7


async def test_what_is_opened_while_one_pages_neither_repeats_nor_hides_a_case(
    store: AsyncEngine,
) -> None:
    journeys = [await opened(store) for _ in range(6)]
    seen: list[str] = []
    cursor = None
    while True:
        async with store.connect() as connection:
            page = await list_cases(connection, EVERYWHERE, CaseFilter(), 2, cursor)
        seen += [case.journey_id for case in page.items]
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
        await opened(store)
    assert seen == journeys[::-1]


@pytest.mark.parametrize("cursor", ["", "x", "WzFd", "W251bGxd", "WyJ4IiwgInkiXQ", "🙂"])
async def test_a_cursor_of_somebodys_own_making_is_refused(store: AsyncEngine, cursor: str) -> None:
    async with store.connect() as connection:
        with pytest.raises(BadCursor):
            await list_cases(connection, EVERYWHERE, CaseFilter(), 2, cursor)


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("", {"440305", "440106", "510107"}),
        ("44", {"440305", "440106"}),
        ("4403", {"440305"}),
        ("440305", {"440305"}),
        ("51", {"510107"}),
        ("4", {"440305", "440106"}),
        ("31", set()),
        ("4403050", set()),
        ("%", set()),
    ],
)
async def test_staff_see_their_region_and_what_lies_in_it(
    store: AsyncEngine, region: str, expected: set[str]
) -> None:
    sichuan = PartnerRow(
        id="registry-sc",
        organization="hrss-sc",
        kind="registry",
        name="Sichuan",
        region="51",
        source="/partners/registry-sc",
    )
    async with store.begin() as connection:
        await save_partners(connection, VAULT, [sichuan], {})
    homes = {await opened(store, home_region=home): home for home in ("440305", "440106", "510107")}
    listed = await list_all(store, Scope(region=region))
    assert {case.home_region for case in listed} == expected
    async with store.connect() as connection:
        for journey_id, home in homes.items():
            found = await find_case(connection, Scope(region=region), journey_id)
            assert (found is not None) == (home in expected)


async def test_a_filter_never_widens_the_scope(store: AsyncEngine) -> None:
    await opened(store)
    assert await list_all(store, Scope(region="51"), CaseFilter(region="44")) == []


async def test_filters_narrow_by_what_the_case_says(store: AsyncEngine) -> None:
    journal = PostgresJournal(store)
    stuck, waiting, done = [await opened(store) for _ in range(3)]
    await journal.record(
        a_batch(
            stuck,
            1,
            case=a_case_line(
                1,
                stage=Stage.TRAINING,
                state=State.ENROLLING,
                partner=PROVIDER,
                due_at=later(days=-1),
                stuck_cause=StuckCause.PARTNER_SILENT,
                stuck_since=now(),
            ),
        )
    )
    await journal.record(a_batch(waiting, 1, case=a_case_line(1, due_at=later(days=3))))
    await closed(store, done)
    expectations = {
        stuck: [
            CaseFilter(stuck=True),
            CaseFilter(stuck_cause=StuckCause.PARTNER_SILENT),
            CaseFilter(stage=Stage.TRAINING),
            CaseFilter(state=State.ENROLLING),
            CaseFilter(partner=PROVIDER),
            CaseFilter(due_before=now()),
        ],
        waiting: [
            CaseFilter(open=True, stuck=False),
            CaseFilter(due_before=later(days=4), stuck=False),
        ],
        done: [CaseFilter(open=False), CaseFilter(outcome=Outcome.WITHDRAWN)],
    }
    for journey_id, filters in expectations.items():
        for wanted in filters:
            listed = await list_all(store, wanted=wanted)
            assert [case.journey_id for case in listed] == [journey_id], wanted


async def test_a_timeline_is_paged_in_the_order_of_its_lines(store: AsyncEngine) -> None:
    journey_id = await opened(store)
    entries = tuple(an_entry(sequence) for sequence in range(1, 8))
    await PostgresJournal(store).record(a_batch(journey_id, 7, entries=entries))
    read: list[int] = []
    cursor = None
    async with store.connect() as connection:
        while True:
            page = await timeline(connection, journey_id, 3, cursor)
            read += [entry.sequence for entry in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
    assert read == list(range(1, 8))


async def test_counts_add_up(store: AsyncEngine) -> None:
    first, second, _ = [await opened(store) for _ in range(3)]
    await closed(store, first)
    stuck = a_case_line(1, stuck_cause=StuckCause.NO_CAPACITY, stuck_since=now())
    await PostgresJournal(store).record(a_batch(second, 1, case=stuck))
    async with store.connect() as connection:
        counted = await counts(connection)
    assert counted.stages == {Stage.NEED: 2, Stage.CLOSED: 1}
    assert counted.outcomes == {Outcome.WITHDRAWN: 1}
    assert counted.stuck == {StuckCause.NO_CAPACITY: 1}


async def test_a_case_tells_how_long_it_is_open(store: AsyncEngine) -> None:
    before = now()
    journey_id = await opened(store)
    async with store.connect() as connection:
        case = await find_case(connection, EVERYWHERE, journey_id)
    assert case is not None
    assert timedelta(0) <= case.opened_at - before < timedelta(seconds=30)
