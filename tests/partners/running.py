"""Real HTTP on loopback: any ASGI app on a free port, a door that takes events, the sandbox."""

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from standardwebhooks.webhooks import Webhook

from partners.enrollment.client import EnrollmentClient
from partners.exam.client import ExamClient
from partners.http import CallLimits
from partners.placement.client import PlacementClient
from partners.registry.client import RegistryClient
from partners.sandbox.app import create_sandbox
from partners.sandbox.settings import SandboxSettings

PARTNERS = (
    "registry-gd",
    "provider-sz-01",
    "provider-sz-02",
    "center-sz-01",
    "issuer-cn",
    "jobs-sz",
    "employer-01",
    "employer-02",
)
SECRETS = {
    partner: f"whsec_{base64.b64encode(partner.ljust(32, '.').encode()).decode()}"
    for partner in PARTNERS
}

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """The app on a free loopback port: its address."""
    # With the protocol named, asyncio sets TCP_NODELAY; without, each answer takes 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_level="error", access_log=False, timeout_graceful_shutdown=1, lifespan="auto"
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    await eventually(lambda: server.started or running.done())
    if running.done():
        running.result()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
        listening.close()


async def eventually(holds: Callable[[], Any], within_s: float = 60.0) -> Any:
    """Wait until something holds, and what it is; fails after `within_s` seconds."""
    async with asyncio.timeout(within_s):
        while True:
            if found := holds():
                return found
            await asyncio.sleep(0.005)


@dataclass(frozen=True)
class Came:
    """A POST that came to the door."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> Any:
        return json.loads(self.body)

    @property
    def name(self) -> str:
        """The event type without `journeyman.` and `.v1`."""
        return str(self.event["type"]).removeprefix("journeyman.").removesuffix(".v1")

    def is_signed_by(self, partner: str) -> bool:
        Webhook(SECRETS[partner]).verify(self.body, self.headers)
        return True


@dataclass
class Door:
    """Stands for `POST /v1/events`: keeps what comes, and answers as it is told, else 202."""

    came: list[Came] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [came.name for came in self.came]

    def of(self, journey_id: str, ref: str = "") -> list[Came]:
        """What came about a journey, or about a reference."""
        return [came for came in self.came if came.event["subject"] in (journey_id, ref)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.came.append(Came(headers, body))
        status, extra = self.answers.pop(0) if self.answers else (202, {})
        head = [(name.encode(), value.encode()) for name, value in extra.items()]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": b'{"receipt":"rc_1"}'})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


@dataclass
class Sandbox:
    """A running sandbox with clients for it, the door that it reports to, and its control route."""

    url: str
    door: Door
    control: httpx.AsyncClient
    registry: RegistryClient
    enrollment: EnrollmentClient
    exam: ExamClient
    placement: PlacementClient

    async def tell(self, path: str, **orders: Any) -> None:
        """PUT orders to the control route: `partners/provider-sz-01`, `trainees/pr_…`."""
        answer = await self.control.put(f"/control/{path}", json=orders)
        assert answer.status_code == 200, answer.text

    async def ledger(self, **query: str) -> Any:
        return (await self.control.get("/control/ledger", params=query)).json()

    async def events(self, **query: str) -> list[dict[str, Any]]:
        found = (await self.control.get("/control/events", params=query)).json()["events"]
        return list(found)

    async def quiet(self) -> list[str]:
        """Wait until nothing is left to send; the names of what came to the door, in order."""
        async with asyncio.timeout(60):
            while True:
                if not (await self.ledger())["events"].get("pending"):
                    return self.door.names
                await asyncio.sleep(0.005)

    async def reset(self) -> None:
        """Forget orders and what came; the ledger stays."""
        await self.control.delete("/control")
        await self.quiet()
        self.door.answers.clear()
        self.door.came.clear()


@asynccontextmanager
async def sandbox(
    folder: Path, door: Door | None = None, **settings: Any
) -> AsyncIterator[Sandbox]:
    """A sandbox on a free port whose events come to `door`."""
    door = door or Door()
    secrets = folder / "secrets.json"
    if not secrets.exists():
        secrets.write_text(json.dumps(SECRETS))
    async with serving(door) as door_url:
        chosen = SandboxSettings(
            ledger=folder / "ledger.db",
            secrets_file=secrets,
            **{
                "events_url": f"{door_url}/v1/events",
                "issuer": "issuer-cn",
                "retry_from_s": 0.01,
                "retry_at_most_s": 0.05,
                **settings,
            },
        )
        limits = CallLimits(answer_s=30)
        async with (
            serving(create_sandbox(chosen)) as url,
            httpx.AsyncClient(base_url=url) as control,
            RegistryClient(f"{url}/registry", limits) as registry,
            EnrollmentClient(f"{url}/enrollment", limits) as enrollment,
            ExamClient(f"{url}/exam", limits) as exam,
            PlacementClient(f"{url}/placement", limits) as placement,
        ):
            yield Sandbox(url, door, control, registry, enrollment, exam, placement)
