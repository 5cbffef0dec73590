"""Promises 4, 5 and 10 and stories 16 and 17 in short, with real processes: see `make faults`."""

from collections.abc import AsyncIterator

import pytest

from tests.faults.harness.houses import ProxiedHouse, proxied_house
from tests.faults.harness.one_effect import prove_one_effect
from tests.faults.harness.one_journey import prove_one_journey
from tests.faults.harness.outages import (
    prove_database_away,
    prove_disk_full,
    prove_temporal_away,
)


@pytest.fixture(scope="module")
async def house() -> AsyncIterator[ProxiedHouse]:
    async with proxied_house() as house:
        yield house


async def test_each_step_has_one_effect_though_calls_are_cut_and_the_worker_is_killed(
    house: ProxiedHouse,
) -> None:
    proof, _ = await prove_one_effect(house, 3)

    assert proof.broken == []


async def test_a_person_started_many_times_at_once_has_one_journey_and_an_ended_one_stays_ended(
    house: ProxiedHouse,
) -> None:
    closed = await house.open(3)
    await house.until_closed(closed, within=120)

    proof = await prove_one_journey(house, 5, closed)

    assert proof.broken == []


async def test_while_postgresql_is_stopped_every_request_is_answered_503_then_all_goes_on(
    house: ProxiedHouse,
) -> None:
    proof = await prove_database_away(house, 2.0, 3)

    assert proof.broken == []


async def test_while_temporal_is_stopped_starts_and_events_are_taken_and_then_carried_out(
    house: ProxiedHouse,
) -> None:
    proof = await prove_temporal_away(house, 3.0, 3)

    assert proof.broken == []


async def test_a_full_disk_acknowledges_nothing_that_is_not_kept(house: ProxiedHouse) -> None:
    proof = await prove_disk_full(house)

    assert proof.broken == []
