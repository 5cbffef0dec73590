"""Promise 5: whatever happens to a call on its way, its step has one effect at the partner."""

import random

import pytest

from partners.requests import Service
from tests.faults.behind_proxies import Proxied
from tests.faults.one_effect import CALLED, goes_the_whole_way, one_effect_each
from tests.faults.proxy import Fault
from tests.stories.trainee import Trainee
from tests.stories.waiting import until

UNANSWERED = frozenset(Fault) - {Fault.DELAY}
BEFORE_SENT = {Fault.CUT_BEFORE_SENT, Fault.RESET_BEFORE_SENT, Fault.UNAVAILABLE}
AFTER_COMMIT = UNANSWERED - BEFORE_SENT


async def test_a_call_that_meets_any_fault_twice_has_one_effect(proxied: Proxied) -> None:
    house, proxies = proxied
    async with house.relay.resting():
        trainees = {fault: await house.accept() for fault in Fault}
        for fault, trainee in trainees.items():
            for service in CALLED:
                proxies[service].plan(trainee.id, fault, fault)

    for fault, trainee in trainees.items():
        await goes_the_whole_way(trainee)
        arrivals = await one_effect_each(trainee)
        for service in CALLED:
            assert arrivals[service] >= (3 if fault in AFTER_COMMIT else 1), (fault, service)
    for service in CALLED:
        met = proxies[service].suffered
        assert all(met[fault] >= (2 if fault in UNANSWERED else 1) for fault in Fault), met


@pytest.mark.parametrize("seed", range(2))
async def test_many_journeys_through_any_mixture_of_faults_have_one_effect_a_step(
    proxied: Proxied, seed: int
) -> None:
    house, proxies = proxied
    chance = random.Random(seed)
    async with house.relay.resting():
        trainees = [await house.accept() for _ in range(5)]
        for trainee in trainees:
            for service in CALLED:
                faults = chance.choices(list(Fault), k=chance.randint(0, 2))
                proxies[service].plan(trainee.id, *faults)

    for trainee in trainees:
        await goes_the_whole_way(trainee)
        await one_effect_each(trainee)


@pytest.mark.parametrize("service", ["enrollment", "exam"])
async def test_a_service_that_answers_garbage_has_one_effect(
    proxied: Proxied, service: Service
) -> None:
    house, _ = proxied
    async with house.service_told(service, garbage=True):
        trainee = await house.open()
        await until(lambda: _came_again(trainee, service), f"{service} is asked again")

    await goes_the_whole_way(trainee)

    assert (await one_effect_each(trainee))[service] > 1


async def _came_again(trainee: Trainee, service: Service) -> bool:
    return any(row["arrivals"] > 2 for row in await trainee.requests(service))
