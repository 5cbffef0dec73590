"""The outermost layer: a request id, one log line, one measurement, and never a bare 500.

A plain ASGI layer, because the hot path runs through it. A line holds ids, the route's template and
figures: no query string, no header, no body.
"""

import re
import time
import uuid

import orjson
import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import Metrics
from api.problems import MEDIA_TYPE, ProblemDetails, problem_type

REQUEST_ID = "X-Request-Id"
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_log = structlog.get_logger("journeyman.api")


def note(**ids: str) -> None:
    """Add ids (journey, event, receipt) to the request's log line."""
    structlog.contextvars.bind_contextvars(**ids)


def request_id_of(scope: Scope) -> str:
    """The id of the request in hand."""
    request_id: str = scope["journeyman.request_id"]
    return request_id


def _route_of(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "unknown"))


def _given_id(scope: Scope) -> str:
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if _ACCEPTED_ID.fullmatch(given) else uuid.uuid4().hex


class RequestLog:
    """Wraps the app; needs to be its outermost middleware."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = scope["journeyman.request_id"] = _given_id(scope)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as fault:
            _log.error("fault", exc_info=fault)
            if status:
                raise
            await _answer_500(request_id, send_with_id)
        finally:
            seconds = time.perf_counter() - began
            method, route = scope["method"], _route_of(scope)
            self._metrics.answered(method, route, status, seconds)
            _log.info(
                "request", method=method, route=route, status=status, ms=round(seconds * 1000, 1)
            )


async def _answer_500(request_id: str, send: Send) -> None:
    details = ProblemDetails(
        type=problem_type("internal"),
        title="A fault of ours",
        status=500,
        detail="it has been logged under this request's id",
        code="internal",
        retryable=False,
        instance=request_id,
    )
    body = orjson.dumps(details.model_dump(mode="json", exclude_none=True))
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": body})
