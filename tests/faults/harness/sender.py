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
from partners.sandbox.wire import NoAnswer, Wire

EVENTS, OPENINGS = "/v1/events", "/v1/journeys"
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

    `answers` counts every answer by status, 0 where none came. Events and openings, of which there
    are thousands, go over wires that take little of the machine that they share with the house.
    """

    http: httpx.AsyncClient
    events: Wire
    openings: Wire
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
        return self._counted(await _over(self.events, self._signed(event), event.body))

    async def open(self, body: bytes, key: str, token: str) -> httpx.Response | None:
        """One try of opening a journey, with a JSON body; None where no answer came."""
        headers = {"content-type": "application/json"} | _keyed(token, key)
        return self._counted(await _over(self.openings, headers, body))

    async def order(self, path: str, body: dict[str, Any], key: str) -> dict[str, Any]:
        """A caseworker's write, under one Idempotency-Key until it is done.

        A command whose answer was lost, and which ended the journey, is refused when it is asked
        again, for the journey is closed: counted in `answered_too_late`, and done all the same.

        Raises:
            Refused: it is refused for good.
        """
        token = self.tokens[zlib.crc32(key.encode()) % len(self.tokens)]
        content = json.dumps(body).encode()
        pause, unanswered = FIRST_PAUSE, False
        while True:
            async with self._gate:
                if path == OPENINGS:
                    answer = await self.open(content, key, token)
                else:
                    answer = await self._command(path, content, key, token)
            if answer is not None:
                told: dict[str, Any] = answer.json()
                if answer.is_success:
                    return told
                if unanswered and told.get("rule") == JOURNEY_CLOSED:
                    self.answered_too_late += 1
                    return told
                if not told.get("retryable"):
                    raise Refused(f"POST {path}: {answer.status_code} {answer.text}")
            unanswered = unanswered or answer is None or answer.status_code >= 500
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    async def _command(self, path: str, body: bytes, key: str, token: str) -> httpx.Response | None:
        headers = {"content-type": "application/json"} | _keyed(token, key)
        try:
            answer = await self.http.post(path, content=body, headers=headers)
        except httpx.HTTPError:
            answer = None
        return self._counted(answer)

    def _counted(self, answer: httpx.Response | None) -> httpx.Response | None:
        self.answers[answer.status_code if answer is not None else 0] += 1
        return answer

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


def _keyed(token: str, key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", "idempotency-key": key}


async def _over(wire: Wire, headers: dict[str, str], body: bytes) -> httpx.Response | None:
    try:
        answer = await wire.post(headers, body)
    except NoAnswer:
        return None
    return httpx.Response(answer.status, headers=answer.headers, content=answer.body)
