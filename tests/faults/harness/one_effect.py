"""Promise 5: one effect at the partner per step, whatever happens to the call on its way."""

import asyncio
from collections import Counter
from itertools import cycle

from partners.requests import Service
from tests.faults.harness.houses import ProxiedHouse
from tests.faults.harness.proofs import Proof
from tests.faults.one_effect import CALLED
from tests.faults.proxy import Fault
from tests.stories.waiting import until

BEFORE_SENT = (Fault.CUT_BEFORE_SENT, Fault.RESET_BEFORE_SENT)
AFTER_COMMIT = (Fault.CUT_AFTER_COMMIT, Fault.RESET_AFTER_COMMIT)
HELD_TRIES = 200
"""More tries than a held call can make until its worker is killed."""
COMMITTED_WITHIN = 240.0


async def prove_one_effect(house: ProxiedHouse, journeys: int) -> tuple[Proof, list[str]]:
    """So many journeys for each fault, each of which meets it at every service.

    Returns the proof, and the journeys, which have ended.
    """
    proof = Proof(5, "one effect at the partner per step")
    ended: list[str] = []
    for name, faults in (("before send", BEFORE_SENT), ("after commit", AFTER_COMMIT)):
        ended += await _cut(house, proof, name, faults, journeys)
    ended += await _kill_worker(house, proof, journeys)
    return proof, ended


async def _cut(
    house: ProxiedHouse, proof: Proof, name: str, faults: tuple[Fault, ...], journeys: int
) -> list[str]:
    before = {service: house.proxies[service].suffered.copy() for service in CALLED}
    turns = cycle(faults)

    def plan(journey_id: str) -> None:
        for service in CALLED:
            house.proxies[service].plan(journey_id, next(turns))

    opened = await house.open(journeys, plan)
    await _judge(house, proof, name, opened)
    for service in CALLED:
        suffered = house.proxies[service].suffered - before[service]
        proof.expect(
            suffered.total() == journeys, f"{service}, {name}: {suffered.total()} were cut"
        )
        house.proxies[service].forget()
    return opened


async def _kill_worker(house: ProxiedHouse, proof: Proof, journeys: int) -> list[str]:
    """At each service in turn all calls are taken, none is answered, and the worker is killed."""

    def hold(journey_id: str) -> None:
        for service in CALLED:
            house.proxies[service].plan(journey_id, *[Fault.HALF_OPEN] * HELD_TRIES)

    opened = await house.open(journeys, hold)
    for service in CALLED:
        await until(
            lambda service=service: _all_committed(house, service, opened),  # type: ignore[misc]
            f"{service} has done what it was asked",
            COMMITTED_WITHIN,
        )
        killing = asyncio.create_task(house.fleet.kill("worker"))
        house.proxies[service].forget()
        await killing
    await _judge(house, proof, "worker killed", opened)
    return opened


async def _all_committed(house: ProxiedHouse, service: Service, journeys: list[str]) -> bool:
    rows = [row for row in await house.ledger(journeys) if row["service"] == service]
    return len(rows) == len(journeys)


async def _judge(house: ProxiedHouse, proof: Proof, name: str, journeys: list[str]) -> None:
    within = 120 + 2.0 * len(journeys)
    outcomes = await house.until_closed(journeys, within)
    proof.expect(outcomes == {"retained": len(journeys)}, f"{name}: ended as {outcomes}")
    rows = await house.ledger(journeys)
    asked = Counter((row["journey_id"], row["service"]) for row in rows)
    effects = Counter(row["effects"] for row in rows)
    proof.expect(set(effects) == {1}, f"{name}: keys by their number of effects: {dict(effects)}")
    proof.expect(
        all(asked[journey, service] == 1 for journey in journeys for service in CALLED),
        f"{name}: a step was asked for under two keys",
    )
    for service in CALLED:
        of_service = [row for row in rows if row["service"] == service]
        proof.figures[f"{service}, {name}"] = (
            f"{sum(row['arrivals'] for row in of_service)} arrivals, "
            f"{sum(row['effects'] for row in of_service)} effects"
        )
