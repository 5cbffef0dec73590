"""Promise 10: an outage gets an honest answer, and what was accepted is carried out afterwards."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from uuid import uuid4

import httpx

from domain.events import EventType
from tests.faults.harness.houses import ProxiedHouse, an_opening
from tests.faults.harness.proofs import Proof
from tests.faults.harness.sender import Event, an_event
from tests.faults.harness.supervisor import POSTGRESQL, TEMPORAL
from tests.stories.waiting import until

REGISTRY = "registry-hubei"
DRAINED_WITHIN = 60.0
"""Seconds from Temporal's return until all that was accepted is carried out (promise 10)."""
GOES_ON_WITHIN = 120.0
WAL_SEGMENT = 16 * 1024 * 1024
"""PostgreSQL writes its log in files of this size; a smaller limit stops the log itself."""
NO_LOG = 64 * 1024
LARGE = 45_000
"""Characters of an event that is to fill the disk."""
AFTER_FULL = 40
"""Events that are still sent once the first was not taken."""
_UNDER_WAY = (
    "SELECT (SELECT count(*) FROM inbox WHERE status IN ('received', 'delivered')) "
    "+ (SELECT count(*) FROM outbox) AS waiting"
)
_LARGEST = (
    "SELECT max(pg_relation_size(oid)) AS bytes FROM pg_class WHERE relkind IN ('r', 't', 'i')"
)
_TAKEN = "SELECT count(*) AS number FROM inbox WHERE receipt = ANY($1)"


async def prove_database_away(house: ProxiedHouse, seconds: float, journeys: int) -> Proof:
    """PostgreSQL is down for a while: nothing but 503; then everything goes on by itself."""
    proof = Proof(10, "PostgreSQL down: 503 only, then everything goes on")
    waiting = await _silent_journeys(house, journeys)
    under_way = await house.open(journeys)
    await house.fleet.take_down(POSTGRESQL)
    answers: dict[str, Counter[int]] = {}
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        for name, status in await _ask_everything(house, waiting[0]):
            answers.setdefault(name, Counter())[status] += 1
    back_at = await house.fleet.bring_up(POSTGRESQL)
    proof.figures["answers"] = {name: dict(counted) for name, counted in answers.items()}
    proof.expect(
        all(set(counted) == {503} for counted in answers.values()),
        f"something else than 503 was answered: {proof.figures['answers']}",
    )
    await _confirm_all(house, waiting)
    outcomes = await house.until_closed([*waiting, *under_way], GOES_ON_WITHIN)
    proof.figures["all ended after s"] = round(time.monotonic() - back_at, 1)
    proof.expect(outcomes == {"retained": 2 * journeys}, f"afterwards they ended as {outcomes}")
    return proof


async def _ask_everything(house: ProxiedHouse, journey_id: str) -> list[tuple[str, int]]:
    """One try of each kind of request: what was answered, 0 for nothing."""
    http, bearer = house.door.http, {"Authorization": f"Bearer {house.door.tokens[0]}"}
    path = f"/v1/journeys/{journey_id}"

    def keyed() -> dict[str, str]:
        return bearer | {"Idempotency-Key": uuid4().hex}

    async def send_event() -> httpx.Response | None:
        return await house.door.once(_eligible(uuid4().hex))

    requests: dict[str, Callable[[], Awaitable[httpx.Response | None]]] = {
        "event": send_event,
        "opening": lambda: http.post("/v1/journeys", json=an_opening(), headers=keyed()),
        "command": lambda: http.post(f"{path}/hold", json={"reason": "ill"}, headers=keyed()),
        "list": lambda: http.get("/v1/journeys", headers=bearer),
        "journey": lambda: http.get(path, headers=bearer),
    }

    async def ask(name: str) -> tuple[str, int]:
        try:
            answer = await requests[name]()
        except httpx.HTTPError:
            return name, 0
        return name, answer.status_code if answer is not None else 0

    return list(await asyncio.gather(*map(ask, requests)))


async def prove_temporal_away(house: ProxiedHouse, seconds: float, journeys: int) -> Proof:
    """Temporal is down for so long: starts and events are taken, commands are answered 503."""
    proof = Proof(10, "Temporal down: starts and events are taken, commands 503, then drained")
    waiting = await _silent_journeys(house, journeys)
    await house.fleet.take_down(TEMPORAL)
    down_at = time.monotonic()
    opened = await house.open(journeys)
    taken = [await house.door.once(_eligible(journey_id)) for journey_id in waiting]
    events = Counter(answer.status_code if answer else 0 for answer in taken)
    commands = Counter(
        [
            status
            for journey_id in waiting[:3]
            for name, status in await _ask_everything(house, journey_id)
            if name == "command"
        ]
    )
    proof.figures |= {"starts": {201: len(opened)}, "events": dict(events)}
    proof.figures |= {"commands": dict(commands)}
    proof.expect(set(events) == {202}, f"events were answered {dict(events)}")
    proof.expect(set(commands) == {503}, f"commands were answered {dict(commands)}")
    await asyncio.sleep(max(0.0, seconds - (time.monotonic() - down_at)))
    back_at = await house.fleet.bring_up(TEMPORAL)
    await until(lambda: _all_carried(house), "everything accepted is carried out", GOES_ON_WITHIN)
    drained = time.monotonic() - back_at
    proof.figures |= {"away s": round(back_at - down_at, 1), "drained after s": round(drained, 1)}
    proof.expect(drained <= DRAINED_WITHIN, f"drained only {drained:.0f} s after its return")
    outcomes = await house.until_closed([*waiting, *opened], GOES_ON_WITHIN)
    proof.expect(outcomes == {"retained": 2 * journeys}, f"afterwards they ended as {outcomes}")
    return proof


