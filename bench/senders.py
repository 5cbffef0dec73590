"""Partners that send signed events over many connections, and count what is acknowledged.

A client of few lines, so that it takes little of the machine that it shares with what it measures.
"""

import asyncio
import base64
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from processes.embedded.ports import LOOPBACK

ACKNOWLEDGED = b"HTTP/1.1 202"


@dataclass(frozen=True)
class Sender:
    """A partner with its key, and the journeys that it reports attendance of."""

    partner: str
    secret: str
    subjects: tuple[str, ...]

    def request(self) -> bytes:
        """A signed event as bytes on the wire; each is another one."""
        ident = f"ev_{secrets.token_hex(12)}"
        body = orjson.dumps(
            {
                "specversion": "1.0",
                "id": ident,
                "source": f"/partners/{self.partner}",
                "type": "journeyman.attendance.summary.v1",
                "subject": secrets.choice(self.subjects),
                "time": datetime.now(UTC).isoformat(),
                "datacontenttype": "application/json",
                "data": {
                    "period": ident,
                    "module": "m1",
                    "hours_planned": 8,
                    "hours_attended": 7.5,
                    "method": "in_person",
                    "verified": True,
                },
            }
        )
        at = str(int(time.time()))
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signature = base64.b64encode(hmac.digest(key, f"{ident}.{at}.".encode() + body, "sha256"))
        return (
            b"POST /v1/events HTTP/1.1\r\nHost: journeyman\r\n"
            b"Content-Type: application/cloudevents+json\r\n"
            b"webhook-id: %b\r\nwebhook-timestamp: %b\r\nwebhook-signature: v1,%b\r\n"
            b"Content-Length: %d\r\n\r\n%b"
            % (ident.encode(), at.encode(), signature, len(body), body)
        )


class Connection:
    """One connection that is kept; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """A connection to a door on this machine."""
        return cls(*await asyncio.open_connection(LOOPBACK, port))

    async def send(self, request: bytes) -> float:
        """How many seconds the acknowledgement took.

        Raises:
            RuntimeError: it was answered with anything but 202.
        """
        began = time.perf_counter()
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        took = time.perf_counter() - began
        body = await self._reader.readexactly(_length_of(head))
        if not head.startswith(ACKNOWLEDGED):
            raise RuntimeError(f"not acknowledged: {head.decode()}{body.decode()}")
        return took

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def send_for(
    port: int, make: Callable[[], bytes], *, seconds: float, connections: int
) -> list[float]:
    """Send as fast as it is acknowledged, over so many connections; seconds each took."""
    opened = [await Connection.open(port) for _ in range(connections)]
    until = time.perf_counter() + seconds
    took: list[float] = []

    async def go_on(connection: Connection) -> None:
        while time.perf_counter() < until:
            took.append(await connection.send(make()))

    try:
        async with asyncio.TaskGroup() as tasks:
            for connection in opened:
                tasks.create_task(go_on(connection))
    finally:
        for connection in opened:
            connection.close()
    return took


def _length_of(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
