"""A person is registered once, sealed under her own key, and gone when it is destroyed."""

import asyncio
from datetime import datetime

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.catalog import Group
from domain.commands import Actor
from domain.levels import SkillLevel
from store.caseload import CaseFilter, Scope, counts, find_case, list_cases, timeline
from store.erasures import HasOpenJourney, SecondPersonNeeded, erase
from store.persons import (
    AskedErasure,
    Person,
    PersonDetails,
    UnknownPerson,
    find_by_id_number,
    find_by_phone,
    find_person,
    register,
)
from store.registry import PartnerRow, save_partners
from tests.plain_traces import opens, tables_with
from tests.store.samples import (
    PROVIDER,
    a_person,
    an_occupation,
    closed,
    now,
    opened,
    received,
)
from tests.vault import VAULT

CANARY = PersonDetails(name="司徒金丝雀", id_number="44030519990101001X", phone="13712345678")
REGION = "440305"
FIRST = Actor(id="supervisor-1", role="supervisor")
SECOND = Actor(id="supervisor-2", role="supervisor")


async def person_of(store: AsyncEngine, journey_id: str) -> str:
    async with store.connect() as connection:
        case = await find_case(connection, Scope(region=""), journey_id)
    assert case is not None
    return case.person_ref


async def found(store: AsyncEngine, person_ref: str, region: str = REGION) -> Person | None:
    async with store.connect() as connection:
        return await find_person(connection, VAULT, region, person_ref)


async def asked(
    store: AsyncEngine, person_ref: str, by: Actor, region: str = REGION
) -> AskedErasure | datetime:
    async with store.begin() as connection:
        return await erase(connection, region, person_ref, by, "her wish", now())


async def a_closed_journey(store: AsyncEngine, **changes: object) -> tuple[str, str]:
    """The journey and its person."""
    journey_id = await opened(store, person=CANARY, **changes)
    await closed(store, journey_id)
    return journey_id, await person_of(store, journey_id)


async def erased(store: AsyncEngine, person_ref: str) -> None:
    await asked(store, person_ref, FIRST)
    assert isinstance(await asked(store, person_ref, SECOND), datetime)


async def test_a_person_is_read_under_her_key_and_stands_nowhere_in_plain(
    store: AsyncEngine,
) -> None:
    groups = (Group.UNEMPLOYED, Group.VETERAN, Group.PERSON_WITH_DISABILITY)
    person_ref = await person_of(store, await opened(store, person=CANARY, groups=groups))

    person = await found(store, person_ref)

    assert person is not None
    assert person.details == CANARY
    assert person.groups == ("unemployed",)
    assert person.sensitive_groups == ("veteran", "person_with_disability")
    assert await tables_with(store, [*CANARY.model_dump().values(), *person.sensitive_groups]) == (
        set()
    )


async def test_the_search_for_traces_finds_one(store: AsyncEngine) -> None:
    journey_id = await opened(store)
    async with store.begin() as connection:
        await connection.execute(
            text("UPDATE persons SET sealed = convert_to(:name, 'UTF8')"), {"name": CANARY.name}
        )
        await connection.execute(
            text("UPDATE journeys SET employer = encode(sha256(:number), 'hex')"),
            {"number": CANARY.id_number.encode()},
        )
    assert journey_id
    assert await tables_with(store, CANARY.model_dump().values()) == {
        ("persons", CANARY.name),
        ("journeys", CANARY.id_number),
    }


async def test_of_twenty_who_register_her_at_once_all_get_one_person_with_one_key(
    store: AsyncEngine,
) -> None:
    async def once() -> str:
        async with store.begin() as connection:
            return await register(connection, VAULT, CANARY, (), now())

    references = await asyncio.gather(*(once() for _ in range(20)))

    assert len(set(references)) == 1
    async with store.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM persons")) == 1
        assert await connection.scalar(text("SELECT count(*) FROM person_keys")) == 1


