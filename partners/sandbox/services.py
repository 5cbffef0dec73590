"""The four services over HTTP, as their contracts (`partners/*/openapi.yaml`) say."""

import asyncio
from typing import TypeVar

import orjson
from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import Response

from domain.model import Word
from partners.http import UNKNOWN_REF
from partners.requests import (
    Accepted,
    BookSitting,
    Cancel,
    CheckEligibility,
    FindVacancies,
    MakeReferral,
    RequestEnrollment,
    Service,
    Vacancies,
)
from partners.sandbox.answers import Problem, answer, invalid
from partners.sandbox.controls import Controls
from partners.sandbox.desk import Desk, KeyReused
from partners.sandbox.desk import Request as Asked
from partners.sandbox.vacancies import list_vacancies

BODY_BYTES = 64 * 1024
"""Longest request body that is read."""

_GARBAGE = b'{"ref": "bk_'
_HANG_POLL_S = 0.1
_WordT = TypeVar("_WordT", bound=Word)


class Counter:
    """One service's counter: does as it was told, then what it was asked."""

    def __init__(self, service: Service, controls: Controls, desk: Desk) -> None:
        self._service = service
        self._controls = controls
        self._desk = desk

    async def create(self, request: Request, model: type[Asked]) -> Response:
        """Take a request: 201, or 200 for a repeat."""
        await self._open()
        asked = _parse(model, {**await _json(request), "idempotency_key": _key(request)})
        self._partner_is_there(asked.partner)
        try:
            taken = self._desk.take(asked)
        except KeyReused:
            raise _key_reused() from None
        status = 200 if taken.repeat else 201
        return await self._reply(request, answer(status, Accepted(ref=taken.ref)))

    async def cancel(self, request: Request, ref: str) -> Response:
        """Cancel a request."""
        await self._open()
        body = {**await _json(request), "idempotency_key": _key(request), "ref": ref}
        asked = _parse(Cancel, body)
        self._partner_is_there(asked.partner)
        try:
            standing = self._desk.cancel(self._service, asked)
        except KeyReused:
            raise _key_reused() from None
        if standing is None:
            raise _unknown(ref)
        return await self._reply(request, answer(200, standing))

    async def look_up(self, request: Request, ref: str) -> Response:
        """Where a request stands."""
        await self._open()
        partner = _query(request, "partner")
        self._partner_is_there(partner)
        standing = self._desk.look_up(self._service, partner, ref)
        if standing is None:
            raise _unknown(ref)
        return await self._reply(request, answer(200, standing))

    async def vacancies(self, request: Request) -> Response:
        """Open vacancies by occupation and region."""
        await self._open()
        scheme = request.query_params.get("scheme", "gbm")
        asked = _parse(
            FindVacancies,
            {
                "partner": _query(request, "partner"),
                "occupation": {"scheme": scheme, "code": _query(request, "occupation")},
                "region": _query(request, "region"),
            },
        )
        self._partner_is_there(asked.partner)
        none = self._controls.partner(asked.partner).no_vacancies
        found = () if none else list_vacancies(asked)
        return await self._reply(request, answer(200, Vacancies(vacancies=found)))

    async def _open(self) -> None:
        told = self._controls.service(self._service)
        if told.delay_ms:
            await asyncio.sleep(told.delay_ms / 1000)
        if told.down:
            raise Problem(503, "service_down", f"the {self._service} service is down")
        if told.refuse is not None:
            raise Problem(422, told.refuse.code, told.refuse.detail)

    def _partner_is_there(self, partner: str) -> None:
        told = self._controls.partner(partner)
        if told.down:
            raise Problem(503, "partner_down", f"partner {partner} can't be reached")
        if told.refuses is not None:
            raise Problem(422, told.refuses.code, told.refuses.detail)

    async def _reply(self, request: Request, reply: Response) -> Response:
        while self._controls.service(self._service).hang:
            if await request.is_disconnected():
                break
            await asyncio.sleep(_HANG_POLL_S)
        if self._controls.service(self._service).garbage:
            return Response(_GARBAGE, status_code=200, media_type="application/json")
        return reply


def service_routes(controls: Controls, desk: Desk) -> APIRouter:
    """All routes of the four services; `openapi.yaml` of each documents them."""
    router = APIRouter(include_in_schema=False)
    _mount(router, Counter("registry", controls, desk), "/registry/checks", CheckEligibility)
    enrollment = Counter("enrollment", controls, desk)
    _mount(router, enrollment, "/enrollment/requests", RequestEnrollment)
    _mount_refs(router, enrollment, "/enrollment/requests")
    exam = Counter("exam", controls, desk)
    _mount(router, exam, "/exam/bookings", BookSitting)
    _mount_refs(router, exam, "/exam/bookings")
    placement = Counter("placement", controls, desk)
    router.get("/placement/vacancies")(placement.vacancies)
    _mount(router, placement, "/placement/referrals", MakeReferral)
    _mount_refs(router, placement, "/placement/referrals")
    return router


def _mount(router: APIRouter, counter: Counter, path: str, model: type[Asked]) -> None:
    async def create(request: Request) -> Response:
        return await counter.create(request, model)

    router.post(path)(create)


def _mount_refs(router: APIRouter, counter: Counter, path: str) -> None:
    router.get(path + "/{ref}")(counter.look_up)
    router.post(path + "/{ref}/cancel")(counter.cancel)


def _key(request: Request) -> str:
    key = request.headers.get("idempotency-key")
    if key is None:
        raise Problem(400, "idempotency_key_missing", "send an Idempotency-Key header")
    return key


def _query(request: Request, name: str) -> str:
    value = request.query_params.get(name)
    if value is None:
        raise Problem(422, "invalid_request", f"{name}: the query parameter is missing")
    return value


async def _json(request: Request) -> dict[str, object]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise Problem(413, "body_too_long", f"a body has at most {BODY_BYTES} bytes")
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Problem(400, "not_json", "the body is not JSON") from None
    if not isinstance(content, dict):
        raise Problem(422, "invalid_request", "body: must be an object")
    return content


def _parse(model: type[_WordT], content: dict[str, object]) -> _WordT:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise invalid(error) from None


def _key_reused() -> Problem:
    return Problem(422, "key_reused", "this Idempotency-Key came before with another body")


def _unknown(ref: str) -> Problem:
    return Problem(404, UNKNOWN_REF, f"no reference {ref[:120]} of this partner")
