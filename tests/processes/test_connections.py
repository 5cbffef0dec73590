"""Who sends too slowly, too much or nothing, on real sockets; and who is served meanwhile."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
import uvicorn

from processes.connections import Manners, with_manners
from processes.embedded.ports import free_port
from tests.partners.running import Receive, Scope, Send, eventually

MANNERS = Manners(
    head_within=0.6, head_bytes=4096, headers=20, kept_alive=1, read_within=0.6, connections=150
)
CUT_OFF_WITHIN = 20
"""Seconds; whoever trickles would go on for longer."""
BIG = b"x" * 40_000_000


@dataclass
class Service:
    """Answers everything, having read the body or waited to be told where it is asked to."""

    held: int = 0
    go: asyncio.Event = field(default_factory=asyncio.Event)
    big_ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path == "/slow":
            await asyncio.sleep(1.0)
        if path == "/held":
            self.held += 1
            await self.go.wait()
        body = b"served"
        if path == "/read":
            message = await receive()
            while message.get("more_body"):
                message = await receive()
        if path == "/big":
            body = BIG
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})  # once the client has read on
        if path == "/big":
            self.big_ended.set()


@contextlib.asynccontextmanager
async def serving(manners: Manners, service: Service | None = None) -> AsyncIterator[int]:
    port = free_port()
    config = uvicorn.Config(
        service or Service(),
        host="127.0.0.1",
        port=port,
        http=with_manners(manners),
        timeout_keep_alive=manners.kept_alive,
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    try:
        yield port
    finally:
        server.should_exit = True
        await running


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def port(service: Service) -> AsyncIterator[int]:
    async with serving(MANNERS, service) as port:
        yield port


class Peer:
    """A client that does as it is told, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._began = time.monotonic()

    @classmethod
    async def at(cls, port: int) -> "Peer":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, content: bytes) -> None:
        self._writer.write(content)

    async def trickle(self, content: bytes, every: float = 0.05) -> None:
        with contextlib.suppress(ConnectionError):
            for byte in content:
                self._writer.write(bytes([byte]))
                await self._writer.drain()
                await asyncio.sleep(every)

    async def rest(self, within: float = 30.0) -> bytes:
        """What comes until the server closes."""
        said = b""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(within):
                while part := await self._reader.read(65536):
                    said += part
        return said

    async def answer(self) -> bytes:
        async with asyncio.timeout(30):
            head = await self._reader.readuntil(b"\r\n\r\n")
            return head + await self._reader.readexactly(len(b"served"))

    @property
    def lasted(self) -> float:
        return time.monotonic() - self._began

    def close(self) -> None:
        self._writer.close()


def status_of(said: bytes) -> int:
    return int(said.split(b" ", 2)[1])


async def test_a_connection_that_sends_nothing_is_closed(port: int) -> None:
    peer = await Peer.at(port)

    assert await peer.rest() == b""
    assert peer.lasted < CUT_OFF_WITHIN


