"""One seed of promise 1: carry everybody while every process is killed, then read the books."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass

import httpx

from domain.journal import ReceiptStatus
from partners.requests import SERVICES
from partners.sandbox.wire import Wire
from tests.faults.harness import verdict
from tests.faults.harness.books import Books
from tests.faults.harness.carrying import Carried, Carrier, World
from tests.faults.harness.fleet import VICTIMS, Fleet, open_fleet
from tests.faults.harness.killing import kill_as_planned
from tests.faults.harness.partners import REGION, MutePartners
from tests.faults.harness.plan import Plan, ghosts, make_plan, oracle_of
from tests.faults.harness.sender import (
    ANSWERED_WITHIN,
    AT_ONCE,
    EVENTS,
    OPENINGS,
    Acknowledgment,
    Door,
    an_event,
)
from tests.faults.harness.stories import FinalBooks, Story, read_books, story_of
from tests.faults.harness.verdict import Verdict
from tests.partners.running import serving

UNDER_WAY = 150
"""Trainees at once."""
DRAINED_WITHIN = 120.0
"""Seconds from the last send until nothing is under way any more (promise 1)."""
CASEWORKERS = 8
TOLD_EVERY = 5.0
_UNDER_WAY = (
    "SELECT (SELECT count(*) FROM inbox WHERE status IN ('received', 'delivered', 'buffered')) "
    "+ (SELECT count(*) FROM outbox) AS waiting"
)

NONE_YET: Mapping[str, Story] = {}

Tell = Callable[[str], None]


@dataclass(frozen=True)
class SeedResult:
    """What one seed gave; `oracles` are the stories of each way gone event by event."""

    seed: int
    sent: int
    acknowledged: int
    refused: int
    statuses: Counter[ReceiptStatus]
    out_of_order: int
    kills: Counter[str]
    tries: Counter[int]
    journeys: int
    seconds: float
    drain_seconds: float
    verdict: Verdict
    oracles: dict[str, Story]


class NotDone(Exception):
    """The trainees were not all carried in time; the text tells how far it came."""


@asynccontextmanager
async def a_door(fleet: Fleet, region: str = REGION) -> AsyncIterator[Door]:
    """The API of a house, with everybody's keys; its caseworkers work in the region's province."""
    async with httpx.AsyncClient(
        base_url=fleet.api_url,
        timeout=ANSWERED_WITHIN,
        trust_env=False,
        limits=httpx.Limits(max_connections=AT_ONCE + 16),
    ) as http:
        tokens = [fleet.token(f"caseworker-{n}", region=region[:2]) for n in range(CASEWORKERS)]
        with (
            closing(Wire(f"{fleet.api_url}{EVENTS}", ANSWERED_WITHIN)) as events,
            closing(Wire(f"{fleet.api_url}{OPENINGS}", ANSWERED_WITHIN)) as openings,
        ):
            yield Door(http, events, openings, fleet.partner_secrets(), tokens)


async def run_seed(
    seed: int,
    *,
    trainees: int,
    kills_each: int,
    tell: Tell,
    within: float,
    oracles: Mapping[str, Story] = NONE_YET,
) -> SeedResult:
    """Run one seed in a house of its own.

    Args:
        trainees: how many; 20 events each.
        kills_each: how often each process is killed.
        tell: is told of the progress.
        within: seconds after which it is given up.
        oracles: of an earlier seed, which need not go their ways again: an oracle's story is told
            by its way and the code alone.

    Raises:
        NotDone: not all could be carried in that time.
    """
    plan = make_plan(seed, trainees, kills_each)
    partners = MutePartners()
    began = time.monotonic()
    async with serving(partners.app()) as services_url:
        services = {service: f"{services_url}/{service}" for service in SERVICES}
        async with open_fleet(lambda _: services) as fleet, a_door(fleet) as door:
            tell(f"seed {seed}: everything runs after {time.monotonic() - began:.0f} s")
            books = Books(fleet.database_url)
            try:
                async with asyncio.timeout(within), asyncio.TaskGroup() as group:
                    looking = group.create_task(books.look())
                    result = await _carry_all(plan, fleet, door, books, partners, tell, oracles)
                    looking.cancel()
            except TimeoutError:
                raise NotDone(f"seed {seed}: not done within {within:g} s") from None
            finally:
                await books.close()
            return result


async def _carry_all(  # noqa: PLR0917
    plan: Plan,
    fleet: Fleet,
    door: Door,
    books: Books,
    partners: MutePartners,
    tell: Tell,
    known: Mapping[str, Story],
) -> SeedResult:
    began = time.monotonic()
    sequential = World(door, books, partners, plan.chance, sequential=True)
    ways = {trainee.variant.name: trainee.variant for trainee in plan.trainees}
    oracles = await asyncio.gather(
        *(
            Carrier(sequential, oracle_of(variant)).carry()
            for name, variant in ways.items()
            if name not in known
        )
    )
    tell(f"seed {plan.seed}: {len(oracles)} oracles after {time.monotonic() - began:.0f} s")
    sent_before, taken_before = door.sent, len(door.acknowledged)
    world = World(door, books, partners, plan.chance)
    with _telling(plan, fleet, door, tell):
        people = await _chaos(plan, fleet, world)
    drained = await _drained(books, door.last_sent_at)
    final = await read_books(books, [each.journey_id for each in (*oracles, *people)])
    acknowledged = door.acknowledged[taken_before:]
    told = [(each, story_of(each, final, partners)) for each in oracles]
    stories = dict(known) | {each.trainee.variant.name: story for each, story in told}
    return SeedResult(
        seed=plan.seed,
        sent=door.sent - sent_before,
        acknowledged=len(acknowledged),
        refused=door.refused,
        statuses=_statuses(acknowledged, final),
        out_of_order=world.out_of_order,
        kills=fleet.kills,
        tries=door.answers,
        journeys=len(people),
        seconds=time.monotonic() - began,
        drain_seconds=drained,
        verdict=Verdict(
            lost=verdict.lost(door.acknowledged, final),
            doubled=verdict.doubled((*oracles, *people), final),
            differing=verdict.wrong_oracles(told)
            + verdict.differing(
                [(each, story_of(each, final, partners)) for each in people], stories, final
            ),
        ),
        oracles=stories,
    )


async def _chaos(plan: Plan, fleet: Fleet, world: World) -> list[Carried]:
    """Everybody at once, while the plan's victims fall."""
    taken_before = len(world.door.acknowledged)
    gate = asyncio.Semaphore(UNDER_WAY)

    async def carry(carrier: Carrier) -> Carried:
        async with gate:
            return await carrier.carry()

    async with asyncio.TaskGroup() as group:
        group.create_task(
            kill_as_planned(plan, fleet, lambda: len(world.door.acknowledged) - taken_before)
        )
        group.create_task(_send_ghosts(plan, world.door))
        people = [group.create_task(carry(Carrier(world, trainee))) for trainee in plan.trainees]
    return [task.result() for task in people]


