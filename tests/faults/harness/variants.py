"""The ways that trainees go under fault: what their partners report and staff order, in order.

Each way is told once. An oracle goes it event by event; the others meet repeats, early arrivals and
killed processes on it, and must come to the same end.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from domain.events import EventType
from domain.levels import SkillLevel
from domain.stages import Outcome
from partners.requests import Service
from policies.loader import load_catalog
from tests.faults.harness.partners import EMPLOYER, LEVEL, OCCUPATION
from tests.faults.harness.rules import PROGRAM, SUBSIDIZED

CENTER, ISSUER, JOBS = "center-wuhan-01", "issuer-skill-certificates", "jobs-wuhan"

Speaker = Literal["asked", "issuer", "employer"]
"""Who reports a fact: the partner that was asked, or one that is always the same."""
About = tuple[Service, int]
"""Which request a fact is about: the so-manyth (from 1) to a service."""
ATTENDANCE = "attendance"
"""The role of every report of attendance that is not corrected; a plan adds as many as it needs."""


@dataclass(frozen=True)
class Fact:
    """An event in a trainee's way.

    `role` names it. `after` are facts that must be settled before it may come, where the order
    decides what becomes of it (`domain.md`, How events meet states: a fact that its state no longer
    wants is late); `early` says that it may come before its turn; `again` that the same fact may
    come under a new id; `corrects` names the fact that it supersedes. A `late` one comes after the
    journey's end.
    """

    role: str
    type: EventType
    about: About | None = None
    data: dict[str, Any] = field(default_factory=dict)
    speaker: Speaker = "asked"
    after: tuple[str, ...] = ()
    early: bool = True
    again: bool = True
    corrects: str | None = None
    late: bool = False

    @property
    def partner(self) -> str | None:
        """Who reports it, where that is known before anybody was asked."""
        if self.speaker != "asked":
            return ISSUER if self.speaker == "issuer" else EMPLOYER
        services: dict[str, str] = {"exam": CENTER, "placement": JOBS}
        return services.get(self.about[0]) if self.about else None


@dataclass(frozen=True)
class Order:
    """A command of a caseworker, given once the journey is in `state` and `after` are settled."""

    command: str
    state: str
    body: dict[str, Any] = field(default_factory=dict)
    after: tuple[str, ...] = ()


Step = Fact | Order


@dataclass(frozen=True)
class Variant:
    """A way: how its journey is opened, what happens on it, and how it ends."""

    name: str
    weight: int
    outcome: Outcome
    steps: tuple[Step, ...]
    opening: dict[str, Any] = field(default_factory=dict)

    @property
    def facts(self) -> tuple[Fact, ...]:
        return tuple(step for step in self.steps if isinstance(step, Fact))

    @property
    def trained(self) -> int | None:
        """The request for a seat whose attendance can be reported on; None without training."""
        seats = [f.about[1] for f in self.facts if f.role.startswith("completed") and f.about]
        return seats[-1] if seats else None


# -- the parts of a way ---------------------------------------------------------------------------


def _need(outcome: str = "eligible") -> Iterator[Step]:
    yield Fact("eligibility", EventType.ELIGIBILITY_DECIDED, ("registry", 1), {"outcome": outcome})


def _approved(*after: str) -> Iterator[Step]:
    yield Order("plan/approve", "planning", after=after)


def _training(seat: int = 1, percent: float = 91) -> Iterator[Fact]:
    about: About = ("enrollment", seat)
    confirmed = {"cohort": "2026-11", "site": "一号实训基地", "mode": "hybrid"}
    yield Fact(f"confirmed:{seat}", EventType.ENROLLMENT_CONFIRMED, about, confirmed)
    completed = {"hours": 80.0, "attendance_pct": percent}
    yield Fact(f"completed:{seat}", EventType.TRAINING_COMPLETED, about, completed)


def attendance(seat: int, week: int) -> Fact:
    """A week's attendance."""
    data = {
        "period": f"2026-W{week:02}",
        "module": "shafts",
        "hours_planned": 40,
        "hours_attended": 30 + week % 10,
        "verified": True,
    }
    return Fact(ATTENDANCE, EventType.ATTENDANCE_SUMMARY, ("enrollment", seat), data)


def _sitting(number: int, attempt: int, **marks: float) -> Iterator[Fact]:
    about: About = ("exam", number)
    for component in marks:
        data: dict[str, Any] = {"component": component, "attempt": attempt}
        yield Fact(f"date:{number}:{component}", EventType.ASSESSMENT_SCHEDULED, about, data)
    for component, mark in marks.items():
        data = {"component": component, "attempt": attempt, "raw": mark, "max": 100}
        yield Fact(f"result:{number}:{component}", EventType.ASSESSMENT_RESULT, about, data)


def _certificate(**changes: Any) -> Iterator[Step]:
    data = {"number": "S420000000001", "level": LEVEL}
    fact = Fact("certificate", EventType.CERTIFICATE_ISSUED, None, data, "issuer")
    yield replace(fact, **changes)


def _referred(number: int = 1) -> Iterator[Step]:
    yield Fact(f"accepted:{number}", EventType.REFERRAL_ACCEPTED, ("placement", number))


