"""A TCP proxy on loopback that passes requests on, or does to them what networks do."""

import asyncio
import contextlib
import socket
import struct
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum, auto
from urllib.parse import urlsplit

from processes.embedded.ports import LOOPBACK

DELAY_S = 0.2
_UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
_GARBAGE = (
    b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n{"ref": "bk_'
)


class Fault(StrEnum):
    """What happens to one request."""

    DELAY = auto()
    """It arrives later, and is answered."""
    CUT_BEFORE_SENT = auto()
    """The connection closes before the service has seen it."""
    RESET_BEFORE_SENT = auto()
    """The same, by a TCP reset."""
    CUT_AFTER_COMMIT = auto()
    """The service has done it; the connection closes before a byte of the answer."""
    RESET_AFTER_COMMIT = auto()
    """The same, by a TCP reset."""
    CUT_IN_ANSWER = auto()
    """The answer breaks off in its middle."""
    UNAVAILABLE = auto()
    """A gateway answers 503 in the service's place, which has not seen it."""
    GARBAGE = auto()
    """The service has done it; what comes back with status 200 is broken JSON."""
    HALF_OPEN = auto()
    """The service has done it; the connection stays open, and nothing ever comes."""


@dataclass
class FaultProxy:
    """Between a client and one service. What no fault is planned for passes.

    A fault is planned for the next requests that hold a text, such as a journey's id. One request
    at a time is under way on a connection, as HTTP/1.1 clients have it.
    """

    suffered: Counter[Fault] = field(default_factory=Counter)
    _planned: dict[bytes, deque[Fault]] = field(default_factory=dict)
    _connections: set[asyncio.Task[None]] = field(default_factory=set)
    _own_port: int = 0
    _service_port: int = 0

    def plan(self, text: str, *faults: Fault) -> None:
        """Let these happen, one each, to the next requests that hold this text."""
        self._planned.setdefault(text.encode(), deque()).extend(faults)

    def forget(self) -> None:
        """Let everything pass from now on."""
        self._planned.clear()

    def in_front_of(self, url: str) -> str:
        """The address under which this proxy passes on to a service on loopback."""
        service = urlsplit(url)
        assert service.port is not None
        self._service_port = service.port
        return service._replace(netloc=f"{LOOPBACK}:{self._own_port}").geturl()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["FaultProxy"]:
        """Takes connections."""
        server = await asyncio.start_server(self._accept, LOOPBACK, 0)
        self._own_port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._connections:
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                service = await asyncio.open_connection(LOOPBACK, self._service_port)
                try:
                    await self._carry(reader, writer, *service)
                finally:
                    service[1].close()
        finally:
            writer.close()
            self._connections.discard(task)

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        service_reader: asyncio.StreamReader,
        service_writer: asyncio.StreamWriter,
    ) -> None:
        while request := await _message(reader):
            fault = self._fault_for(request)
            if fault in (Fault.CUT_BEFORE_SENT, Fault.RESET_BEFORE_SENT):
                _hang_up(writer, reset=fault is Fault.RESET_BEFORE_SENT)
                return
            if fault is Fault.UNAVAILABLE:
                writer.write(_UNAVAILABLE)
                await writer.drain()
                continue
            if fault is Fault.DELAY:
                await asyncio.sleep(DELAY_S)
            service_writer.write(request)
            answer = await _message(service_reader)
            if fault is Fault.HALF_OPEN:
                await reader.read()  # until the client gives up
                return
            if fault in (Fault.CUT_AFTER_COMMIT, Fault.RESET_AFTER_COMMIT):
                _hang_up(writer, reset=fault is Fault.RESET_AFTER_COMMIT)
                return
            if fault is Fault.CUT_IN_ANSWER:
                writer.write(answer[: len(answer) // 2])
                await writer.drain()
                return
            writer.write(_GARBAGE if fault is Fault.GARBAGE else answer)
            await writer.drain()

    def _fault_for(self, request: bytes) -> Fault | None:
        for text, faults in self._planned.items():
            if faults and text in request:
                fault = faults.popleft()
                self.suffered[fault] += 1
                return fault
        return None


async def _message(reader: asyncio.StreamReader) -> bytes:
    """A whole HTTP/1.1 message with a Content-Length, or none; empty at the stream's end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    return head + await reader.readexactly(length)


def _hang_up(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    if reset:
        connection = writer.get_extra_info("socket")
        linger = struct.pack("ii", 1, 0)  # no lingering: the kernel sends RST, not FIN
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
