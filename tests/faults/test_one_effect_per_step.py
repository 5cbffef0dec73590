"""Promise 5: whatever happens to a call on its way, its step has one effect at the partner."""

import random

import pytest

from partners.requests import Service
from tests.faults.behind_proxies import Proxied
from tests.faults.one_effect import CALLED, goes_the_whole_way, one_effect_each
from tests.faults.proxy import Fault
from tests.stories.trainee import Trainee
from tests.stories.waiting import until

NEVER_ARRIVES = (Fault.CUT_BEFORE_SENT, Fault.RESET_BEFORE_SENT)
ANSWERED = (Fault.DELAY,)


@pytest.mark.parametrize("fault", Fault)
async def test_a_call_that_meets_a_fault_twice_has_one_effect(
    proxied: Proxied, fault: Fault
) -> None:
    house, proxies = proxied
    before = {service: proxies[service].suffered[fault] for service in CALLED}
    async with house.relay.resting():
        trainee = await house.accept()
        for service in CALLED:
            proxies[service].plan(trainee.id, fault, fault)

    await goes_the_whole_way(trainee)

    arrivals = await one_effect_each(trainee)
    met = {service: proxies[service].suffered[fault] - before[service] for service in CALLED}
    if fault in ANSWERED:
        assert met == dict.fromkeys(CALLED, 1), "answered the first time, it is not asked again"
        assert {arrivals[service] for service in CALLED} == {1}
    else:
        assert met == dict.fromkeys(CALLED, 2)
        came = 1 if fault in NEVER_ARRIVES else 3
        assert {arrivals[service] for service in CALLED} == {came}


@pytest.mark.parametrize("seed", range(2))
async def test_many_journeys_through_any_mixture_of_faults_have_one_effect_a_step(
    proxied: Proxied, seed: int
) -> None:
    house, proxies = proxied
    chance = random.Random(seed)
    async with house.relay.resting():
        trainees = [await house.accept() for _ in range(6)]
        for trainee in trainees:
            for service in CALLED:
                faults = chance.choices(list(Fault), k=chance.randint(0, 4))
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