def _offered(number: int = 1) -> Iterator[Step]:
    yield from _referred(number)
    yield Fact(
        f"offer:{number}",
        EventType.OFFER_MADE,
        ("placement", number),
        {"terms": {"wage": 6800}},
        "employer",
        after=(f"accepted:{number}",),
        early=False,
    )


def _started(number: int = 1) -> Iterator[Step]:
    yield from _offered(number)
    data = {"employer": EMPLOYER, "type": "full_time", "wage": 6800}
    kind = EventType.EMPLOYMENT_STARTED
    yield Fact(f"started:{number}", kind, ("placement", number), data, "employer")


def _retained(number: int = 1, months: Iterable[int] = (1, 3, 6)) -> Iterator[Step]:
    for month in months:
        data = {"employer": EMPLOYER, "month": month}
        kind = EventType.EMPLOYMENT_RETAINED
        yield Fact(f"retained:{number}:{month}", kind, ("placement", number), data, "employer")


def _hired(number: int = 1) -> Iterator[Step]:
    yield from _started(number)
    yield from _retained(number)


def _assessed() -> Iterator[Step]:
    yield from _sitting(1, 1, theory=78, practical=84)
    yield from _certificate()


def _after_close(*abouts: About) -> Iterator[Step]:
    """What comes once the journey has ended, and changes nothing.

    Each is late in the journey's last state already. An end can be read before the engine has
    kept it, and where the worker is killed in that moment, the journey meets them before it.
    """
    told: dict[Service, tuple[EventType, dict[str, Any]]] = {
        "enrollment": (EventType.TRAINING_SUSPENDED, {"reason": "too late"}),
        "placement": (EventType.REFERRAL_DECLINED, {"reason": "too late"}),
        "registry": (
            EventType.ELIGIBILITY_DECIDED,
            {"outcome": "eligible", "rule_ids": ["too-late"]},
        ),
    }
    for service, number in abouts:
        kind, data = told[service]
        role = f"late:{service}:{number}"
        yield Fact(role, kind, (service, number), data, early=False, again=False, late=True)


# -- the ways -------------------------------------------------------------------------------------


def _standard() -> Iterator[Step]:
    yield from (*_need(), *_training(), *_assessed(), *_hired())
    yield from _after_close(("placement", 1))


def _approval() -> Iterator[Step]:
    yield from (*_need(), *_approved(), *_training(), *_assessed(), *_hired())
    yield from _after_close(("enrollment", 1))


def _resit() -> Iterator[Step]:
    yield from (*_need(), *_training(), *_sitting(1, 1, theory=58, practical=75))
    yield from (*_sitting(2, 2, theory=60), *_certificate(), *_hired())


def _retraining() -> Iterator[Step]:
    yield from (*_need(), *_training(), *_sitting(1, 1, theory=50, practical=75))
    yield from (*_sitting(2, 2, theory=55), *_training(2), *_sitting(3, 3, theory=72))
    yield from (*_certificate(), *_hired())


def _exhausted() -> Iterator[Step]:
    yield from (*_need(), *_training(), *_sitting(1, 1, theory=50, practical=75))
    yield from (*_sitting(2, 2, theory=55), *_training(2), *_sitting(3, 3, theory=58))
    yield from _after_close(("enrollment", 2), ("registry", 1))


def _offer_declined() -> Iterator[Step]:
    yield from (*_need(), *_training(), *_assessed(), *_offered())
    declined = EventType.OFFER_DECLINED
    yield Fact("turned_down", declined, ("placement", 1), {"reason": "too far"}, "employer")
    yield from _hired(2)


def _referral_declined() -> Iterator[Step]:
    yield from (*_need(), *_training(), *_assessed())
    declined = EventType.REFERRAL_DECLINED
    yield Fact("declined", declined, ("placement", 1), {"reason": "the vacancy is filled"})
    yield from _hired(2)


def _rejected() -> Iterator[Step]:
    yield from _need()
    rejected = EventType.ENROLLMENT_REJECTED
    yield Fact("rejected", rejected, ("enrollment", 1), {"reason": "no seat left"})
    yield from (*_training(2), *_assessed(), *_hired())


def _waitlisted() -> Iterator[Step]:
    yield from _need()
    waits = EventType.ENROLLMENT_WAITLISTED
    yield Fact("waitlisted", waits, ("enrollment", 1), {"position": 3})
    confirmed, completed = _training()
    yield replace(confirmed, after=("waitlisted",), early=False)
    yield from (completed, *_assessed(), *_hired())


def _ineligible() -> Iterator[Step]:
    yield from (*_need("ineligible"), *_after_close(("registry", 1)))


def _corrected_mark() -> Iterator[Step]:
    yield from (*_need(), *_training())
    for step in _sitting(1, 1, theory=70, practical=75):
        yield replace(step, again=step.role != "result:1:theory")
    better = {"component": "theory", "attempt": 1, "raw": 64, "max": 100}
    yield Fact(
        "correction",
        EventType.ASSESSMENT_RESULT,
        ("exam", 1),
        better,
        again=False,
        corrects="result:1:theory",
    )
    settled = ("result:1:theory", "correction")
    yield from (*_certificate(after=settled, early=False), *_hired())


