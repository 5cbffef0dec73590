"""Who asks too often waits; who shares an address with a guesser does not."""

from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.dependencies import ApiDependencies, Limits
from api.rates import Rates, Refusals, network_of
from tests.api.issuer import Issuer

FAILURES_PER_SECOND = 5
FAILURES_AT_ONCE = 50


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def slow_app(deps: ApiDependencies, clock: Clock) -> FastAPI:
    """An app that lets a caller ask twice a second, four times at once."""
    limits = Limits(caller_requests_per_second=2.0, address_failures_per_second=5.0)
    return create_app(replace(deps, limits=limits, monotonic=clock))


def from_address(app: FastAPI, address: str, token: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, client=(address, 1)),
        base_url="http://journeyman.test",
        headers={"Authorization": f"Bearer {token}"},
    )


def test_a_bucket_gives_twice_its_rate_at_once_and_then_its_rate(clock: Clock) -> None:
    rates = Rates(5.0, monotonic=clock)

    assert [rates.take("a") for _ in range(10)] == [0.0] * 10
    assert rates.take("a") == pytest.approx(0.2)
    clock.now += 0.2
    assert rates.take("a") == 0.0
    assert rates.take("a") > 0.0


def test_a_bucket_never_holds_more_than_its_size(clock: Clock) -> None:
    rates = Rates(5.0, monotonic=clock)
    rates.take("a")
    clock.now += 3600

    assert sum(rates.take("a") == 0.0 for _ in range(50)) == 10


def test_a_slow_rate_still_gives_one(clock: Clock) -> None:
    rates = Rates(0.1, monotonic=clock)

    assert rates.take("a") == 0.0
    assert rates.take("a") == pytest.approx(10.0)


def test_a_batch_over_the_bucket_passes_when_it_is_full_and_is_owed(clock: Clock) -> None:
    rates = Rates(5.0, monotonic=clock)

    assert rates.take("a", 100) == 0.0
    assert rates.take("a") == pytest.approx((1 + 90) / 5.0)
    clock.now += 20.0
    assert rates.take("a", 100) == pytest.approx(0.0)


def test_a_key_may_have_a_rate_of_its_own(clock: Clock) -> None:
    rates = Rates(5.0, monotonic=clock)

    assert sum(rates.take("a", per_second=50.0) == 0.0 for _ in range(200)) == 100
    assert rates.take("b") == 0.0


def test_memory_is_bounded_and_the_longest_unused_is_forgotten_first(clock: Clock) -> None:
    rates = Rates(1.0, keys_kept=100, monotonic=clock)
    rates.take("busy", 2)
    for number in range(1000):
        rates.take(f"key-{number}")
        assert rates.take("busy") > 0.0

    assert len(rates) == 100


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        (None, "unknown"),
        ("a socket", "unknown"),
    ],
)
def test_addresses_that_one_customer_holds_count_as_one(address: str | None, network: str) -> None:
    assert network_of(address) == network


async def test_a_caller_who_asks_too_often_is_told_when_to_come_back(
    slow_app: FastAPI, issuer: Issuer, clock: Clock
) -> None:
    token = issuer.token("caseworker", region="4403")
    async with from_address(slow_app, "192.0.2.1", token) as client:
        answers = [await client.get("/v1/journeys") for _ in range(6)]
        clock.now += float(answers[-1].headers["Retry-After"])
        after = await client.get("/v1/journeys")

    assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2
    problem = answers[-1].json()
    assert (problem["code"], problem["retryable"]) == ("too_many_requests", True)
    assert after.status_code == 200


async def test_one_caller_takes_nothing_from_another(slow_app: FastAPI, issuer: Issuer) -> None:
    busy = issuer.token("caseworker", region="4403", sub="busy")
    quiet = issuer.token("caseworker", region="4403", sub="quiet")
    async with (
        from_address(slow_app, "192.0.2.1", busy) as first,
        from_address(slow_app, "192.0.2.1", quiet) as second,
    ):
        for _ in range(20):
            await first.get("/v1/journeys")

        assert (await second.get("/v1/journeys")).status_code == 200


async def test_whoever_guesses_is_slowed_down(slow_app: FastAPI, clock: Clock) -> None:
    async with from_address(slow_app, "192.0.2.1", "guess") as guesser:
        answers = [await guesser.get("/v1/journeys") for _ in range(FAILURES_AT_ONCE + 5)]
        clock.now += 1.0
        later = [await guesser.get("/v1/journeys") for _ in range(10)]

    statuses = [answer.status_code for answer in answers]
    assert statuses == [401] * FAILURES_AT_ONCE + [429] * 5
    assert answers[-1].json()["code"] == "too_many_requests"
    assert [answer.status_code for answer in later].count(401) == FAILURES_PER_SECOND


async def test_a_guesser_locks_out_neither_her_office_nor_another_address(
    slow_app: FastAPI, issuer: Issuer, clock: Clock
) -> None:
    token = issuer.token("caseworker", region="4403", sub="colleague")
    newcomer = issuer.token("caseworker", region="4403", sub="newcomer")
    async with (
        from_address(slow_app, "192.0.2.1", token) as colleague,
        from_address(slow_app, "192.0.2.1", "guess") as guesser,
        from_address(slow_app, "192.0.2.2", newcomer) as elsewhere,
        from_address(slow_app, "192.0.2.1", newcomer) as beside,
    ):
        assert (await colleague.get("/v1/journeys")).status_code == 200
        for _ in range(FAILURES_AT_ONCE + 5):
            await guesser.get("/v1/journeys")

        assert (await colleague.get("/v1/journeys")).status_code == 200
        assert (await beside.get("/v1/journeys")).status_code == 429
        assert (await elsewhere.get("/v1/journeys")).status_code == 200
        clock.now += 1.0
        assert (await beside.get("/v1/journeys")).status_code == 200


def test_good_requests_never_count_against_an_address(clock: Clock) -> None:
    refusals = Refusals(5.0, clock)
    for number in range(1000):
        assert refusals.wait("192.0.2.1", f"token-{number}") == 0.0
        refusals.succeeded(f"token-{number}")
