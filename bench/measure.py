"""The measurements: rounds of journeys against bare workflows, histories, and what is seen when."""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from temporalio.client import Client

from bench.bare import BarePartners, carry_bare
from bench.caseload import Caseload
from bench.cohort import EVENTS_A_JOURNEY, Beside, measure_beside, seconds_in_all
from bench.cpu import Seconds, added
from bench.door import Doors, measure_doors, measure_steady
from bench.history import Counts, count, median_of
from bench.house import House, open_house
from bench.journeys import Caseworkers
from bench.machine import JsonObject, versions
from bench.rounds import Round, play
from bench.visible import (
    Latency,
    Sent,
    evenly,
    latency,
    measure_floor,
    rate,
    seen_after,
    sent_by_partners,
)
from processes.embedded.ports import LOOPBACK

HISTORIES = 20
"""Of how many journeys the histories are counted."""
PACE_S = 0.3
"""Seconds between two steps of a partner where events come one by one."""
STEADY_PER_SECOND = 100.0
"""Partner events a second: five times the peak of a large province."""
SECONDS_BESIDE = 16
"""How long other journeys are measured, both alone and beside a cohort: some 280 events each at
20 a second."""
WARM_UP = 20
TURNS = 2
"""How often bare signals and journeys take turns."""

Progress = Callable[[str, int], Callable[[int], None]]
"""Told what comes next and how many there are; returns who is told how many are done."""


@dataclass(frozen=True)
class Plan:
    """How much is measured: `rounds` of `journeys`, `at_once` of them under way; then `events` a
    second for `seconds`; then the door for `door_seconds`; then a cohort of `cohort_rows`, if
    `whole_cohort` to its last row."""

    rounds: int
    journeys: int
    at_once: int
    seconds: int
    events: float
    door_seconds: float
    cohort_rows: int
    whole_cohort: bool


@dataclass(frozen=True)
class Side:
    """All rounds of one kind; `cpu` in milliseconds for each one carried, by process."""

    per_second: float
    rounds: list[float]
    cpu: Seconds
    history: Counts


@dataclass(frozen=True)
class Pace:
    """What was measured of events that come one by one."""

    history: Counts
    partner_events: float
    waking_events: float
    events_per_second: float
    floor: Latency
    visible: Latency


@dataclass
class Measured:
    """Everything that was measured so far."""

    versions: JsonObject = field(default_factory=dict)
    bare: Side | None = None
    journeys: Side | None = None
    pace: Pace | None = None
    doors: Doors | None = None
    steady: Latency | None = None
    cohort: Beside | None = None


async def measure_rounds(plan: Plan, progress: Progress, measured: Measured) -> None:
    """Carry bare workflows and journeys in turns, as fast as they go."""
    async with open_house(0.0) as house:
        measured.versions = await versions(house)
        client = await _plain_client(house)
        async with Caseload(house.run.database_url) as caseload, BarePartners(client).at_work():
            caseworkers = Caseworkers(house, caseload)

            async def carry_one() -> str:
                return (await carry_bare(client)).id

            try:
                kinds = {"bare workflows": carry_one, "journeys": caseworkers.carry}
                rounds: dict[str, list[Round]] = {kind: [] for kind in kinds}
                for number in range(plan.rounds + 1):
                    total = plan.journeys if number else min(WARM_UP, plan.journeys)
                    for kind, carry in kinds.items():
                        name = f"{kind}, round {number}" if number else f"{kind}, warming up"
                        tell = progress(name, total)
                        played = await play(carry, total, plan.at_once, house.pids, tell)
                        if number:
                            rounds[kind].append(played)
                        house.check()
            finally:
                await caseworkers.close()
        measured.bare = await _side(house, rounds["bare workflows"])
        measured.journeys = await _side(house, rounds["journeys"])


async def measure_door(plan: Plan, progress: Progress, measured: Measured) -> None:
    """Let partners send as fast as they are answered, then at a steady rate to a busy house."""
    rounds = max(1, plan.rounds)
    tell = progress("events to two doors, rounds", rounds)
    measured.doors = await measure_doors(rounds, plan.door_seconds, tell)
    async with open_house(PACE_S) as house, Caseload(house.run.database_url) as caseload:
        caseworkers = Caseworkers(house, caseload)
        try:
            total = int(STEADY_PER_SECOND * plan.door_seconds)
            tell = progress(f"events at {STEADY_PER_SECOND:g}/s", total)
            measured.steady = await measure_steady(
                house, caseworkers, STEADY_PER_SECOND, plan.door_seconds, tell
            )
        finally:
            await caseworkers.close()


