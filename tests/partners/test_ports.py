"""What every implementation of a partner port does: the fakes, and clients of a running sandbox."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from partners.ports import (
    EnrollmentPort,
    ExamPort,
    PartnerRefused,
    PlacementPort,
    RegistryPort,
)
from partners.requests import Accepted
from tests.partners import asks
from tests.partners.fakes import FakeEnrollment, FakeExam, FakePlacement, FakeRegistry
from tests.partners.running import Sandbox

Take = Callable[[Any], Awaitable[Accepted]]


@dataclass(frozen=True)
class Ports:
    registry: RegistryPort
    enrollment: EnrollmentPort
    exam: ExamPort
    placement: PlacementPort

    def create(self, service: str) -> tuple[Take, Any]:
        """How this service takes a request, and one to take."""
        known: dict[str, tuple[Take, Any]] = {
            "registry": (self.registry.check, asks.check()),
            "enrollment": (self.enrollment.request, asks.enrollment()),
            "exam": (self.exam.book, asks.booking()),
            "placement": (self.placement.refer, asks.referral()),
        }
        return known[service]

    def keeper(self, service: str) -> EnrollmentPort | ExamPort | PlacementPort:
        """The port of a service whose requests can be looked up and canceled."""
        keepers: dict[str, EnrollmentPort | ExamPort | PlacementPort] = {
            "enrollment": self.enrollment,
            "exam": self.exam,
            "placement": self.placement,
        }
        return keepers[service]


@pytest.fixture(params=["fakes", "clients"])
async def ports(request: pytest.FixtureRequest, running: Sandbox) -> AsyncIterator[Ports]:
    if request.param == "fakes":
        yield Ports(FakeRegistry(), FakeEnrollment(), FakeExam(), FakePlacement())
    else:
        yield Ports(running.registry, running.enrollment, running.exam, running.placement)


ALL = pytest.mark.parametrize("service", ["registry", "enrollment", "exam", "placement"])
CANCELABLE = pytest.mark.parametrize("service", ["enrollment", "exam", "placement"])


@ALL
async def test_a_repeat_under_the_same_key_gets_the_same_reference(
    ports: Ports, service: str
) -> None:
    take, request = ports.create(service)
    first = await take(request)
    assert await take(request) == first
    assert (await take(asks.again(request))).ref != first.ref


@ALL
async def test_the_same_key_with_another_body_is_refused(ports: Ports, service: str) -> None:
    take, request = ports.create(service)
    await take(request)
    with pytest.raises(PartnerRefused) as refused:
        await take(request.model_copy(update={"partner": "another-partner"}))
    assert refused.value.code == "key_reused"


@CANCELABLE
async def test_what_is_canceled_stays_canceled(ports: Ports, service: str) -> None:
    take, request = ports.create(service)
    keeper, partner = ports.keeper(service), request.partner
    ref = (await take(request)).ref
    cancel = asks.cancel(partner, ref)
    await keeper.cancel(cancel)
    await keeper.cancel(cancel)
    await keeper.cancel(asks.cancel(partner, ref))
    assert (await keeper.look_up(partner, ref)).status == "canceled"


@CANCELABLE
async def test_canceling_what_nobody_knows_is_no_error(ports: Ports, service: str) -> None:
    keeper = ports.keeper(service)
    await keeper.cancel(asks.cancel("provider-sz-01", "never-given"))
    with pytest.raises(PartnerRefused) as refused:
        await keeper.look_up("provider-sz-01", "never-given")
    assert refused.value.code == "unknown_ref"


@CANCELABLE
async def test_a_reference_belongs_to_its_partner(ports: Ports, service: str) -> None:
    take, request = ports.create(service)
    ref = (await take(request)).ref
    keeper = ports.keeper(service)
    assert (await keeper.look_up(request.partner, ref)).ref == ref
    with pytest.raises(PartnerRefused):
        await keeper.look_up("another-partner", ref)
