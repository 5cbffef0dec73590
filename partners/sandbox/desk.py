"""The front desk: takes a request, once per key, and plans what follows it, in one transaction."""

import hashlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

import orjson

from domain.events import EventData
from domain.model import Word
from domain.plan import Component
from partners.requests import (
    BookSitting,
    Cancel,
    CheckEligibility,
    MakeReferral,
    RequestEnrollment,
    Service,
    Standing,
)
from partners.sandbox.behavior import Step, after_check, after_enrollment, after_referral
from partners.sandbox.controls import Controls
from partners.sandbox.examination import after_booking
from partners.sandbox.ledger import Ledger, Reference
from partners.sandbox.outgoing import Outbox, Outgoing
from partners.sandbox.scripts import TraineeScript
from partners.sandbox.settings import SandboxSettings

PARTNERS_TIME = ZoneInfo("Asia/Shanghai")
"""The days that partners write are days in China's time."""
Request = CheckEligibility | RequestEnrollment | BookSitting | MakeReferral
_SERVICE_OF: dict[type[Request], tuple[Service, str]] = {
    CheckEligibility: ("registry", "ck"),
    RequestEnrollment: ("enrollment", "en"),
    BookSitting: ("exam", "bk"),
    MakeReferral: ("placement", "rf"),
}


class KeyReused(Exception):
    """The idempotency key came before with another body."""


@dataclass(frozen=True)
class Taken:
    """The reference given for a request, and whether this was a repeat."""

    ref: str
    repeat: bool


class Desk:
    """Takes requests for all four services; `wake` tells the courier of a journey's new events."""

    def __init__(
        self,
        settings: SandboxSettings,
        ledger: Ledger,
        outbox: Outbox,
        controls: Controls,
        wake: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._outbox = outbox
        self._controls = controls
        self._wake = wake

    def take(self, request: Request) -> Taken:
        """Take a request; the same again gets the same reference and changes nothing.

        Raises:
            KeyReused: the key came before with another body.
        """
        service, prefix = _SERVICE_OF[type(request)]
        fingerprint = _fingerprint(service, request)
        now = time.time()
        with self._ledger.transaction():
            known = self._ledger.known(request.idempotency_key)
            if known is not None:
                return _repeat(known.fingerprint, fingerprint, known.ref)
            taken = Reference(
                ref=f"{prefix}_{uuid4().hex}",
                service=service,
                partner=request.partner,
                journey_id=request.journey_id,
                person_ref=request.person_ref,
                ordinal=self._ledger.ordinal(service, request.journey_id),
            )
            kind, key = type(request).__name__, request.idempotency_key
            self._ledger.write_effect(key, kind, fingerprint, taken, now)
            self._ledger.add_reference(taken, now)
            script = self._controls.trainee(request.person_ref)
            steps = self._follow_up(
                request, taken, script, datetime.fromtimestamp(now, PARTNERS_TIME)
            )
            self._outbox.add(self._timed(steps, taken, script, now))
        self._wake(request.journey_id)
        return Taken(taken.ref, repeat=False)

    def cancel(self, service: Service, request: Cancel) -> Standing | None:
        """Cancel a request; None for a reference that this partner does not have.

        Raises:
            KeyReused: the key came before with another body.
        """
        fingerprint = _fingerprint(service, request)
        with self._ledger.transaction():
            known = self._ledger.known(request.idempotency_key)
            if known is not None:
                _repeat(known.fingerprint, fingerprint, known.ref)
                return Standing(ref=known.ref, status="canceled")
            found = self._ledger.reference(service, request.partner, request.ref)
            if found is None:
                return None
            if found.status != "canceled":
                key = request.idempotency_key
                self._ledger.write_effect(key, "Cancel", fingerprint, found, time.time())
                self._ledger.cancel(found.ref)
        return Standing(ref=found.ref, status="canceled")

    def look_up(self, service: Service, partner: str, ref: str) -> Standing | None:
        """Where a request stands; None for a reference that this partner does not have."""
        found = self._ledger.reference(service, partner, ref)
        return None if found is None else Standing(ref=found.ref, status=found.status)

    def _follow_up(
        self, request: Request, taken: Reference, script: TraineeScript, now: datetime
    ) -> tuple[Step, ...]:
        partner = self._controls.partner(request.partner)
        match request:
            case CheckEligibility():
                return after_check(request, script, now.date())
            case RequestEnrollment():
                return after_enrollment(request, taken, script, partner, now.date())
            case MakeReferral():
                return after_referral(request, taken, script, partner, now.date())
            case BookSitting():
                return self._examine(request, taken, script, now)

    def _examine(
        self, request: BookSitting, taken: Reference, script: TraineeScript, now: datetime
    ) -> tuple[Step, ...]:
        examined = self._ledger.examined(request.journey_id)
        sitting = after_booking(
            request, taken, examined, script, issuer=self._settings.issuer, now=now
        )
        booked = frozenset[Component](request.components)
        self._ledger.write_sitting(request.journey_id, taken.ref, booked, sitting.passed)
        return sitting.steps

    def _timed(
        self, steps: tuple[Step, ...], taken: Reference, script: TraineeScript, now: float
    ) -> list[Outgoing]:
        ordered = list(steps)
        if script.reorder:
            seed = f"{self._settings.seed}|{taken.person_ref}|{taken.service}|{taken.ordinal}"
            random.Random(seed).shuffle(ordered)  # noqa: S311 (an order to repeat, no secret)
        first = now + script.delay_ms / 1000
        pace = self._settings.pace_s
        return [
            _outgoing(step, taken, script.copies(step.type), first + pace * number)
            for number, step in enumerate(ordered, start=1)
        ]


def _outgoing(step: Step, taken: Reference, copies: int, due_at: float) -> Outgoing:
    event_id = f"ev_{uuid4().hex}"
    return Outgoing(
        event_id=event_id,
        partner=step.partner,
        journey_id=taken.journey_id,
        person_ref=taken.person_ref,
        ref=taken.ref,
        type=step.type,
        subject=step.subject,
        body=_cloud_event(event_id, step, _without_gaps(step.data), due_at),
        due_at=due_at,
        copies=copies,
    )


def _cloud_event(event_id: str, step: Step, data: dict[str, object], at: float) -> str:
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/partners/{step.partner}",
        "type": step.type.cloud_type,
        "subject": step.subject,
        "time": datetime.fromtimestamp(at, UTC),
        "datacontenttype": "application/json",
        "data": data,
    }
    return orjson.dumps(event).decode()


def _without_gaps(data: EventData) -> dict[str, object]:
    return {
        name: value
        for name, value in data.model_dump(mode="json").items()
        if value not in (None, "")
    }


def _fingerprint(service: Service, request: Word) -> str:
    content = request.model_dump_json(exclude={"idempotency_key"})
    kind = type(request).__name__
    return hashlib.sha256(f"{service}\n{kind}\n{content}".encode()).hexdigest()


def _repeat(known: str, came: str, ref: str) -> Taken:
    if known != came:
        raise KeyReused
    return Taken(ref, repeat=True)
