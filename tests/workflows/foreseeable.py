"""A world whose references are known before they are given, so that events can come before them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.testing import WorkflowEnvironment

from partners.requests import Accepted
from tests.partners.fakes import Created, Fake, FakeEnrollment, FakeExam, FakePlacement
from tests.workflows.carrying import World
from tests.workflows.journals import FakeJournal


class _Foreseeable(Fake):
    """Gives the request's own key as reference, so that a partner knows it beforehand."""

    async def _take(self, request: Created) -> Accepted:
        self._enter(request)
        return Accepted(ref=self._once(request.idempotency_key, request, request.idempotency_key))


class ForeseeableEnrollment(_Foreseeable, FakeEnrollment):
    """Seats."""


class ForeseeableExam(_Foreseeable, FakeExam):
    """Sittings."""


class ForeseeablePlacement(_Foreseeable, FakePlacement):
    """Referrals."""


@asynccontextmanager
async def foreseeable_world(
    environment: WorkflowEnvironment, journal: FakeJournal | None = None
) -> AsyncIterator[World]:
    """No time passes in it."""
    with environment.auto_time_skipping_disabled():
        world = World(environment.client, environment, journal or FakeJournal())
        world.enrollment, world.exam = ForeseeableEnrollment(), ForeseeableExam()
        world.placement = ForeseeablePlacement(open_vacancies=world.placement.open_vacancies)
        async with world.working():
            yield world
