"""Calls to partner services: one activity, one mutation, under the request's idempotency key."""

from temporalio import activity

from activities.calls import CallGate, partner_call
from partners.ports import EnrollmentPort, ExamPort, PlacementPort, RegistryPort
from partners.requests import (
    Accepted,
    BookSitting,
    Cancel,
    CheckEligibility,
    FindVacancies,
    MakeReferral,
    RequestEnrollment,
    Vacancies,
)


class RegistryActivities:
    """The registry that decides who may take part."""

    def __init__(self, registry: RegistryPort, gate: CallGate) -> None:
        self._registry = registry
        self._gate = gate

    @activity.defn
    async def check_eligibility(self, request: CheckEligibility) -> Accepted:
        """Ask for a decision; it comes back as `eligibility.decided`."""
        async with partner_call(self._gate, request.partner):
            return await self._registry.check(request)


class EnrollmentActivities:
    """Training providers."""

    def __init__(self, enrollment: EnrollmentPort, gate: CallGate) -> None:
        self._enrollment = enrollment
        self._gate = gate

    @activity.defn
    async def request_enrollment(self, request: RequestEnrollment) -> Accepted:
        """Ask for a seat; the answer comes back as `enrollment.*`."""
        async with partner_call(self._gate, request.partner):
            return await self._enrollment.request(request)

    @activity.defn
    async def cancel_enrollment(self, request: Cancel) -> None:
        """Give a seat back."""
        async with partner_call(self._gate, request.partner):
            await self._enrollment.cancel(request)


class ExamActivities:
    """Exam centers and enterprises that assess."""

    def __init__(self, exam: ExamPort, gate: CallGate) -> None:
        self._exam = exam
        self._gate = gate

    @activity.defn
    async def book_sitting(self, request: BookSitting) -> Accepted:
        """Ask for a sitting; it comes back as `assessment.scheduled`, one for each component."""
        async with partner_call(self._gate, request.partner):
            return await self._exam.book(request)

    @activity.defn
    async def cancel_booking(self, request: Cancel) -> None:
        """Give a sitting back."""
        async with partner_call(self._gate, request.partner):
            await self._exam.cancel(request)


class PlacementActivities:
    """Job services."""

    def __init__(self, placement: PlacementPort, gate: CallGate) -> None:
        self._placement = placement
        self._gate = gate

    @activity.defn
    async def find_vacancies(self, request: FindVacancies) -> Vacancies:
        """The open vacancies for an occupation in a region."""
        async with partner_call(self._gate, request.partner):
            return await self._placement.vacancies(request)

    @activity.defn
    async def make_referral(self, request: MakeReferral) -> Accepted:
        """Refer the trainee; the answer comes back as `referral.*`."""
        async with partner_call(self._gate, request.partner):
            return await self._placement.refer(request)

    @activity.defn
    async def cancel_referral(self, request: Cancel) -> None:
        """Take a referral back."""
        async with partner_call(self._gate, request.partner):
            await self._placement.cancel(request)