async def test_registering_her_again_changes_what_changed_under_the_same_key(
    store: AsyncEngine,
) -> None:
    first = await opened(store, person=CANARY, groups=(Group.VETERAN,))
    async with store.connect() as connection:
        keys = (await connection.execute(text("SELECT * FROM person_keys"))).all()
    married = CANARY.model_copy(update={"name": "欧阳金丝雀", "phone": "13887654321"})
    second = await opened(
        store, person=married, groups=(Group.UNEMPLOYED,), occupation=an_occupation(1)
    )

    person = await found(store, await person_of(store, first))

    assert person is not None
    assert person.person_ref == await person_of(store, second)
    assert person.details == married
    assert (person.groups, person.sensitive_groups) == (("unemployed",), ())
    async with store.connect() as connection:
        assert (await connection.execute(text("SELECT * FROM person_keys"))).all() == keys
        assert await find_by_phone(connection, VAULT, REGION, CANARY.phone) == ()


async def test_an_opening_by_reference_changes_her_groups_and_nothing_else(
    store: AsyncEngine,
) -> None:
    person_ref = await person_of(store, await opened(store, person=CANARY))
    await opened(
        store,
        person_ref=person_ref,
        level=SkillLevel.SENIOR,
        groups=(Group.VETERAN, Group.UNEMPLOYED),
    )
    person = await found(store, person_ref)
    assert person is not None
    assert person.details == CANARY
    assert (person.groups, person.sensitive_groups) == (("unemployed",), ("veteran",))
    async with store.connect() as connection:
        assert len(await find_by_phone(connection, VAULT, REGION, CANARY.phone)) == 1


@pytest.mark.parametrize(
    "number", ["44030519990101001X", "44030519990101001x", " ４４030519990101001X"]
)
async def test_she_is_found_by_her_number_however_it_is_written(
    store: AsyncEngine, number: str
) -> None:
    person_ref = await person_of(store, await opened(store, person=CANARY))
    async with store.connect() as connection:
        (person,) = await find_by_id_number(connection, VAULT, REGION, number)
    assert person.person_ref == person_ref


@pytest.mark.parametrize("phone", ["13712345678", "+86 137 1234 5678", "0086-137-1234-5678"])
async def test_all_who_share_a_phone_number_are_found_by_it(store: AsyncEngine, phone: str) -> None:
    mother = a_person().model_copy(update={"phone": "+8613712345678"})
    both = {
        await person_of(store, await opened(store, person=someone)) for someone in (CANARY, mother)
    }
    await opened(store)
    async with store.connect() as connection:
        persons = await find_by_phone(connection, VAULT, REGION, phone)
    assert {person.person_ref for person in persons} == both


async def test_she_exists_only_where_she_has_or_had_a_journey(store: AsyncEngine) -> None:
    _, person_ref = await a_closed_journey(store)
    for region in ("", "44", "4403", REGION):
        assert await found(store, person_ref, region) is not None
    assert await found(store, person_ref, "440306") is None
    async with store.connect() as connection:
        assert await find_by_id_number(connection, VAULT, "51", CANARY.id_number) == ()
        assert await find_by_phone(connection, VAULT, "51", CANARY.phone) == ()
    with pytest.raises(UnknownPerson):
        await asked(store, person_ref, FIRST, "51")


async def test_two_persons_erase_her_and_nothing_opens_what_was_sealed(store: AsyncEngine) -> None:
    _, person_ref = await a_closed_journey(store, groups=(Group.VETERAN, Group.UNEMPLOYED))
    async with store.connect() as connection:
        sealed = await connection.scalar(text("SELECT sealed FROM persons"))
    assert await opens(store, VAULT, sealed, person_ref)

    waiting = await asked(store, person_ref, FIRST)
    before = await found(store, person_ref)
    done = await asked(store, person_ref, SECOND)
    after = await found(store, person_ref)

    assert before is not None
    assert waiting == before.erasure
    assert isinstance(done, datetime)
    assert after is not None
    assert (after.details, after.groups, after.sensitive_groups) == (None, (), ())
    assert (after.erased_at, after.erasure) == (done, None)
    assert not await opens(store, VAULT, sealed, person_ref)
    assert await asked(store, person_ref, FIRST) == done
    async with store.connect() as connection:
        row = (await connection.execute(text("SELECT * FROM persons"))).mappings().one()
        assert {name for name, value in row.items() if value} == {
            "person_ref",
            "registered_at",
            "erased_at",
        }
        assert await connection.scalar(text("SELECT count(*) FROM person_keys")) == 0
        lines = await connection.execute(
            text("SELECT action, actor_id FROM audit_log WHERE about = :ref ORDER BY at"),
            {"ref": person_ref},
        )
        assert [tuple(line) for line in lines] == [
            ("person.erasure_asked", FIRST.id),
            ("person.erased", SECOND.id),
        ]


