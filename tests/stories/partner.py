"""A partner's own system in a test: signs events, and reads what became of them."""

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
from standardwebhooks.webhooks import Webhook

from tests.stories.waiting import until

FINAL = {"applied", "duplicate", "late", "superseded", "conflict", "rejected"}


@dataclass
class Partner:
    """Speaks for itself, under a secret of its own."""

    id: str
    secret: str
    door: httpx.AsyncClient
    headers: dict[str, str] = field(repr=False)

    def event(
        self, name: str, subject: str, event_id: str | None = None, **data: Any
    ) -> dict[str, Any]:
        """A fact as this partner would report it."""
        return {
            "specversion": "1.0",
            "id": event_id or f"ev-{uuid4().hex}",
            "source": f"/partners/{self.id}",
            "type": f"journeyman.{name}.v1",
            "subject": subject,
            "time": datetime.now(UTC).isoformat(),
            "datacontenttype": "application/json",
            "data": data,
        }

    async def post(self, event: dict[str, Any]) -> httpx.Response:
        """Send a signed event; what the door answers."""
        body = json.dumps(event)
        moment = datetime.fromtimestamp(int(time.time()), UTC)
        headers = {
            "content-type": "application/cloudevents+json",
            "webhook-id": event["id"],
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(self.secret).sign(event["id"], moment, body),
        }
        return await self.door.post("/v1/events", content=body, headers=headers)

    async def report(self, name: str, subject: str, **data: Any) -> str:
        """Report a fact; the receipt that it got."""
        answer = await self.post(self.event(name, subject, **data))
        assert answer.status_code == 202, answer.text
        return str(answer.json()["receipt"])

    async def receipt(self, receipt: str) -> dict[str, Any]:
        """What became of an event, as this partner reads it."""
        answer = await self.door.get(f"/v1/events/{receipt}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def until_receipt(self, receipt: str, *statuses: str) -> dict[str, Any]:
        """Wait for one of these statuses (none given: any that is final)."""

        async def seen() -> dict[str, Any] | None:
            shown = await self.receipt(receipt)
            return shown if shown["status"] in (statuses or FINAL) else None

        return await until(seen, f"receipt {receipt} is {statuses or FINAL}")