async def _all_carried(house: ProxiedHouse) -> bool:
    return not (await house.books.read(_UNDER_WAY))[0]["waiting"]


async def prove_disk_full(house: ProxiedHouse) -> Proof:
    """PostgreSQL can't write: its files may not grow, then not even its log is written.

    What the kernel says to a process over its limit of file sizes stands for a full disk.
    """
    proof = Proof(10, "disk full: no false 2xx")
    largest = (await house.books.read(_LARGEST))[0]["bytes"]
    limit = max(WAL_SEGMENT, largest + 1024 * 1024)
    await house.fleet.limit_files(limit)
    await house.fleet.kill(POSTGRESQL)
    taken, answers = await _fill(house, most=limit // LARGE * 2)
    proof.figures["tables can't grow"] = dict(answers)
    proof.expect(set(answers) <= {202, 503}, f"answers of a full disk: {dict(answers)}")
    proof.expect(503 in answers and 202 in answers, "the disk did not fill up")
    await house.fleet.limit_files(NO_LOG)
    await house.fleet.take_down(POSTGRESQL)
    await house.fleet.let_up(POSTGRESQL)
    more = await asyncio.gather(*(house.door.once(_large()) for _ in range(AFTER_FULL)))
    log_answers = Counter(answer.status_code if answer else 0 for answer in more)
    proof.figures["log can't be written"] = dict(log_answers)
    proof.expect(set(log_answers) == {503}, f"answers without a log: {dict(log_answers)}")
    await house.fleet.limit_files()
    taken += [str(each.json()["receipt"]) for each in more if each and each.is_success]
    again = await house.door.send(_large())
    kept = (await house.books.read(_TAKEN, [*taken, again.receipt]))[0]["number"]
    proof.figures["acknowledged"] = len(taken)
    proof.expect(
        kept == len(taken) + 1, f"{len(taken) + 1 - kept} acknowledged events are not in the inbox"
    )
    journeys = await house.open(3)
    outcomes = await house.until_closed(journeys, GOES_ON_WITHIN)
    proof.expect(outcomes == {"retained": 3}, f"afterwards journeys ended as {outcomes}")
    return proof


async def _fill(house: ProxiedHouse, most: int) -> tuple[list[str], Counter[int]]:
    """Send large events, each once, until some while after the first was not taken."""
    taken: list[str] = []
    answers: Counter[int] = Counter()
    refused = 0
    for _ in range(most):
        answer = await house.door.once(_large())
        answers[answer.status_code if answer else 0] += 1
        if answer is not None and answer.is_success:
            taken.append(answer.json()["receipt"])
        else:
            refused += 1
        if refused >= AFTER_FULL:
            break
    return taken, answers


# -- what is sent ---------------------------------------------------------------------------------


async def _silent_journeys(house: ProxiedHouse, number: int) -> list[str]:
    """Journeys that wait for the registry's decision, which only the harness sends."""
    await house.tell(f"partners/{REGISTRY}", silent=True)
    opened = await house.open(number)

    async def all_asked() -> bool:
        return len(await house.ledger(opened)) == number

    await until(all_asked, f"{number} journeys wait for the registry", GOES_ON_WITHIN)
    await house.tell(f"partners/{REGISTRY}")
    return opened


async def _confirm_all(house: ProxiedHouse, journeys: list[str]) -> None:
    await asyncio.gather(*(house.door.send(_eligible(journey_id)) for journey_id in journeys))


def _eligible(journey_id: str) -> Event:
    kind = EventType.ELIGIBILITY_DECIDED.cloud_type
    return an_event(uuid4().hex, REGISTRY, kind, journey_id, {"outcome": "eligible"})


def _large() -> Event:
    """An event about nobody, whose text no compression makes smaller."""
    data = {"outcome": "eligible", "rule_ids": [], "padding": secrets.token_hex(LARGE // 2)}
    return an_event(
        uuid4().hex, REGISTRY, EventType.ELIGIBILITY_DECIDED.cloud_type, uuid4().hex, data
    )