async def test_whoever_asked_for_it_can_not_do_it_too(store: AsyncEngine) -> None:
    _, person_ref = await a_closed_journey(store)
    await asked(store, person_ref, FIRST)
    with pytest.raises(SecondPersonNeeded):
        await asked(store, person_ref, FIRST)
    person = await found(store, person_ref)
    assert person is not None
    assert person.details == CANARY


async def test_nobody_is_erased_while_a_journey_of_hers_is_open_anywhere(
    store: AsyncEngine,
) -> None:
    sichuan = PartnerRow(
        id="registry-sc",
        organization="hrss-sc",
        kind="registry",
        name="Registry",
        region="51",
        source="/partners/registry-sc",
    )
    async with store.begin() as connection:
        await save_partners(connection, VAULT, [sichuan], {})
    _, person_ref = await a_closed_journey(store)
    await asked(store, person_ref, FIRST)
    await opened(store, person_ref=person_ref, home_region="510107", level=SkillLevel.SENIOR)
    with pytest.raises(HasOpenJourney):
        await asked(store, person_ref, SECOND)


async def test_no_journey_opens_for_somebody_who_is_erased_at_the_same_moment(
    store: AsyncEngine,
) -> None:
    for number in range(8):
        journey_id = await opened(store, person=a_person(9000 + number))
        await closed(store, journey_id)
        person_ref = await person_of(store, journey_id)
        await asked(store, person_ref, FIRST)
        answers = await asyncio.gather(
            asked(store, person_ref, SECOND),
            opened(store, person_ref=person_ref, groups=(Group.VETERAN,) if number % 2 else ()),
            return_exceptions=True,
        )
        failed = [type(answer) for answer in answers if isinstance(answer, Exception)]
        assert failed in ([UnknownPerson], [HasOpenJourney])


async def test_an_erased_person_is_unknown_and_comes_back_as_somebody_new(
    store: AsyncEngine,
) -> None:
    _, person_ref = await a_closed_journey(store)
    await erased(store, person_ref)
    with pytest.raises(UnknownPerson):
        await opened(store, person_ref=person_ref)
    with pytest.raises(UnknownPerson):
        await opened(store, person_ref=person_ref, groups=(Group.VETERAN,))
    again = await person_of(store, await opened(store, person=CANARY))
    assert again != person_ref


async def test_journeys_timelines_and_counts_are_the_same_after_an_erasure(
    store: AsyncEngine,
) -> None:
    journey_id, person_ref = await a_closed_journey(store)
    await closed(store, journey_id, 2)

    async def seen() -> tuple[object, ...]:
        scope = Scope(region=REGION)
        async with store.connect() as connection:
            return (
                await list_cases(connection, scope, CaseFilter(), 10, None),
                await timeline(connection, journey_id, 10, None),
                await counts(connection),
            )

    before = await seen()
    await erased(store, person_ref)
    assert await seen() == before


async def test_what_events_said_of_an_erased_person_is_gone_and_their_receipts_stay(
    store: AsyncEngine,
) -> None:
    journey_id = await opened(store, person=CANARY)
    first = await received(store, journey_id, partner=PROVIDER)
    other = await received(store, await opened(store))
    await closed(store, journey_id)
    await erased(store, await person_of(store, journey_id))
    async with store.connect() as connection:
        rows = (await connection.execute(text("SELECT receipt, sealed FROM inbox"))).all()
    assert {row.receipt for row in rows if row.sealed is None} == {first.receipt}
    assert {row.receipt for row in rows if row.sealed} == {other.receipt}


async def test_a_row_that_is_moved_to_another_person_does_not_open(store: AsyncEngine) -> None:
    first = await person_of(store, await opened(store, person=CANARY))
    second = await person_of(store, await opened(store))
    async with store.connect() as connection:
        found_rows = await connection.execute(text("SELECT person_ref, sealed FROM persons"))
        rows = {row.person_ref: row.sealed for row in found_rows}
    assert await opens(store, VAULT, rows[first], first)
    assert not await opens(store, VAULT, rows[first], second)
