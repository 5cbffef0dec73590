"""The four partner services, mute: they take what they are asked and report nothing.

The harness reports in their place, so it alone decides what is sent when. Their references are made
of the trainee's tag and an ordinal: an event about one can be sent before its trainee is known.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from domain.plan import Vacancy
from partners.requests import Service

_PATHS: dict[Service, str] = {
    "registry": "/registry/checks",
    "enrollment": "/enrollment/requests",
    "exam": "/exam/bookings",
    "placement": "/placement/referrals",
}
_PREFIX: dict[Service, str] = {
    "registry": "ck",
    "enrollment": "en",
    "exam": "bk",
    "placement": "rf",
}
OCCUPATION, LEVEL = "6-18-01-01", "intermediate"
"""Assessed in theory and practice, in this province by one center only: known beforehand."""
REGION = "420106"
EMPLOYER = "employer-xinfeng-auto-parts"
VACANCIES = tuple(
    Vacancy(vacancy_ref=f"vc-{number}", employer=EMPLOYER, occupation=OCCUPATION, region=REGION)
    for number in range(1, 7)
)


def reference(service: Service, tag: str, ordinal: int) -> str:
    """The reference that a service gives to a trainee's so-manyth request (from 1)."""
    return f"{_PREFIX[service]}-{tag}-{ordinal}"


@dataclass(frozen=True)
class Call:
    """What was asked of a partner, and under which reference it was taken."""

    partner: str
    ref: str


@dataclass
class MutePartners:
    """The services' books, by the trainees' tags. Serve `app()` under one address.

    Each key has one effect, however often it comes; `arrivals` counts how often.
    """

    arrivals: Counter[str] = field(default_factory=Counter)
    canceled: set[str] = field(default_factory=set)
    _tags: dict[str, str] = field(default_factory=dict)
    _taken: dict[str, Call] = field(default_factory=dict)
    _calls: dict[tuple[str, Service], list[Call]] = field(default_factory=dict)
    _news: dict[str, asyncio.Event] = field(default_factory=dict)

    def introduce(self, journey_id: str, tag: str) -> None:
        """Tell whose journey it is; until then the partners don't answer about it."""
        self._tags[journey_id] = tag

    def calls(self, tag: str, service: Service) -> list[Call]:
        """What a service was asked about a trainee, each key once, in order."""
        return self._calls.setdefault((tag, service), [])

    async def asked(self, tag: str, service: Service, ordinal: int) -> Call:
        """The trainee's so-manyth request (from 1) to a service, once it came."""
        while len(calls := self.calls(tag, service)) < ordinal:
            await self._news_about(tag).wait()
        return calls[ordinal - 1]

    def _news_about(self, tag: str) -> asyncio.Event:
        return self._news.setdefault(tag, asyncio.Event())

    def app(self) -> FastAPI:
        """The services over HTTP, each under its name."""
        app = FastAPI(openapi_url=None)
        for service, path in _PATHS.items():
            app.post(path)(self._counter(service))
            app.post(path + "/{ref}/cancel")(self._cancel)
        app.get("/placement/vacancies")(self._list)
        return app

    def _counter(self, service: Service):  # type: ignore[no-untyped-def]
        async def take(request: Request) -> JSONResponse:
            asked, key = await request.json(), request.headers["idempotency-key"]
            tag = self._tags.get(asked["journey_id"])
            if tag is None:
                return JSONResponse({"code": "not_ready"}, 503)
            self.arrivals[key] += 1
            if key not in self._taken:
                calls = self.calls(tag, service)
                call = Call(asked["partner"], reference(service, tag, len(calls) + 1))
                self._taken[key] = call
                calls.append(call)
                self._news_about(tag).set()
                self._news[tag] = asyncio.Event()
            return JSONResponse({"ref": self._taken[key].ref}, 201)

        return take

    async def _cancel(self, ref: str, request: Request) -> JSONResponse:
        self.arrivals[request.headers["idempotency-key"]] += 1
        self.canceled.add(ref)
        return JSONResponse({"ref": ref, "status": "canceled"})

    async def _list(self) -> JSONResponse:
        return JSONResponse({"vacancies": [each.model_dump(mode="json") for each in VACANCIES]})