async def measure_cohort(plan: Plan, progress: Progress, measured: Measured) -> None:
    """Open a large cohort at the relay's usual pace, beside journeys that come at a steady rate."""
    async with (
        open_house(PACE_S) as house,
        Caseload(house.run.database_url, receipts=True) as caseload,
    ):
        kind = "one whole cohort" if plan.whole_cohort else "cohorts in turns"
        tell = progress(
            f"journeys alone and beside {kind}, seconds", seconds_in_all(SECONDS_BESIDE)
        )
        measured.cohort = await measure_beside(
            house,
            caseload,
            plan.cohort_rows,
            SECONDS_BESIDE,
            plan.events,
            tell,
            whole=plan.whole_cohort,
        )


async def measure_pace(plan: Plan, progress: Progress, measured: Measured) -> None:
    """Let events come one by one, at a steady rate, and bare signals in turns with them."""
    async with open_house(PACE_S) as house:
        client = await _plain_client(house)
        async with Caseload(house.run.database_url, receipts=True) as caseload:
            caseworkers = Caseworkers(house, caseload)
            try:
                tell = progress("journeys, warming up", WARM_UP)
                await play(caseworkers.carry, WARM_UP, WARM_UP, house.pids, tell)
                known = {event.receipt for event in await sent_by_partners(house)}
                floor: list[float] = []
                sent: list[list[Sent]] = []
                total = max(EVENTS_A_JOURNEY, int(plan.events * plan.seconds / TURNS))
                for turn in range(1, TURNS + 1):
                    tell = progress(f"bare signals, turn {turn}", total)
                    floor += await measure_floor(client, total, plan.events, tell)
                    journeys = total // EVENTS_A_JOURNEY
                    tell = progress(f"journeys, event by event, turn {turn}", journeys)
                    await _carry_evenly(caseworkers, journeys, plan.events, tell)
                    house.check()
                    all_sent = await sent_by_partners(house)
                    sent.append([event for event in all_sent if event.receipt not in known])
                    known |= {event.receipt for event in all_sent}
            finally:
                await caseworkers.close()
        every = [event for turn in sent for event in turn]
        journeys_seen = list(dict.fromkeys(event.journey_id for event in every))
        measured.pace = Pace(
            history=median_of([await _count(house, one) for one in journeys_seen[:HISTORIES]]),
            partner_events=_of_each(every, lambda _: True),
            waking_events=_of_each(every, lambda event: event.wakes),
            events_per_second=median(rate(turn) for turn in sent),
            floor=latency(floor),
            visible=latency(seen_after(every, caseload)),
        )


async def _carry_evenly(
    caseworkers: Caseworkers, journeys: int, events: float, tell: Callable[[int], None]
) -> None:
    done: list[str] = []

    async def carry() -> None:
        done.append(await caseworkers.carry())
        tell(len(done))

    await evenly(carry, journeys, events / EVENTS_A_JOURNEY)


async def _side(house: House, rounds: list[Round]) -> Side:
    cpu: Seconds = {}
    for played in rounds:
        cpu = added(cpu, played.cpu)
    carried = [one for played in rounds for one in played.done]
    return Side(
        per_second=median(played.per_second for played in rounds),
        rounds=[played.per_second for played in rounds],
        cpu={name: 1000 * used / len(carried) for name, used in cpu.items()},
        history=median_of([await _count(house, one) for one in carried[-HISTORIES:]]),
    )


async def _count(house: House, workflow_id: str) -> Counts:
    return count([await house.temporal.get_workflow_handle(workflow_id).fetch_history()])


async def _plain_client(house: House) -> Client:
    """A client without our data converter, as the bare worker has."""
    return await Client.connect(f"{LOOPBACK}:{house.run.settings.temporal_port}")


def _of_each(sent: list[Sent], counts: Callable[[Sent], bool]) -> float:
    journeys: dict[str, int] = {}
    for event in sent:
        journeys[event.journey_id] = journeys.get(event.journey_id, 0) + counts(event)
    return median(journeys.values())
