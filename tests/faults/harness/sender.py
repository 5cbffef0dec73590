"""Partners' senders: they sign an event and send it until it is acknowledged."""

import asyncio
import base64
import hmac
import json
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from api.commands import JOURNEY_CLOSED

MEDIA_TYPE = "application/cloudevents+json"
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
"""Seconds between two tries of one event."""
AT_ONCE = 48
"""Requests under way."""
ANSWERED_WITHIN = 20.0
TRY_AGAIN = frozenset({408, 409, 425, 429})
"""Refusals that are not for good; so is every 5xx."""


@dataclass(frozen=True)
class Event:
    """An event to send; `body` is what is signed, the same at each try."""

    id: str
    source: str
    partner: str
    body: bytes


@dataclass(frozen=True)
class Acknowledgment:
    """A 2xx: which receipt was given for which event."""

    event: Event
    receipt: str
    status: int


class Refused(Exception):
    """The door refuses for good what it should have taken."""


def an_event(event_id: str, partner: str, kind: str, subject: str, data: dict[str, Any]) -> Event:
    """A CloudEvent of a partner about a subject."""
    source = f"/partners/{partner}"
    told = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": kind,
        "subject": subject,
        "time": datetime.now(UTC).isoformat(),
        "datacontenttype": "application/json",
        "data": data,
    }
    return Event(event_id, source, partner, json.dumps(told, ensure_ascii=False).encode())


@dataclass
class Door:
    """The API as its callers meet it: away now and then, and asked again until it answers.

    `answers` counts every answer by status, 0 where none came.
    """

    http: httpx.AsyncClient
    secrets: dict[str, str]
    tokens: list[str]
    sent: int = 0
    refused: int = 0
    acknowledged: list[Acknowledgment] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    answered_too_late: int = 0
    last_sent_at: float = 0.0
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def send(self, event: Event) -> Acknowledgment:
        """Send an event until it is acknowledged.

        Raises:
            Refused: it is refused for good.
        """
        self.sent += 1
        answer = await self._until_taken(event)
        if not answer.is_success:
            raise Refused(f"{event.id}: {answer.status_code} {answer.text}")
        got = Acknowledgment(event, answer.json()["receipt"], answer.status_code)
        self.acknowledged.append(got)
        self.last_sent_at = time.monotonic()
        return got

    async def send_broken(self, event: Event) -> None:
        """Send what is no JSON at all, until it is refused.

        Raises:
            Refused: with another answer than 400, which would be an acknowledgment of nothing.
        """
        self.sent += 1
        answer = await self._until_taken(event)
        if answer.status_code != 400:
            raise Refused(f"{event.id} is no JSON, and was answered {answer.status_code}")
        self.refused += 1

    async def once(self, event: Event) -> httpx.Response | None:
        """One try; None where no answer came."""
        try:
            answer = await self.http.post(
                "/v1/events", content=event.body, headers=self._signed(event)
            )
        except httpx.HTTPError:
            self.answers[0] += 1
            return None
        self.answers[answer.status_code] += 1
        return answer

    async def order(self, path: str, body: dict[str, Any], key: str) -> dict[str, Any]:
        """A caseworker's write, under one Idempotency-Key until it is done.

        A command whose answer was lost, and which ended the journey, is refused when it is asked
        again, for the journey is closed: counted in `answered_too_late`, and done all the same.

        Raises:
            Refused: it is refused for good.
        """
        token = self.tokens[zlib.crc32(key.encode()) % len(self.tokens)]
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
        pause, unanswered = FIRST_PAUSE, False
        while True:
            try:
                async with self._gate:
                    answer = await self.http.post(path, json=body, headers=headers)
            except httpx.HTTPError:
                self.answers[0] += 1
                unanswered = True
            else:
                self.answers[answer.status_code] += 1
                if answer.is_success:
                    done: dict[str, Any] = answer.json()
                    return done
                told: dict[str, Any] = answer.json()
                if unanswered and told.get("rule") == JOURNEY_CLOSED:
                    self.answered_too_late += 1
                    return told
                if not told.get("retryable"):
                    raise Refused(f"POST {path}: {answer.status_code} {answer.text}")
                unanswered = unanswered or answer.status_code >= 500
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    async def _until_taken(self, event: Event) -> httpx.Response:
        pause = FIRST_PAUSE
        while True:
            async with self._gate:
                answer = await self.once(event)
            if answer is not None and not _again(answer.status_code):
                return answer
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    def _signed(self, event: Event) -> dict[str, str]:
        timestamp = str(int(time.time()))
        secret = self.secrets[event.partner].removeprefix("whsec_")
        key = base64.b64decode(secret + "=" * (-len(secret) % 4))
        text = f"{event.id}.{timestamp}.".encode() + event.body
        signature = base64.b64encode(hmac.digest(key, text, "sha256")).decode()
        return {
            "content-type": MEDIA_TYPE,
            "webhook-id": event.id,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{signature}",
        }


def _again(status: int) -> bool:
    return status >= 500 or status in TRY_AGAIN
