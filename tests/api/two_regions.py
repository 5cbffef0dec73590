"""Two districts and two partners with trainees, events and cases of their own."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.commands import Role
from store.partner_keys import key_lines
from store.tasks import NewTask, TaskKind, raise_task
from tests.api.conftest import client_of
from tests.api.faulty_tokens import FAULTY
from tests.api.issuer import Issuer
from tests.api.partners import an_event, as_body, signed
from tests.api.people import a_journey, a_person
from tests.api.test_reading_journeys import record

CITY, DISTRICT, SIBLING = "4403", "440305", "440306"
SENDER, OTHER_PARTNER = "provider-sz-01", "center-sz-01"
FORGED = "a key of one's own"
MISSING = {
    "journey_id": "jn_" + "0" * 32,
    "event_id": "rc_" + "0" * 32,
    "person_ref": "pr_" + "0" * 32,
    "cohort_id": "co_" + "0" * 32,
    "receipt": "rc_" + "0" * 32,
    "file_id": "ef_" + "0" * 32,
    "name": "nothing",
    "partner_id": "nobody",
    "key_id": "pk_" + "0" * 32,
}
"""Ids of the right form that name nothing."""


@dataclass(frozen=True)
class Who:
    """A caller: with a token of a role, with a faulty one, with a signature, or with nothing."""

    name: str
    role: Role | None = None
    region: str = ""
    partner: str = ""
    faulty: bool = False
    signs: bool = False

    def headers(
        self,
        issuer: Issuer,
        body: bytes,
        media_type: str = "application/json",
        message_id: str = "msg-1",
    ) -> dict[str, str]:
        """What she sends along with this body."""
        content = {"content-type": media_type} if body else {}
        if self.signs:
            return signed(body, self.partner, message_id=message_id) | content
        if self.faulty:
            return content | {"Authorization": f"Bearer {FAULTY[FORGED](issuer)}"}
        if self.role is None:
            return content
        token = issuer.token(
            self.role.value, sub=self.subject, region=self.region, partner=self.partner
        )
        return content | {"Authorization": f"Bearer {token}"}

    @property
    def subject(self) -> str:
        """Her account's id."""
        return self.name.replace(" ", "-")


CALLERS = (
    Who("nobody"),
    Who("a forger", faulty=True),
    *(
        Who(f"a {role} of the {place}", role, region)
        for role in (Role.CASEWORKER, Role.SUPERVISOR, Role.AUDITOR)
        for place, region in (("district", DISTRICT), ("sibling", SIBLING), ("city", CITY))
    ),
    Who("an auditor of the nation", Role.AUDITOR),
    Who("an operator", Role.OPERATOR),
    Who("the sender", Role.PARTNER, partner=SENDER),
    Who("another partner", Role.PARTNER, partner=OTHER_PARTNER),
    Who("the sender by signature", partner=SENDER, signs=True),
    Who("another partner by signature", partner=OTHER_PARTNER, signs=True),
)


@dataclass
class Place:
    """What belongs to one district and one partner: ids by the name that paths give them."""

    region: str
    partner: str
    ids: dict[str, str] = field(default_factory=dict)
    person: dict[str, object] = field(default_factory=dict)

    @property
    def words(self) -> set[str]:
        """What else in an answer would show that something of this place exists."""
        numbers = {str(self.person["id_number"]), str(self.person["phone"])}
        return numbers | {f"of-{self.region}", f"of {self.region}"}


async def fill(
    app: FastAPI, engine: AsyncEngine, issuer: Issuer, region: str, partner: str
) -> Place:
    """A district with a trainee, her journey and its journal, a cohort, and a partner's events.

    One of the events waits in quarantine, and a task says so.
    """
    place = Place(region, partner, person=a_person())
    token = issuer.token("caseworker", region=region, sub=f"caseworker-of-{region}")
    async with client_of(app, token) as client:
        asked = a_journey(person=place.person, home_region=region)
        opened = _made(await client.post("/v1/journeys", json=asked))
        rows = {"name": f"cohort of {region}", "rows": [a_journey(home_region=region)]}
        cohort = _made(await client.post("/v1/cohorts", json=rows))
    journey_id = opened["id"]
    place.ids |= {
        "journey_id": journey_id,
        "person_ref": opened["person_ref"],
        "cohort_id": cohort["id"],
    }
    await record(engine, journey_id)
    place.ids["name"] = "appeals"
    place.ids["file_id"] = await _filed(app, issuer, region, partner)
    event = an_event(partner, id=f"ev-of-{region}", subject=journey_id, type=TYPES[partner])
    place.ids["event_id"] = await _sent(app, partner, event | {"data": DATA[partner]})
    unfit = event | {"id": f"ev-kept-of-{region}", "data": {"mode": "by pigeon"}}
    place.ids["receipt"] = await _sent(app, partner, unfit)
    task = NewTask(
        kind=TaskKind.SECOND_PERSON,
        about=place.ids["receipt"],
        journey_id=journey_id,
        partner=partner,
        region=region,
    )
    place.ids["partner_id"] = f"panel-{region}"
    async with engine.begin() as connection:
        await raise_task(connection, task, datetime.now(UTC))
        (held,) = await key_lines(connection, place.ids["partner_id"])
    place.ids["key_id"] = held.key_id
    return place


async def _filed(app: FastAPI, issuer: Issuer, region: str, partner: str) -> str:
    """A file of the partner's, with one row about somebody of the region."""
    kind, table = FILES[partner]
    body = table.format(f"of-{region}").encode()
    who = Who("", partner=partner, signs=True)
    headers = who.headers(issuer, body, CSV, f"{kind}/1")
    address = f"/v1/event-files?source=/partners/{partner}&kind={kind}"
    async with client_of(app) as client:
        return _made(await client.post(address, content=body, headers=headers))["id"]


async def _sent(app: FastAPI, partner: str, event: dict[str, object]) -> str:
    body = as_body(event)
    async with client_of(app) as client:
        answer = await client.post("/v1/events", content=body, headers=signed(body, partner))
    return _made(answer)["receipt"]


CSV = "text/csv"
FILES = {
    SENDER: ("attendance", "enrollment_ref,period,hours_planned,hours_attended\n{},2026-03,9,9\n"),
    OTHER_PARTNER: ("results", "booking_ref,component,attempt,raw,max\n{},theory,1,70,100\n"),
}
"""The kind of file that a partner sends, and one with a row about `{}`."""

TYPES = {
    SENDER: "journeyman.enrollment.confirmed.v1",
    OTHER_PARTNER: "journeyman.assessment.scheduled.v1",
}
DATA: dict[str, dict[str, object]] = {
    SENDER: {"enrollment_ref": "enr-1", "cohort": "2026-03"},
    OTHER_PARTNER: {"booking_ref": "b-1", "attempt": 1, "at": "2026-05-01T09:00:00+08:00"},
}


def _made(answer: httpx.Response) -> dict[str, str]:
    assert answer.is_success, answer.text
    made: dict[str, str] = answer.json()
    return made
