"""Every call to a partner passes the gate; a pause is no failure of the service."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import ActivityEnvironment

from activities.errors import PARTNER_PAUSED, PARTNER_UNAVAILABLE
from activities.services import EnrollmentActivities
from partners.ports import PartnerUnavailable
from partners.requests import SERVICES, Cancel
from processes.worker import service_activities
from tests.partners import asks
from tests.partners.fakes import FakeEnrollment, FakeExam, FakeGate, FakePlacement, FakeRegistry


def _cancel() -> Cancel:
    return asks.cancel("provider-sz-01", "ref-1")


ASKS: dict[str, Callable[[], Any]] = {
    "check_eligibility": asks.check,
    "request_enrollment": asks.enrollment,
    "cancel_enrollment": _cancel,
    "book_sitting": asks.booking,
    "cancel_booking": _cancel,
    "find_vacancies": asks.vacancies,
    "make_referral": asks.referral,
    "cancel_referral": _cancel,
}


async def test_every_service_activity_is_held_while_its_partner_is_paused() -> None:
    ports = FakeRegistry(), FakeEnrollment(), FakeExam(), FakePlacement()
    gate = FakeGate(wait=timedelta(seconds=7))
    services = service_activities(*ports, gate)
    for service in SERVICES:
        for activity in services[service]:
            request = ASKS[activity.__name__]()
            gate.paused = {request.partner}
            with pytest.raises(ApplicationError) as held:
                await ActivityEnvironment().run(activity, request)

            assert held.value.type == PARTNER_PAUSED
            assert held.value.category is ApplicationErrorCategory.BENIGN
            assert held.value.next_retry_delay == timedelta(seconds=7)
            assert not held.value.non_retryable
    assert [port.calls for port in ports] == [[], [], [], []]


async def test_a_call_is_the_same_at_every_try_and_over_when_it_failed() -> None:
    gate, enrollment = FakeGate(), FakeEnrollment()
    enrollment.fail(PartnerUnavailable("down"), times=1)
    request = EnrollmentActivities(enrollment, gate).request_enrollment
    asked = asks.enrollment()
    environment = ActivityEnvironment()

    with pytest.raises(ApplicationError) as failed:
        await environment.run(request, asked)
    await environment.run(request, asked)

    assert failed.value.type == PARTNER_UNAVAILABLE
    assert gate.under_way == set()
    assert len(gate.asked) == 2
    assert len(set(gate.asked)) == 1
