"""What one seed brings: who goes which way, and which events come twice, early, unknown or broken.

All is drawn from the seed alone. The shares are those of promise 1.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from domain.events import EventType
from tests.faults.harness.fleet import VICTIMS
from tests.faults.harness.partners import reference
from tests.faults.harness.variants import CENTER, JOBS, VARIANTS, Fact, Order, Variant, attendance

EVENTS_EACH = 20
"""Events for each trainee: 10,000 for 500."""
DUPLICATES = 0.2
UNDER_A_NEW_ID = 0.4
"""The share of the duplicates that say the same fact under a new id; the others are repeats."""
OUT_OF_ORDER = 0.2
IN_TURN_AFTER_ALL = 0.2
"""Of those that are to come early, the share that what they overtake may yet be quicker than."""
UNKNOWN = 0.05
"""About trainees whom nobody knows; half of them are created later."""
MALFORMED = 0.01
NOT_JSON = 0.2
"""The share of the malformed that are refused at the door; the others are kept in quarantine."""


@dataclass
class Planned:
    """A fact of one trainee, and what happens to it beside being sent once.

    `number` counts the trainee's facts; `early`: it comes before its turn; `unheard_of`: before its
    trainee is known at all; `repeats` under its own id, `copies` under new ids.
    """

    number: int
    fact: Fact
    early: bool = False
    unheard_of: bool = False
    repeats: int = 0
    copies: int = 0


@dataclass
class Trainee:
    """One trainee: her tag, her way, her facts in order, and the broken events about her."""

    tag: str
    variant: Variant
    facts: list[Planned]
    malformed: int = 0

    @property
    def way(self) -> Iterator[Planned | Order]:
        """Every step in its order, with the facts that the plan has added."""
        facts = iter(self.facts)
        for step in self.variant.steps:
            if isinstance(step, Order):
                yield step
                continue
            for each in facts:
                yield each
                if each.fact is step:
                    break
        yield from facts

    @property
    def closing(self) -> Planned | Order:
        """The last step before the end."""
        return [step for step in self.way if isinstance(step, Order) or not step.fact.late][-1]

    @property
    def hours(self) -> float:
        """Hours attended, as they stand after all corrections."""
        wrong = {each.fact.corrects for each in self.facts}
        return sum(
            float(each.fact.data["hours_attended"])
            for each in self.facts
            if each.fact.type is EventType.ATTENDANCE_SUMMARY and each.fact.role not in wrong
        )


@dataclass(frozen=True)
class Kill:
    """Whom to kill, once so large a share of all events was acknowledged."""

    share: float
    victim: str


@dataclass(frozen=True)
class Plan:
    """Everything that one seed does."""

    seed: int
    trainees: list[Trainee]
    kills: tuple[Kill, ...]
    ghosts: int
    chance: random.Random = field(repr=False)

    @cached_property
    def events(self) -> int:
        """How many events are sent, each repeat counted."""
        return self.ghosts + sum(
            trainee.malformed + sum(1 + each.repeats + each.copies for each in trainee.facts)
            for trainee in self.trainees
        )


def make_plan(
    seed: int, trainees: int, kills_each: int, variants: Iterable[Variant] = VARIANTS
) -> Plan:
    """The plan of a seed for so many trainees, with so many kills of each process."""
    chance = random.Random(seed)
    total = trainees * EVENTS_EACH
    ghosts = round(total * UNKNOWN / 2)
    malformed, doubles = round(total * MALFORMED), round(total * DUPLICATES)
    people = _people(seed, trainees, tuple(variants), chance)
    _fill(people, total - ghosts - malformed - doubles)
    for _ in range(malformed):
        chance.choice(people).malformed += 1
    _double(people, doubles, chance)
    early = total * OUT_OF_ORDER * (1 + IN_TURN_AFTER_ALL)
    _disorder(people, round(early), round(total * UNKNOWN / 2), chance)
    return Plan(seed, people, _kills(kills_each, chance), ghosts, chance)


def oracle_of(variant: Variant) -> Trainee:
    """One who goes a way event by event."""
    facts = [Planned(number, fact) for number, fact in enumerate(variant.facts)]
    return Trainee(f"o-{variant.name}", variant, facts)


def _people(
    seed: int, trainees: int, variants: tuple[Variant, ...], chance: random.Random
) -> list[Trainee]:
    """By weight; each way at least once where there are enough trainees."""
    weights = [variant.weight for variant in variants]
    ways = list(variants[:trainees])
    ways += chance.choices(variants, weights, k=trainees - len(ways))
    chance.shuffle(ways)
    return [
        replace(oracle_of(variant), tag=f"{seed}-{number:04}")
        for number, variant in enumerate(ways, start=1)
    ]


def _fill(people: list[Trainee], facts: int) -> None:
    """Weeks of attendance, until there are so many facts in all."""
    attending = [trainee for trainee in people if trainee.variant.trained]
    missing = facts - sum(len(trainee.facts) for trainee in people)
    if missing < 0:
        raise ValueError(f"{-missing} facts too many: let the common ways weigh more")
    for number in range(missing):
        trainee, week = attending[number % len(attending)], 2 + number // len(attending)
        seat = trainee.variant.trained
        assert seat is not None
        after = max(
            place
            for place, each in enumerate(trainee.facts)
            if each.fact.role == f"confirmed:{seat}"
        )
        fact = attendance(seat, week)
        trainee.facts.insert(after + 1, Planned(len(trainee.facts), fact))


def _double(people: list[Trainee], doubles: int, chance: random.Random) -> None:
    again = [
        each
        for trainee in people
        for each in trainee.facts
        if each.fact.again and each is not trainee.closing
    ]
    every = [each for trainee in people for each in trainee.facts]
    under_new_ids = round(doubles * UNDER_A_NEW_ID)
    for each in chance.sample(again, min(len(again), under_new_ids)):
        each.copies += 1
    for each in chance.choices(every, k=doubles - under_new_ids):
        each.repeats += 1


def _disorder(people: list[Trainee], early: int, unheard_of: int, chance: random.Random) -> None:
    able = [
        each
        for trainee in people
        for each in trainee.facts[1:]
        if each.fact.early and each is not trainee.closing and not each.fact.corrects
    ]
    beforehand = [each for each in able if each.fact.about and each.fact.partner]
    for each in chance.sample(beforehand, unheard_of):
        each.early = each.unheard_of = True
    others = [each for each in able if not each.early]
    for each in chance.sample(others, min(len(others), early - unheard_of)):
        each.early = True


def _kills(each: int, chance: random.Random) -> tuple[Kill, ...]:
    """At seeded moments, spread over the whole."""
    victims = [victim for victim in VICTIMS for _ in range(each)]
    chance.shuffle(victims)
    width = 0.9 / max(1, len(victims))
    return tuple(
        Kill(0.02 + (place + chance.random()) * width, victim)
        for place, victim in enumerate(victims)
    )


# -- events that are nobody's, or nothing ----------------------------------------------------------


def ghosts(plan: Plan) -> Iterator[tuple[str, str, dict[str, Any], str]]:
    """Events about trainees whom nobody ever creates: type, subject, data, partner."""
    for number in range(plan.ghosts):
        tag = f"{plan.seed}-ghost-{number}"
        ref = reference("exam", tag, 1) if number % 2 else reference("placement", tag, 1)
        if number % 2:
            data = {"booking_ref": ref, "component": "theory", "attempt": 1, "raw": 66, "max": 100}
            yield EventType.ASSESSMENT_RESULT.cloud_type, ref, data, CENTER
        else:
            yield EventType.REFERRAL_ACCEPTED.cloud_type, ref, {"referral_ref": ref}, JOBS


MALFORMED_EVENTS: tuple[tuple[str, dict[str, Any], str], ...] = (
    (
        EventType.ASSESSMENT_RESULT.cloud_type,
        {"component": "theory", "raw": 120, "max": 100},
        CENTER,
    ),
    (EventType.ASSESSMENT_RESULT.cloud_type, {"component": "singing", "raw": 60}, CENTER),
    (EventType.ASSESSMENT_ABSENT.cloud_type, {"component": "theory"}, CENTER),
    ("journeyman.assessment.postponed.v1", {"component": "theory"}, CENTER),
    (EventType.REFERRAL_ACCEPTED.cloud_type, {"referral_ref": "with a space"}, JOBS),
)
"""Well signed, and of no schema: type, data, partner."""
