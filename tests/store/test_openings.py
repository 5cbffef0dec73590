"""One open journey per person, occupation and level; re-entry carries what still counts."""

import asyncio
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.brief import JourneyBrief
from domain.levels import SkillLevel
from domain.plan import Component, ComponentCredit, ModuleCredit
from store.caseload import Scope, find_case
from store.openings import AlreadyOpen, open_journey
from store.persons import UnknownPerson
from store.planning import NoRegistry
from store.records import PostgresJournal
from store.registry import PartnerRow, save_partners
from tests.store.samples import (
    a_batch,
    a_person,
    an_occupation,
    an_opening,
    closed,
    now,
    opened,
)
from tests.vault import VAULT


async def brief_of(engine: AsyncEngine, journey_id: str) -> JourneyBrief:
    async with engine.connect() as connection:
        brief = await connection.scalar(
            text("SELECT brief FROM outbox WHERE journey_id = :id"), {"id": journey_id}
        )
    return JourneyBrief.model_validate(brief)


async def test_an_opening_is_on_the_caseload_and_waits_to_be_started(store: AsyncEngine) -> None:
    journey_id = await opened(store, years_of_service=3.5)
    async with store.connect() as connection:
        case = await find_case(connection, Scope(region="4403"), journey_id)
    assert case is not None
    assert (case.stage, case.state, case.sequence) == ("need", "intake", 0)
    assert case.opened_by.id == "staff-7"
    brief = await brief_of(store, journey_id)
    assert brief.journey_id == journey_id
    assert brief.person_ref == case.person_ref
    assert brief.registry == "registry-gd"


async def test_a_second_journey_of_the_same_kind_is_refused_naming_the_first(
    store: AsyncEngine,
) -> None:
    first = await opened(store, person=a_person(1))
    with pytest.raises(AlreadyOpen) as refused:
        await opened(store, person=a_person(1))
    assert refused.value.journey_id == first


@pytest.mark.parametrize(
    "changes", [{"level": SkillLevel.SENIOR}, {"occupation": an_occupation(1)}]
)
async def test_another_level_or_occupation_is_another_journey(
    store: AsyncEngine, changes: dict[str, object]
) -> None:
    first = await opened(store, person=a_person(1))
    second = await opened(store, person=a_person(1), **changes)
    assert first != second
    assert (await brief_of(store, first)).person_ref == (await brief_of(store, second)).person_ref


async def test_of_twenty_at_once_one_opens_and_nineteen_name_it(store: AsyncEngine) -> None:
    answers = await asyncio.gather(
        *(opened(store, person=a_person(1)) for _ in range(20)), return_exceptions=True
    )
    ids = [answer for answer in answers if isinstance(answer, str)]
    refusals = [answer for answer in answers if isinstance(answer, AlreadyOpen)]
    assert len(ids) == 1
    assert [refusal.journey_id for refusal in refusals] == ids * 19
    async with store.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM persons")) == 1
        assert await connection.scalar(text("SELECT count(*) FROM outbox")) == 1


async def test_reentry_links_the_old_journey_and_carries_live_credits(store: AsyncEngine) -> None:
    first = await opened(store, person=a_person(1))
    journal = PostgresJournal(store)
    await journal.record(
        a_batch(
            first,
            1,
            module_credits=(
                ModuleCredit(module="safety"),
                ModuleCredit(module="law", expires=now().date()),
                ModuleCredit(module="ethics", expires=now().date() - timedelta(days=1)),
            ),
            component_credits=(
                ComponentCredit(component=Component.PRACTICAL, passed_at=now()),
                ComponentCredit(component=Component.THEORY, passed_at=now() - timedelta(days=400)),
            ),
        )
    )
    await closed(store, first, 2)
    earlier = (await brief_of(store, await opened(store, person=a_person(1)))).earlier
    assert earlier.previous_journey == first
    assert {credit.module for credit in earlier.modules} == {"safety", "law"}
    assert [credit.component for credit in earlier.components] == [Component.PRACTICAL]


async def test_a_component_counts_for_its_own_occupation_only(store: AsyncEngine) -> None:
    first = await opened(store, person=a_person(1))
    passed = ComponentCredit(component=Component.PRACTICAL, passed_at=now())
    await PostgresJournal(store).record(a_batch(first, 1, component_credits=(passed,)))
    await closed(store, first, 2)
    other = await opened(store, person=a_person(1), occupation=an_occupation(1))
    earlier = (await brief_of(store, other)).earlier
    assert earlier.previous_journey is None
    assert earlier.components == ()


async def test_recognized_modules_of_the_opening_go_along(store: AsyncEngine) -> None:
    recognized = (ModuleCredit(module="safety", source="diploma", expires=date(2099, 1, 1)),)
    journey_id = await opened(store, recognized=recognized)
    assert (await brief_of(store, journey_id)).earlier.modules == recognized


async def test_a_known_person_is_opened_for_by_reference(store: AsyncEngine) -> None:
    first = await opened(store, person=a_person(1))
    person_ref = (await brief_of(store, first)).person_ref
    second = await opened(store, person_ref=person_ref, level=SkillLevel.SENIOR)
    assert (await brief_of(store, second)).person_ref == person_ref


async def test_nobody_is_opened_for_under_an_unknown_reference(store: AsyncEngine) -> None:
    with pytest.raises(UnknownPerson):
        await opened(store, person_ref="pr_nobody")


async def test_a_region_without_a_registry_opens_nothing(store: AsyncEngine) -> None:
    with pytest.raises(NoRegistry) as refused:
        await opened(store, home_region="510107")
    assert refused.value.region == "510107"
    async with store.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM journeys")) == 0


async def test_the_nearest_registry_decides(store: AsyncEngine) -> None:
    city = PartnerRow(
        id="registry-sz",
        organization="hrss-sz",
        kind="registry",
        name="Shenzhen",
        region="4403",
        source="/partners/registry-sz",
    )
    async with store.begin() as connection:
        await save_partners(connection, VAULT, [city], {})
    assert (await brief_of(store, await opened(store))).registry == "registry-sz"
    elsewhere = await opened(store, home_region="440106")
    assert (await brief_of(store, elsewhere)).registry == "registry-gd"


async def test_an_opening_that_is_rolled_back_leaves_nothing(store: AsyncEngine) -> None:
    async with store.connect() as connection:
        await open_journey(connection, VAULT, an_opening(), now())
        await connection.rollback()
        for table in ("persons", "journeys", "mailboxes", "outbox"):
            assert await connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0