async def test_a_head_that_trickles_in_is_cut_off(port: int) -> None:
    peer = await Peer.at(port)
    trickling = asyncio.create_task(peer.trickle(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a" * 2000))

    said = await peer.rest()

    assert status_of(said) == 408
    assert b"application/problem+json" in said
    assert b"too_slow" in said
    assert peer.lasted < CUT_OFF_WITHIN
    trickling.cancel()


async def test_half_a_request_is_cut_off(port: int) -> None:
    peer = await Peer.at(port)
    peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Le")

    assert status_of(await peer.rest()) == 408


async def test_line_breaks_before_a_request_keep_nothing_open(port: int) -> None:
    peer = await Peer.at(port)
    trickling = asyncio.create_task(peer.trickle(b"\r\n" * 1000))

    assert await peer.rest() == b""
    assert peer.lasted < CUT_OFF_WITHIN
    trickling.cancel()


async def test_line_breaks_after_a_request_keep_nothing_open(port: int) -> None:
    peer = await Peer.at(port)
    peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await peer.answer()
    trickling = asyncio.create_task(peer.trickle(b"\r\n" * 1000))

    assert await peer.rest() == b""
    assert peer.lasted < CUT_OFF_WITHIN
    trickling.cancel()


async def test_a_body_that_trickles_in_after_its_answer_keeps_nothing_open(port: int) -> None:
    peer = await Peer.at(port)
    peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
    await peer.answer()
    trickling = asyncio.create_task(peer.trickle(b"x" * 999))

    assert await peer.rest() == b""
    assert peer.lasted < CUT_OFF_WITHIN
    trickling.cancel()


async def test_an_answer_that_nobody_reads_is_given_up(port: int, service: Service) -> None:
    peer = await Peer.at(port)
    peer.send(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(30):
        await service.big_ended.wait()

    assert len(await peer.rest()) < len(BIG)


async def test_a_slow_answer_is_waited_for(port: int) -> None:
    peer = await Peer.at(port)
    peer.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")

    assert status_of(await peer.answer()) == 200
    peer.close()


async def test_a_body_may_take_longer_than_a_head(port: int) -> None:
    peer = await Peer.at(port)
    peer.send(b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n")
    await peer.trickle(b"x" * 20)

    assert status_of(await peer.answer()) == 200
    peer.close()


async def test_requests_in_one_go_are_answered_in_turn(port: int) -> None:
    peer = await Peer.at(port)
    peer.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3)

    assert [status_of(await peer.answer()) for _ in range(4)] == [200] * 4
    peer.close()


async def test_half_a_request_behind_another_does_not_spoil_its_answer(port: int) -> None:
    peer = await Peer.at(port)
    peer.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHo")

    said = await peer.rest()

    assert status_of(said) == 200
    assert said.endswith(b"served")


async def test_a_connection_is_kept_for_the_next_request_and_closed_when_it_idles() -> None:
    async with serving(replace(MANNERS, kept_alive=3)) as port:
        peer = await Peer.at(port)
        for _ in range(3):
            peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert status_of(await peer.answer()) == 200
            await asyncio.sleep(0.7)

        assert await peer.rest() == b""
    assert 2 < peer.lasted < CUT_OFF_WITHIN


OVERSIZE: dict[str, bytes] = {
    "one long header": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 5000 + b"\r\n\r\n",
    "a long header without an end": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000,
    "a long name": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a" * 5000 + b": x\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 30 + b"\r\n",
    "a long address": b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long address without an end": b"GET /" + b"a" * 100_000,
}


@pytest.mark.parametrize("oversize", OVERSIZE)
async def test_a_head_beyond_its_size_is_refused(port: int, oversize: str) -> None:
    peer = await Peer.at(port)
    peer.send(OVERSIZE[oversize])

    said = await peer.rest()

    assert not said or status_of(said) == 431
    assert b"served" not in said
    assert peer.lasted < CUT_OFF_WITHIN


MALFORMED: dict[str, bytes] = {
    "no HTTP": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "another version": b"GET / HTTP/9.9\r\n\r\n",
    "a space in a name": b"GET / HTTP/1.1\r\nA B: c\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": (
        b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "a length below zero": b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "a chunk of no size": b"POST /read HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a NUL in a header": b"GET / HTTP/1.1\r\nA: b\0c\r\n\r\n",
    "an address beyond ASCII": "GET /é HTTP/1.1\r\n\r\n".encode(),
    "a tunnel": b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a bare line feed in a header": b"GET / HTTP/1.1\r\nA: b\n c\r\n\r\n",
}


@pytest.mark.parametrize("malformed", MALFORMED)
async def test_what_is_no_request_is_refused_or_closed_and_never_a_fault(
    port: int, malformed: str
) -> None:
    peer = await Peer.at(port)
    peer.send(MALFORMED[malformed])

    said = await peer.rest()

    assert not said or status_of(said) < 500
    assert peer.lasted < CUT_OFF_WITHIN


async def test_a_hundred_idle_and_a_hundred_trickling_connections_keep_nobody_waiting() -> None:
    patient = replace(MANNERS, head_within=30.0, connections=1000)
    async with serving(patient) as port:
        idle = [await Peer.at(port) for _ in range(200)]
        for peer in idle[100:]:
            peer.send(b"GET / HTTP/1.1\r\nHos")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            began = time.monotonic()
            answers = [await client.get("/") for _ in range(100)]
            took = time.monotonic() - began
        for peer in idle:
            peer.close()

    assert {answer.status_code for answer in answers} == {200}
    assert took < patient.head_within


async def test_at_the_limit_the_longest_idle_connection_gives_way() -> None:
    service = Service()
    async with serving(replace(MANNERS, head_within=60.0, connections=20), service) as port:
        idle = [await Peer.at(port) for _ in range(20)]
        for peer in idle[:3]:
            peer.send(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        await eventually(lambda: service.held == 3)
        late = await Peer.at(port)
        late.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

        assert status_of(await late.answer()) == 200
        assert await idle[3].rest() == b""
        service.go.set()
        for busy in idle[:3]:
            assert status_of(await busy.answer()) == 200
        for peer in (*idle, late):
            peer.close()


async def test_where_every_connection_is_at_work_a_new_one_is_told_to_come_back() -> None:
    service = Service()
    async with serving(replace(MANNERS, connections=2), service) as port:
        busy: list[Any] = [await Peer.at(port) for _ in range(2)]
        for peer in busy:
            peer.send(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        await eventually(lambda: service.held == 2)

        said = await (await Peer.at(port)).rest()

        assert status_of(said) == 503
        assert b"retry-after: " in said
        service.go.set()
        for peer in busy:
            assert status_of(await peer.answer()) == 200
            peer.close()
