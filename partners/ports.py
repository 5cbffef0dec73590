"""The four ports through which activities reach partner services; the clients implement them."""

from typing import Protocol

from partners.requests import (
    Accepted,
    BookSitting,
    Cancel,
    CheckEligibility,
    FindVacancies,
    MakeReferral,
    RequestEnrollment,
    Standing,
    Vacancies,
)


class PartnerRefused(Exception):
    """The service refused the request (4xx): asking again the same way changes nothing.

    `code` is the problem's code (bounded), `detail` its sentence (bounded).
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class PartnerUnavailable(Exception):
    """No usable answer: no connection, too late, 5xx, 429, or an answer that breaks the contract.

    Asking again is right, and safe under the same idempotency key.
    """


class RegistryPort(Protocol):
    async def check(self, request: CheckEligibility) -> Accepted: ...


class EnrollmentPort(Protocol):
    async def request(self, request: RequestEnrollment) -> Accepted: ...

    async def cancel(self, request: Cancel) -> None: ...

    async def look_up(self, partner: str, ref: str) -> Standing: ...


class ExamPort(Protocol):
    async def book(self, request: BookSitting) -> Accepted: ...

    async def cancel(self, request: Cancel) -> None: ...

    async def look_up(self, partner: str, ref: str) -> Standing: ...


class PlacementPort(Protocol):
    async def vacancies(self, request: FindVacancies) -> Vacancies: ...

    async def refer(self, request: MakeReferral) -> Accepted: ...

    async def cancel(self, request: Cancel) -> None: ...

    async def look_up(self, partner: str, ref: str) -> Standing: ...
