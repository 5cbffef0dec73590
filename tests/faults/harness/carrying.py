"""Carries one trainee along her way, as her partners and her caseworker do."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from bench.trainees import next_opening
from tests.faults.harness.books import Books, EventKey
from tests.faults.harness.partners import (
    LEVEL,
    OCCUPATION,
    REGION,
    MutePartners,
    reference,
)
from tests.faults.harness.plan import MALFORMED_EVENTS, NOT_JSON, Planned, Trainee
from tests.faults.harness.sender import Door, Event, an_event
from tests.faults.harness.variants import Fact, Order

_REF_FIELD = {"enrollment": "enrollment_ref", "exam": "booking_ref", "placement": "referral_ref"}
"""Services whose references are shared, and the field of an event's data that names one."""
REPEATED_WITHIN = 3.0
"""Seconds in which an event comes again."""


@dataclass
class World:
    """What every trainee's carrier works with. `sequential`: event by event, as an oracle goes."""

    door: Door
    books: Books
    partners: MutePartners
    chance: random.Random
    sequential: bool = False
    out_of_order: int = 0


@dataclass
class Carried:
    """A trainee on her way: her journey, and every event that was sent about her, by its fact."""

    trainee: Trainee
    journey_id: str = ""
    events: dict[int, list[EventKey]] = field(default_factory=lambda: defaultdict(list))
    malformed: list[EventKey] = field(default_factory=list)