async def _send_ghosts(plan: Plan, door: Door) -> None:
    for number, (kind, subject, data, partner) in enumerate(ghosts(plan)):
        event_id = f"ev-{plan.seed}-ghost-{number}"
        await door.send(an_event(event_id, partner, kind, subject, data))
        await asyncio.sleep(0.1)


async def _drained(books: Books, last_sent_at: float) -> float:
    """Seconds from the last send until nothing was under way; waits no longer than promised."""
    while True:
        waiting = (await books.read(_UNDER_WAY))[0]["waiting"]
        after = time.monotonic() - last_sent_at
        if not waiting or after > DRAINED_WITHIN:
            return after
        await asyncio.sleep(0.2)


def _statuses(acknowledged: Sequence[Acknowledgment], final: FinalBooks) -> Counter[ReceiptStatus]:
    """What became of each event, a repeat counted as the duplicate that it is."""
    keys = {(each.event.source, each.event.id) for each in acknowledged}
    counted = Counter(final.inbox[key].status for key in keys if key in final.inbox)
    counted[ReceiptStatus.DUPLICATE] += len(acknowledged) - len(keys)
    return counted


@contextmanager
def _telling(plan: Plan, fleet: Fleet, door: Door, tell: Tell) -> Iterator[None]:
    """Tell every few seconds how far it is."""
    began, sent, taken = time.monotonic(), door.sent, len(door.acknowledged)

    async def go_on() -> None:
        while True:
            await asyncio.sleep(TOLD_EVERY)
            kills = ", ".join(f"{name} {fleet.kills[name]}" for name in VICTIMS)
            tell(
                f"seed {plan.seed}: {time.monotonic() - began:4.0f} s, "
                f"{door.sent - sent} of {plan.events} sent, "
                f"{len(door.acknowledged) - taken} acknowledged; killed: {kills}"
            )

    telling = asyncio.create_task(go_on())
    try:
        yield
    finally:
        telling.cancel()
