"""The courier: sends each journey's events one after another, until each is acknowledged."""

import asyncio
import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from partners.sandbox.controls import Controls
from partners.sandbox.ledger import Ledger
from partners.sandbox.outgoing import Letter, Outbox
from partners.sandbox.settings import SandboxSettings
from partners.sandbox.signing import PartnerSecrets
from partners.sandbox.wire import Answer, NoAnswer, Wire

LONGEST_WAIT_S = 60.0
"""Longest wait that an API may ask for by Retry-After, in seconds."""

_TRY_AGAIN = frozenset({408, 425, 429})


class Courier:
    """Sends what the outbox holds. Journeys go side by side, a journey's events in order."""

    def __init__(
        self,
        settings: SandboxSettings,
        ledger: Ledger,
        outbox: Outbox,
        controls: Controls,
        secrets: PartnerSecrets,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._outbox = outbox
        self._controls = controls
        self._secrets = secrets
        self._wire = Wire(settings.events_url, settings.answer_s)
        self._room = asyncio.Semaphore(settings.senders)
        self._rounds: dict[str, asyncio.Task[None]] = {}
        self._news: dict[str, asyncio.Event] = {}

    def start(self) -> None:
        """Take up what an earlier run left unsent."""
        for journey_id in self._outbox.journeys():
            self.wake(journey_id)

    async def stop(self) -> None:
        """Stop sending; what is not acknowledged is sent again by the next run."""
        rounds = list(self._rounds.values())
        for task in rounds:
            task.cancel()
        await asyncio.gather(*rounds, return_exceptions=True)
        self._wire.close()

    def wake(self, journey_id: str) -> None:
        """There is news for this journey."""
        if journey_id in self._rounds:
            self._news[journey_id].set()
            return
        self._news[journey_id] = asyncio.Event()
        self._rounds[journey_id] = asyncio.get_running_loop().create_task(self._round(journey_id))

    async def _round(self, journey_id: str) -> None:
        news = self._news[journey_id]
        try:
            while letter := self._outbox.next_of(journey_id):
                news.clear()
                wait = letter.ready_at - time.time()
                if wait > 0:
                    await _wait_for(news, wait)
                    continue
                if self._controls.silences(letter.partner, letter.person_ref, letter.type):
                    with self._ledger.transaction():
                        self._ledger.give_up(letter.ref, "withheld")
                    continue
                async with self._room:
                    await self._send(letter)
        finally:
            del self._rounds[journey_id]
            del self._news[journey_id]

    async def _send(self, letter: Letter) -> None:
        at = datetime.now(UTC)
        signature = self._secrets.sign(letter.partner, letter.event_id, at, letter.body)
        if signature is None:
            why = f"partner {letter.partner} has no secret in the secrets file"
            self._outbox.refused(letter, None, why, time.time())
            return
        headers = {
            "content-type": "application/cloudevents+json",
            "webhook-id": letter.event_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signature,
        }
        try:
            answer = await self._wire.post(headers, letter.body.encode())
        except NoAnswer as silence:
            self._outbox.put_off(letter, None, str(silence), time.time() + self._back_off(letter))
            return
        self._book(letter, answer)

    def _book(self, letter: Letter, answer: Answer) -> None:
        text = answer.body.decode(errors="replace")
        now = time.time()
        if 200 <= answer.status < 300:
            with self._ledger.transaction():
                self._outbox.acknowledged(letter, answer.status, text, now)
        elif answer.status >= 500 or answer.status in _TRY_AGAIN:
            wait = _retry_after(answer, now)
            until = now + (self._back_off(letter) if wait is None else wait)
            self._outbox.put_off(letter, answer.status, text, until)
        else:
            self._outbox.refused(letter, answer.status, text, now)

    def _back_off(self, letter: Letter) -> float:
        failures = letter.attempts - letter.sent
        longest = min(
            self._settings.retry_from_s * 2 ** min(failures, 20), self._settings.retry_at_most_s
        )
        return random.uniform(longest / 2, longest)  # noqa: S311 (spreads retries)


async def _wait_for(news: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return


def _retry_after(answer: Answer, now: float) -> float | None:
    """The wait in seconds that the answer asks for (RFC 9110: seconds or a date)."""
    asked = answer.headers.get("retry-after", "").strip()
    if not asked:
        return None
    if asked.isdigit():
        seconds = float(asked[:6])
    else:
        try:
            seconds = parsedate_to_datetime(asked).timestamp() - now
        except ValueError:
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT_S)