def _corrected_attendance() -> Iterator[Step]:
    yield from _need()
    confirmed, completed = _training()
    wrong = attendance(1, 1)
    counted = {**wrong.data, "hours_attended": 39}
    yield confirmed
    yield replace(wrong, role="miscounted", again=False)
    yield replace(wrong, role="counted", data=counted, again=False, corrects="miscounted")
    yield from (completed, *_assessed(), *_hired())


def _absent() -> Iterator[Step]:
    yield from (*_need(), *_training())
    yield from _missed(1, 1, excused=False)
    yield from (*_sitting(2, 2, theory=66), *_certificate(), *_hired())


def _excused() -> Iterator[Step]:
    yield from (*_need(), *_training())
    yield from _missed(1, 1, excused=True)
    yield from (*_sitting(2, 1, theory=66), *_certificate(), *_hired())


def _missed(number: int, attempt: int, *, excused: bool) -> Iterator[Step]:
    """The trainee sits the practical part, and does not come to the theory."""
    for step in _sitting(number, attempt, theory=0, practical=81):
        if step.role == f"result:{number}:theory":
            data = {"component": "theory", "attempt": attempt, "excused": excused}
            yield replace(step, type=EventType.ASSESSMENT_ABSENT, data=data)
        else:
            yield step


def _left_work() -> Iterator[Step]:
    yield from (*_need(), *_training(), *_assessed(), *_started(), *_retained(1, (1,)))
    yield Fact(
        "left",
        EventType.EMPLOYMENT_ENDED,
        ("placement", 1),
        {"employer": EMPLOYER, "reason": "left by own wish"},
        "employer",
        after=("retained:1:1",),
        early=False,
    )
    yield from _hired(2)


def _in_service() -> Iterator[Step]:
    yield from (*_need(), *_training(), *_assessed())
    data = {"old_level": "junior", "new_level": LEVEL, "wage_after": 7200}
    yield Fact("promotion", EventType.PROMOTION_CONFIRMED, None, data, "employer")
    yield from _after_close(("enrollment", 1))


def _recognition_only() -> Iterator[Step]:
    yield from (*_need(), *_assessed(), *_hired())


def _credited() -> Iterator[Step]:
    yield from _need()
    modules = [module.code for module in load_catalog().modules_for(OCCUPATION, SkillLevel(LEVEL))]
    data = {"modules": modules, "source_credential": "S-1"}
    yield Fact("credit", EventType.CREDIT_RECOGNIZED, None, data, "issuer")
    yield from (*_approved("credit"), *_assessed(), *_hired())


def _withdrawn() -> Iterator[Step]:
    yield from _need()
    yield next(_training())
    after = ("confirmed:1",)
    yield Order("withdraw", "in_progress", {"reason": "moves to another province"}, after)
    yield from _after_close(("enrollment", 1), ("registry", 1))


def _held() -> Iterator[Step]:
    confirmed, completed = _training()
    yield from (*_need(), confirmed)
    after = ("confirmed:1",)
    yield Order("hold", "in_progress", {"reason": "the trainee is ill"}, after)
    yield replace(completed, early=False)
    yield Order("resume", "in_progress")
    yield from (*_assessed(), *_hired())


_WAYS: tuple[tuple[int, Callable[[], Iterator[Step]], Outcome, dict[str, Any]], ...] = (
    (22, _standard, Outcome.RETAINED, {}),
    (12, _approval, Outcome.RETAINED, {"program": SUBSIDIZED}),
    (11, _resit, Outcome.RETAINED, {}),
    (8, _offer_declined, Outcome.RETAINED, {}),
    (6, _corrected_mark, Outcome.RETAINED, {}),
    (5, _rejected, Outcome.RETAINED, {}),
    (4, _waitlisted, Outcome.RETAINED, {}),
    (4, _in_service, Outcome.PROMOTED, {"pathway": "in_service", "employer": EMPLOYER}),
    (4, _corrected_attendance, Outcome.RETAINED, {}),
    (3, _retraining, Outcome.RETAINED, {}),
    (3, _exhausted, Outcome.EXHAUSTED, {}),
    (3, _referral_declined, Outcome.RETAINED, {}),
    (3, _absent, Outcome.RETAINED, {}),
    (2, _excused, Outcome.RETAINED, {}),
    (2, _left_work, Outcome.RETAINED, {}),
    (2, _recognition_only, Outcome.RETAINED, {"pathway": "rpl_only"}),
    (2, _credited, Outcome.RETAINED, {"program": SUBSIDIZED}),
    (2, _withdrawn, Outcome.WITHDRAWN, {}),
    (1, _held, Outcome.RETAINED, {}),
    (1, _ineligible, Outcome.INELIGIBLE, {}),
)
VARIANTS = tuple(
    Variant(way.__name__.strip("_"), weight, outcome, tuple(way()), {"program": PROGRAM, **opening})
    for weight, way, outcome, opening in _WAYS
)
"""All of them, the most common first."""
