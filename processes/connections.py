"""A connection's manners: whoever sends nothing, too slowly or too much is cut off.

uvicorn bounds neither a request's head nor the time that it takes, and a byte now and then keeps
its connection open for good. Bodies are bounded by `api.bodies`.
"""

import asyncio
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar

import orjson
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.problems import MEDIA_TYPE, RETRY_AFTER_SECONDS, ProblemDetails, problem_type

_log = structlog.get_logger("journeyman.api")

TITLES = {
    400: ("malformed_request", "The request can't be read"),
    408: ("too_slow", "The request took too long"),
    431: ("head_too_large", "The request's head is too large"),
    503: ("unavailable", "Not available at the moment"),
}


@dataclass(frozen=True)
class Manners:
    """What a connection may take, in seconds, bytes and numbers."""

    head_within: float = 10.0
    """From the connection's or the request's first moment until its head is complete."""
    head_bytes: int = 32 * 1024
    headers: int = 100
    kept_alive: int = 15
    """How long an idle connection waits for its next request."""
    read_within: float = 30.0
    """How long a client may leave an answer unread."""
    connections: int = 2000
    """At once; at the limit the one that has idled longest gives way to the new one."""


class Connection(HttpToolsProtocol):
    """uvicorn's HTTP protocol with manners; made by `with_manners`."""

    manners: ClassVar[Manners] = Manners()
    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _idle_since = 0.0
    _in_head = False
    _head_size = 0
    _fault = 400

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a head, or refuse where every connection is at work."""
        crowded = len(self.connections) >= self.manners.connections
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._await_head()
        if crowded and not self._displace_longest_idle():
            self._refuse(503)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop every clock."""
        self._stop_awaiting()
        self._stop_unread()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, and look at the head's size while it is incomplete."""
        if self.transport.is_closing():
            return
        if self._deadline is None and self._is_idle:
            self._await_head()
        super().data_received(data)
        if self._in_head:
            self._head_size += len(data)
            if self._head_size > self.manners.head_bytes:
                self._refuse(431)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head, self._head_size = True, 0
        if self._deadline is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """The head is complete: nobody waits for it any longer."""
        self._in_head = False
        self._stop_awaiting()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > self.manners.head_bytes or len(self.headers) > self.manners.headers:
            self._fault = 431
            raise ValueError("the head is too large")
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """The connection idles from now on, unless the next request is there already."""
        self._idle_since = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (uvicorn calls it so)
        """Answer what the parser gave up on."""
        self._refuse(self._fault)

    def pause_writing(self) -> None:
        """The client leaves its answer unread."""
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(self.manners.read_within, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._stop_unread()
        super().resume_writing()

    @property
    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(self.manners.head_within, self._too_slow)

    def _stop_awaiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self._in_head:
            self._refuse(408)
        else:
            self.transport.close()

    def _displace_longest_idle(self) -> bool:
        """Close the connection that has idled longest; False where there is none."""
        idle = [
            other
            for other in self.connections
            if isinstance(other, Connection)
            and other is not self
            and other._is_idle
            and not other.transport.is_closing()
        ]
        if not idle:
            return False
        min(idle, key=lambda other: other._idle_since).transport.abort()
        return True

    def _refuse(self, status: int) -> None:
        """Answer with a problem and close; after the answer that is under way, only close."""
        if self.transport.is_closing():
            return
        broken_body = not self._is_idle and self.cycle.more_body
        if not self._is_idle and not broken_body:
            self.cycle.keep_alive = False
            self.flow.pause_reading()
        elif broken_body and (self.pipeline or self.cycle.response_started):
            self.transport.abort()
        else:
            self.transport.write(_answer(status))
            self.transport.close()


def with_manners(manners: Manners) -> type[Connection]:
    """The protocol for uvicorn whose connections keep to `manners`."""
    return type("Connection", (Connection,), {"manners": manners})


def _answer(status: int) -> bytes:
    code, title = TITLES[status]
    retryable = status in (408, 503)
    details = ProblemDetails(
        type=problem_type(code),
        title=title,
        status=status,
        detail=title,
        code=code,
        retryable=retryable,
        instance=uuid.uuid4().hex,
    )
    _log.info("connection_refused", status=status, request_id=details.instance)
    body = orjson.dumps(details.model_dump(mode="json", exclude_none=True))
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"content-type: {MEDIA_TYPE}\r\n"
        f"content-length: {len(body)}\r\n"
        + (f"retry-after: {RETRY_AFTER_SECONDS}\r\n" if retryable else "")
        + f"x-request-id: {details.instance}\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode() + body
