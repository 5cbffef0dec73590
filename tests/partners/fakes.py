"""The four partner ports in memory: scriptable, with a record of calls and one effect per key.

Every fake is told what comes next and remembers what came:

    exam = FakeExam()
    exam.fail(PartnerUnavailable("down"), times=2)     # the next two calls fail, nothing is done
    exam.refuse("no_such_level", "we do not assess this level")   # every call, until .recover()
    exam.calls                                         # all calls, failed ones and repeats too
    exam.effects                                       # idempotency key -> the effect it had
    exam.ref_of(key), exam.last(BookSitting)

Beside them, the gate that holds the calls to paused partners.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from domain.model import Word
from domain.plan import Vacancy
from partners.ports import PartnerRefused, PartnerUnavailable
from partners.requests import (
    Accepted,
    BookSitting,
    Cancel,
    CheckEligibility,
    FindVacancies,
    MakeReferral,
    RequestEnrollment,
    Standing,
    Vacancies,
)

_WordT = TypeVar("_WordT", bound=Word)
Created = CheckEligibility | RequestEnrollment | BookSitting | MakeReferral


@dataclass(frozen=True)
class Effect:
    """What a key led to."""

    request: Word
    ref: str


@dataclass
class Fake:
    """What the four fakes have in common."""

    prefix: str = ""
    calls: list[Word] = field(default_factory=list)
    effects: dict[str, Effect] = field(default_factory=dict)
    canceled: set[str] = field(default_factory=set)
    _failures: deque[Exception] = field(default_factory=deque)
    _refusal: PartnerRefused | None = None
    _open: asyncio.Event | None = None

    def fail(self, error: Exception | None = None, times: int = 1) -> None:
        """Let the next `times` calls fail before anything is done."""
        self._failures.extend([error or PartnerUnavailable("the service is down")] * times)

    def refuse(self, code: str, detail: str = "") -> None:
        """Refuse every call until `recover`."""
        self._refusal = PartnerRefused(code, detail)

    def hang(self) -> None:
        """Let every call hang, after its effect, until `recover`."""
        self._open = asyncio.Event()

    def recover(self) -> None:
        """Behave as usual again."""
        self._failures.clear()
        self._refusal = None
        if self._open is not None:
            self._open.set()
        self._open = None

    def ref_of(self, key: str) -> str:
        """The reference that was given under a key."""
        return self.effects[key].ref

    def asked(self, kind: type[_WordT]) -> list[_WordT]:
        """The calls of one kind, in order."""
        return [call for call in self.calls if isinstance(call, kind)]

    def last(self, kind: type[_WordT]) -> _WordT:
        """The last call of one kind."""
        return self.asked(kind)[-1]

    def _enter(self, call: Word) -> None:
        self.calls.append(call)
        if self._failures:
            raise self._failures.popleft()
        if self._refusal is not None:
            raise PartnerRefused(self._refusal.code, self._refusal.detail)

    async def _leave(self) -> None:
        if self._open is not None:
            await self._open.wait()

    async def _take(self, request: Created) -> Accepted:
        self._enter(request)
        ref = self._once(request.idempotency_key, request, f"{self.prefix}_{len(self.effects) + 1}")
        await self._leave()
        return Accepted(ref=ref)

    async def _cancel(self, request: Cancel) -> None:
        self._enter(request)
        known = {effect.ref for effect in self.effects.values()}
        if request.ref in known - self.canceled or request.idempotency_key in self.effects:
            self.canceled.add(self._once(request.idempotency_key, request, request.ref))
        await self._leave()

    def _once(self, key: str, request: Word, ref: str) -> str:
        effect = self.effects.setdefault(key, Effect(request, ref))
        if effect.request != request:
            raise PartnerRefused("key_reused", "this key came before with another body")
        return effect.ref

    async def look_up(self, partner: str, ref: str) -> Standing:
        """Where a request stands: `requested` or `canceled`."""
        for effect in self.effects.values():
            if effect.ref == ref and getattr(effect.request, "partner", None) == partner:
                status = "canceled" if ref in self.canceled else "requested"
                return Standing(ref=ref, status=status)
        raise PartnerRefused("unknown_ref", f"no reference {ref} of this partner")


@dataclass
class FakeRegistry(Fake):
    """Implements `RegistryPort`."""

    prefix: str = "ck"

    async def check(self, request: CheckEligibility) -> Accepted:
        return await self._take(request)


@dataclass
class FakeEnrollment(Fake):
    """Implements `EnrollmentPort`."""

    prefix: str = "en"

    async def request(self, request: RequestEnrollment) -> Accepted:
        return await self._take(request)

    async def cancel(self, request: Cancel) -> None:
        await self._cancel(request)


@dataclass
class FakeExam(Fake):
    """Implements `ExamPort`."""

    prefix: str = "bk"

    async def book(self, request: BookSitting) -> Accepted:
        return await self._take(request)

    async def cancel(self, request: Cancel) -> None:
        await self._cancel(request)


@dataclass
class FakePlacement(Fake):
    """Implements `PlacementPort`; `open_vacancies` are those it lists, for any occupation."""

    prefix: str = "rf"
    open_vacancies: tuple[Vacancy, ...] = ()

    async def vacancies(self, request: FindVacancies) -> Vacancies:
        self._enter(request)
        await self._leave()
        return Vacancies(vacancies=self.open_vacancies)

    async def refer(self, request: MakeReferral) -> Accepted:
        return await self._take(request)

    async def cancel(self, request: Cancel) -> None:
        await self._cancel(request)


@dataclass
class FakeGate:
    """Implements `CallGate`: holds the calls to paused partners, and remembers who asked."""

    paused: set[str] = field(default_factory=set)
    wait: timedelta = timedelta(seconds=1)
    asked: list[tuple[str, str]] = field(default_factory=list)
    under_way: set[tuple[str, str]] = field(default_factory=set)

    async def ask(self, partner: str, call: str) -> timedelta | None:
        self.asked.append((partner, call))
        if partner in self.paused:
            return self.wait
        self.under_way.add((partner, call))
        return None

    async def leave(self, partner: str, call: str) -> None:
        self.under_way.remove((partner, call))