class Carrier:
    """Walks a trainee through the steps of her way; what comes early or again runs beside it."""

    def __init__(self, world: World, trainee: Trainee) -> None:
        self._world = world
        self._trainee = trainee
        self.carried = Carried(trainee)
        self._group = asyncio.TaskGroup()
        self._beside: list[asyncio.Task[None]] = []
        self._sent: dict[int, asyncio.Event] = defaultdict(asyncio.Event)

    async def carry(self) -> Carried:
        """From before her opening to after her end.

        Raises:
            ExceptionGroup: of `Refused`, where the door refuses for good what it should take.
        """
        async with self._group:
            await self._walk()
        return self.carried

    async def _walk(self) -> None:
        await asyncio.gather(*(self._send(each) for each in self._trainee.facts if each.unheard_of))
        await self._open()
        for each in self._trainee.facts:
            if each.early and not each.unheard_of:
                self._run_beside(self._send_early(each))
        for _ in range(self._trainee.malformed):
            self._run_beside(self._send_malformed())
        closing = self._trainee.closing
        for step in self._trainee.way:
            if isinstance(step, Order):
                if closing is step:
                    await self._settle_all()
                await self._give(step)
            elif not (step.early or step.fact.late):
                if closing is step:
                    await self._settle_all()
                await self._send_in_turn(step)
        await self._all_beside()
        await self._world.books.until_state(self.carried.journey_id, "closed")
        for each in self._trainee.facts:
            if each.fact.late:
                await self._send_in_turn(each)

    # -- opening and ordering -------------------------------------------------------------------

    async def _open(self) -> None:
        body = {
            "person": next_opening()["person"],
            "occupation": {"scheme": "gbm", "code": OCCUPATION},
            "level": LEVEL,
            "pathway": "job",
            "home_region": REGION,
        } | self._trainee.variant.opening
        opened = await self._world.door.order("/v1/journeys", body, f"open-{self._trainee.tag}")
        self.carried.journey_id = opened["id"]
        self._world.partners.introduce(opened["id"], self._trainee.tag)

    async def _give(self, order: Order) -> None:
        journey_id = self.carried.journey_id
        await self._await_facts(order.after)
        await self._world.books.until_state(journey_id, order.state)
        path = f"/v1/journeys/{journey_id}/{order.command}"
        await self._world.door.order(path, order.body, f"{order.command}-{self._trainee.tag}")

    # -- sending --------------------------------------------------------------------------------

    async def _send_in_turn(self, each: Planned) -> None:
        await self._await_facts(each.fact.after)
        if each.fact.about and not each.unheard_of:
            await self._asked(each.fact)
        await self._send(each)
        if self._world.sequential:
            keys = self.carried.events[each.number]
            await self._world.books.until_settled(self.carried.journey_id, keys, or_kept=True)

    async def _send_early(self, each: Planned) -> None:
        await self._await_facts(each.fact.after)
        if each.fact.partner is None:
            await self._asked(each.fact)
        await asyncio.sleep(self._world.chance.uniform(0, 1))
        await self._send(each)

    async def _asked(self, fact: Fact) -> None:
        assert fact.about is not None
        await self._world.partners.asked(self._trainee.tag, *fact.about)

    async def _await_facts(self, roles: tuple[str, ...]) -> None:
        for each in self._trainee.facts:
            if each.fact.role in roles:
                await self._sent[each.number].wait()
                keys = self.carried.events[each.number]
                await self._world.books.until_settled(self.carried.journey_id, keys)

    async def _send(self, each: Planned) -> None:
        """Send a fact, and beside it its repeats and copies."""
        self._count_order(each)
        self._sent[each.number].set()
        event = self._event(each, f"ev-{self._trainee.tag}-{each.number}")
        again = [event] * each.repeats
        again += [
            self._event(each, f"{event.id}-again-{copy}") for copy in range(1, each.copies + 1)
        ]
        for other in again:
            self._run_beside(self._send_again(each, other))
        await self._send_one(each, event)

    async def _send_again(self, each: Planned, event: Event) -> None:
        await asyncio.sleep(self._world.chance.uniform(0, REPEATED_WITHIN))
        await self._send_one(each, event)

    async def _send_one(self, each: Planned, event: Event) -> None:
        key = (event.source, event.id)
        if key not in self.carried.events[each.number]:
            self.carried.events[each.number].append(key)
        await self._world.door.send(event)

    def _count_order(self, each: Planned) -> None:
        place = self._trainee.facts.index(each)
        if not all(self._sent[other.number].is_set() for other in self._trainee.facts[:place]):
            self._world.out_of_order += 1

    def _event(self, each: Planned, event_id: str) -> Event:
        fact, tag = each.fact, self._trainee.tag
        data = dict(fact.data)
        subject = self.carried.journey_id
        if fact.about is not None and (name := _REF_FIELD.get(fact.about[0])):
            ref = reference(fact.about[0], tag, fact.about[1])
            data[name] = ref
            if each.unheard_of or self._world.chance.random() < 0.7:
                subject = ref
        if fact.corrects is not None:
            corrected = next(o for o in self._trainee.facts if o.fact.role == fact.corrects)
            data["supersedes"] = f"ev-{tag}-{corrected.number}"
        return an_event(event_id, self._partner(fact), fact.type.cloud_type, subject, data)

    def _partner(self, fact: Fact) -> str:
        if fact.partner is not None:
            return fact.partner
        assert fact.about is not None
        service, ordinal = fact.about
        return self._world.partners.calls(self._trainee.tag, service)[ordinal - 1].partner

    async def _send_malformed(self) -> None:
        chance, tag = self._world.chance, self._trainee.tag
        await asyncio.sleep(chance.uniform(0, REPEATED_WITHIN))
        kind, data, partner = chance.choice(MALFORMED_EVENTS)
        event_id = f"ev-{tag}-malformed-{len(self.carried.malformed)}"
        event = an_event(event_id, partner, kind, self.carried.journey_id, data)
        if chance.random() < NOT_JSON:
            await self._world.door.send_broken(replace(event, body=event.body[:-7]))
            return
        self.carried.malformed.append((event.source, event.id))
        await self._world.door.send(event)

    # -- what runs beside -----------------------------------------------------------------------

    def _run_beside(self, work: Coroutine[Any, Any, None]) -> None:
        self._beside.append(self._group.create_task(work))

    async def _all_beside(self) -> None:
        while pending := [task for task in self._beside if not task.done()]:
            await asyncio.wait(pending)

    async def _settle_all(self) -> None:
        """Everything that was sent has its final state, so that what follows can be the end."""
        await self._all_beside()
        keys = [key for sent in self.carried.events.values() for key in sent]
        await self._world.books.until_settled(self.carried.journey_id, keys)
