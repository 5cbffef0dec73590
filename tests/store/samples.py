"""Openings, events and batches as the tests of store and relay use them."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.catalog import Catalog
from domain.commands import Actor
from domain.events import EventType
from domain.journal import CaseLine, Entry, RecordBatch
from domain.levels import SkillLevel
from domain.lifecycle import EntryKind
from domain.plan import Occupation
from domain.senders import SenderKind
from domain.stages import Outcome, Pathway, Stage, State
from policies.loader import Policies, load_catalog, load_policies
from store.inbox import Arrival, Received, canonical, receive
from store.openings import Opening, open_journey
from store.persons import PersonDetails
from store.records import PostgresJournal
from store.registry import PartnerRow, save_partners
from tests.vault import VAULT

PROVIDER = "provider-sz-01"
CENTER = "center-sz-01"
NEW_SECRET = "whsec_" + b64encode(b"the newer key of a provider").decode()
OLD_SECRET = "whsec_" + b64encode(b"the older key of a provider").decode()
CASEWORKER = Actor(id="staff-7", role="caseworker")
_numbers = count(1)


@cache
def catalog() -> Catalog:
    return load_catalog()


@cache
def policies() -> Policies:
    return load_policies()


def now() -> datetime:
    return datetime.now(UTC)


def an_occupation(number: int = 0) -> Occupation:
    return Occupation(code=sorted(catalog().occupations)[number])


def a_person(number: int | None = None) -> PersonDetails:
    number = number or next(_numbers)
    return PersonDetails(
        name=f"Trainee {number}",
        id_number=f"44030519900101{number:04}",
        phone=f"{13800000000 + number}",
    )


def an_opening(**changes: object) -> Opening:
    program = next(iter(catalog().programs.values()))
    fields: dict[str, object] = {
        "person": a_person() if "person_ref" not in changes else None,
        "person_ref": None,
        "program": program,
        "occupation": an_occupation(),
        "level": SkillLevel.JUNIOR,
        "pathway": Pathway.JOB,
        "home_region": "440305",
        "delivery_region": "440305",
        "job_region": "4403",
        "policy": policies().for_region("440305", program),
        "opened_by": CASEWORKER,
    }
    return Opening.model_validate(fields | changes)


def an_event(subject: str, **changes: Any) -> Arrival:
    """An event as the door hands it over; `canonical` and `raw` tell of nothing but its number."""
    number = next(_numbers)
    said = canonical({"number": number})
    fields: dict[str, Any] = {
        "source": f"/partners/{PROVIDER}",
        "event_id": f"event-{number}",
        "partner": PROVIDER,
        "type": EventType.ENROLLMENT_CONFIRMED.cloud_type,
        "subject": subject,
        "time": now(),
        "sequence": None,
        "data": {"cohort": "2026-3"},
        "canonical": said,
        "raw": said,
    }
    return Arrival(**fields | changes)


def an_entry(sequence: int, **changes: object) -> Entry:
    fields: dict[str, object] = {
        "sequence": sequence,
        "kind": EntryKind.FACT_RECORDED,
        "at": now(),
        "before": State.PLANNING,
        "state": State.PLANNING,
        "detail": f"line {sequence}",
    }
    return Entry.model_validate(fields | changes)


def a_case_line(sequence: int, **changes: object) -> CaseLine:
    fields: dict[str, object] = {
        "sequence": sequence,
        "stage": Stage.NEED,
        "state": State.PLANNING,
        "updated_at": now(),
    }
    return CaseLine.model_validate(fields | changes)


def a_batch(journey_id: str, sequence: int, **changes: object) -> RecordBatch:
    fields: dict[str, object] = {
        "journey_id": journey_id,
        "entries": (an_entry(sequence),),
        "case": a_case_line(sequence),
    }
    return RecordBatch.model_validate(fields | changes)


def a_closing(journey_id: str, sequence: int, outcome: Outcome = Outcome.WITHDRAWN) -> RecordBatch:
    return a_batch(
        journey_id,
        sequence,
        case=a_case_line(
            sequence, stage=Stage.CLOSED, state=State.CLOSED, outcome=outcome, closed_at=now()
        ),
    )


PARTNERS = (
    PartnerRow(
        id="registry-gd",
        organization="hrss-gd",
        kind=SenderKind.REGISTRY,
        name="Registry",
        region="44",
        source="/partners/registry-gd",
    ),
    PartnerRow(
        id=PROVIDER,
        organization="school-1",
        kind=SenderKind.PROVIDER,
        name="School",
        region="4403",
        service_url="http://127.0.0.1:9/enrollment",
        source=f"/partners/{PROVIDER}",
    ),
)


async def prepare(engine: AsyncEngine) -> None:
    """The partners without which no journey opens."""
    async with engine.begin() as connection:
        await save_partners(connection, VAULT, PARTNERS, {PROVIDER: (NEW_SECRET, OLD_SECRET)})


async def opened(engine: AsyncEngine, **changes: object) -> str:
    """A journey on the caseload, with its start line."""
    async with engine.begin() as connection:
        return await open_journey(connection, VAULT, an_opening(**changes), now())


async def running(engine: AsyncEngine, **changes: object) -> str:
    """A journey whose workflow counts as started."""
    journey_id = await opened(engine, **changes)
    async with engine.begin() as connection:
        await connection.execute(
            text("DELETE FROM outbox WHERE journey_id = :id"), {"id": journey_id}
        )
    return journey_id


async def closed(engine: AsyncEngine, journey_id: str, sequence: int = 1) -> None:
    await PostgresJournal(engine).record(a_closing(journey_id, sequence))


async def received(engine: AsyncEngine, subject: str, **changes: object) -> Received:
    """An event, committed in the inbox."""
    async with engine.begin() as connection:
        answer = await receive(connection, VAULT, an_event(subject, **changes), now())
    assert isinstance(answer, Received)
    return answer


async def status_of(connection: AsyncConnection, receipt: str) -> tuple[str, str]:
    """The status and reason of a receipt, as they stand in the table."""
    row = (
        await connection.execute(
            text("SELECT status, reason FROM inbox WHERE receipt = :receipt"), {"receipt": receipt}
        )
    ).one()
    return row.status, row.reason


async def fate(engine: AsyncEngine, receipt: str) -> tuple[str, str]:
    """The same, on a connection of its own."""
    async with engine.connect() as connection:
        return await status_of(connection, receipt)


def later(**spans: float) -> datetime:
    return now() + timedelta(**spans)
