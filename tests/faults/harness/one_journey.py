"""Promise 4: one journey per person, occupation and level; an ended one is never run again."""

import asyncio
import json
from collections import Counter
from uuid import uuid4

from domain.events import EventType
from tests.faults.harness.houses import ProxiedHouse, an_opening
from tests.faults.harness.proofs import Proof
from tests.faults.harness.sender import FIRST_PAUSE, an_event
from tests.faults.harness.supervisor import TEMPORAL
from tests.faults.harness.variants import ISSUER
from tests.stories.waiting import until

STARTS_EACH = 20
UNDER_ONE_KEY = 10
"""Of a person's starts, those that are repeats of one another."""
_OPENED = "SELECT journey_id FROM journeys WHERE journey_id = ANY($1)"
_OF_PERSONS = (
    "SELECT count(*) AS number FROM journeys WHERE person_ref IN "
    "(SELECT person_ref FROM journeys WHERE journey_id = ANY($1))"
)
_LATE = "SELECT count(*) AS number FROM inbox WHERE receipt = ANY($1) AND status = 'late'"


async def prove_one_journey(house: ProxiedHouse, people: int, closed: list[str]) -> Proof:
    """So many people are started twenty times at once, while Temporal is killed; then each journey
    of `closed` gets an event that comes too late.
    """
    proof = Proof(4, "one journey per person; an ended one is never run again")
    await house.tell("partners/registry-hubei", silent=True)
    workflows_before = await _workflows(house)
    answers = await _start_all(house, people)
    opened = {journey_id for status, journey_id in answers if status == 201}
    proof.figures |= {
        "starts": people * STARTS_EACH,
        "answers": dict(Counter(status for status, _ in answers)),
        "journeys": (await house.books.read(_OF_PERSONS, list(opened)))[0]["number"],
    }
    named = {journey_id for _, journey_id in answers}
    proof.expect(len(opened) == people, f"{len(opened)} journeys were opened for {people} people")
    proof.expect(named == opened, "a refusal named another journey than the one that is open")
    proof.expect(proof.figures["journeys"] == people, "a person has several journeys")

    async def all_started() -> bool:
        return await _workflows(house) - workflows_before >= people

    await until(all_started, f"{people} workflows", within=120)
    proof.figures["workflows"] = await _workflows(house) - workflows_before
    proof.expect(proof.figures["workflows"] == people, f"{people} workflows were to be started")
    await house.runs(opened)
    await house.tell("partners/registry-hubei")
    await _send_too_late(house, closed, proof)
    return proof


async def _start_all(house: ProxiedHouse, people: int) -> list[tuple[int, str]]:
    """Every start's final answer: its status, and the journey that it names."""
    answered: list[tuple[int, str]] = []

    async def kill_midway() -> None:
        async def midway() -> bool:
            return len(answered) >= people * STARTS_EACH // 2

        await until(midway, "half of the starts are answered", within=300)
        await house.fleet.kill(TEMPORAL)

    async def start(body: dict[str, object], key: str, token: str) -> None:
        answered.append(await _start_one(house, body, key, token))

    async with asyncio.TaskGroup() as group:
        group.create_task(kill_midway())
        gate = asyncio.Semaphore(4)

        async def person(number: int) -> None:
            body, shared = an_opening(), uuid4().hex
            token = house.door.tokens[number % len(house.door.tokens)]
            async with gate, asyncio.TaskGroup() as starts:
                for start_number in range(STARTS_EACH):
                    key = shared if start_number < UNDER_ONE_KEY else uuid4().hex
                    starts.create_task(start(body, key, token))

        for number in range(people):
            group.create_task(person(number))
    return answered


async def _start_one(
    house: ProxiedHouse, body: dict[str, object], key: str, token: str
) -> tuple[int, str]:
    content = json.dumps(body).encode()
    while True:
        answer = await house.door.open(content, key, token)
        if answer is None:
            await asyncio.sleep(FIRST_PAUSE)
            continue
        told = answer.json()
        if answer.status_code == 201:
            return 201, told["id"]
        if told.get("journey_id"):
            return answer.status_code, told["journey_id"]
        if not told.get("retryable"):
            raise AssertionError(f"a start was answered {answer.status_code}: {answer.text}")
        await asyncio.sleep(FIRST_PAUSE)


async def _send_too_late(house: ProxiedHouse, closed: list[str], proof: Proof) -> None:
    workflows, runs = await _workflows(house), await house.runs(closed)
    sent = await asyncio.gather(
        *(
            house.door.send(
                an_event(
                    f"ev-late-{journey_id}",
                    ISSUER,
                    EventType.CERTIFICATE_ISSUED.cloud_type,
                    journey_id,
                    {"number": f"S{number:013}"},
                )
            )
            for number, journey_id in enumerate(closed)
        )
    )
    receipts = [each.receipt for each in sent]

    async def all_late() -> bool:
        rows = await house.books.read(_LATE, receipts)
        return bool(rows[0]["number"] == len(closed))

    await until(all_late, f"{len(closed)} events are late", within=120)
    proof.figures["late events"] = len(closed)
    proof.expect(await house.runs(closed) == runs, "a late event began a new run")
    proof.expect(await _workflows(house) == workflows, "a late event began a workflow")


async def _workflows(house: ProxiedHouse) -> int:
    return (await house.temporal.count_workflows()).count
