"""Every process of ours with its servers, on a data folder that a test may search afterwards."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from standardwebhooks.webhooks import Webhook
from temporalio.client import Client

from domain.catalog import Catalog
from domain.commands import Role
from domain.senders import SenderKind
from policies.loader import load_catalog
from processes.demo.partners import read_partners
from processes.embedded.ports import LOOPBACK, free_port
from processes.embedded_run import EmbeddedRun
from processes.local_issuer import partner_secrets
from processes.settings import Settings
from processes.temporal_client import connect_temporal

PORTS = (
    "api_port",
    "sandbox_port",
    "temporal_port",
    "temporal_ui_port",
    "worker_metrics_port",
    "relay_metrics_port",
)
SLOWLY = "60"
"""Seconds between two reports of a sandbox partner: no journey ends before a test ends it."""


@dataclass
class WholeRun:
    """Everything that runs, as processes."""

    run: EmbeddedRun
    door: httpx.AsyncClient
    temporal: Client
    catalog: Catalog

    def staff(self, role: Role = Role.CASEWORKER, subject: str = "staff-1") -> dict[str, str]:
        """The headers of somebody on the staff of Guangdong (44)."""
        token = self.run.issuer.issue_token(role, subject=subject, region="44")
        return {"Authorization": f"Bearer {token}"}

    async def post(
        self, path: str, body: Any, key: str | None = None, **caller: Any
    ) -> httpx.Response:
        """What the door answers to somebody on the staff, a caseworker unless told."""
        headers = self.staff(**caller) | ({"Idempotency-Key": key} if key else {})
        return await self.door.post(path, json=body, headers=headers)

    async def report(self, kind: SenderKind, event: dict[str, Any], message: str) -> httpx.Response:
        """What the door answers to a signed event of the first partner of this kind."""
        partner = next(
            row
            for row in read_partners(self.catalog)
            if row.kind == kind and "440305".startswith(row.region)
        )
        secret = partner_secrets(self.run.settings.keys_folder, [partner.id])[partner.id]
        whole = {
            "specversion": "1.0",
            "id": f"ev-{uuid4().hex}",
            "source": partner.source,
            "time": datetime.now(UTC).isoformat(),
        } | event
        body = json.dumps(whole, ensure_ascii=False)
        moment = datetime.fromtimestamp(int(time.time()), UTC)
        return await self.door.post(
            "/v1/events",
            content=body.encode(),
            headers={
                "content-type": "application/cloudevents+json",
                "webhook-id": message,
                "webhook-timestamp": str(int(moment.timestamp())),
                "webhook-signature": Webhook(secret).sign(message, moment, body),
            },
        )


@asynccontextmanager
async def everything_running(folder: Path) -> AsyncIterator[WholeRun]:
    """All processes; stopped at the end, with what they wrote left in the folder."""
    settings = Settings(data_folder=folder, **{port: free_port() for port in PORTS})
    told = {f"JOURNEYMAN_{port.upper()}": str(getattr(settings, port)) for port in PORTS}
    catalog = load_catalog()
    with EmbeddedRun(settings, told | {"JOURNEYMAN_SANDBOX_PACE": SLOWLY}) as run:
        await run.start_servers()
        await run.save_partners(catalog)
        run.start("sandbox", "api", "worker", "relay")
        await run.await_ready(
            f"{run.sandbox_url}/healthz",
            f"http://{LOOPBACK}:{settings.worker_metrics_port}/metrics",
            f"http://{LOOPBACK}:{settings.relay_metrics_port}/metrics",
            f"{settings.api_url}/readyz",
        )
        temporal = await connect_temporal(settings.model_copy(update={"embedded": True}))
        async with httpx.AsyncClient(base_url=settings.api_url, timeout=60) as door:
            yield WholeRun(run, door, temporal, catalog)
