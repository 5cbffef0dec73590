"""A body for each operation that takes one, with which it would be carried out."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from tests.api.access_table import (
    COHORT,
    JOURNEY,
    KEPT,
    MAPPING,
    PARTNER,
    PARTNER_KEY,
    PERSON,
    Operation,
)
from tests.api.partners import MEDIA_TYPE as EVENT
from tests.api.partners import an_event, as_body
from tests.api.people import a_journey
from tests.api.test_commands import BODIES
from tests.api.two_regions import CSV, DATA, FILES, TYPES, Place, Who

CHOOSE: dict[str, dict[str, object]] = {
    "choose": {"receipt": "rc_" + "0" * 32, "reason": "the center confirmed it"}
}
Body = Callable[[Place, Who], dict[str, object]]


def _opening(place: Place, who: Who) -> dict[str, object]:
    return a_journey(home_region=who.region if len(who.region) == 6 else place.region)


def _event(place: Place, who: Who) -> dict[str, object]:
    partner = who.partner or place.partner
    return an_event(partner, id=f"ev-{uuid4().hex}", type=TYPES[partner], data=DATA[partner])


def _same(**content: object) -> Body:
    return lambda _place, _who: content


_BODIES: dict[Operation, Body] = {
    ("POST", "/v1/events"): _event,
    ("POST", "/v1/journeys"): _opening,
    ("POST", "/v1/cohorts"): lambda place, who: {"rows": [_opening(place, who)]},
    ("POST", f"{COHORT}/cancel"): _same(reason="a mistake"),
    ("POST", f"{KEPT}/release"): _same(reason="told by phone", data={"enrollment_ref": "enr-1"}),
    ("POST", f"{KEPT}/reject"): _same(reason="told by phone"),
    ("POST", f"{KEPT}/withdraw"): _same(reason="told by phone"),
    ("POST", "/v1/partners"): lambda _place, _who: {
        "id": f"center-{uuid4().hex}",
        "organization": "school-9",
        "kind": "center",
        "name": "a center",
    },
    ("PATCH", PARTNER): _same(name="another name"),
    ("POST", f"{PARTNER}/pause"): _same(reason="answers garbage"),
    ("POST", f"{PARTNER}/resume"): _same(reason="repaired"),
    ("POST", f"{PARTNER_KEY}/revoke"): _same(reason="lost"),
    ("PUT", MAPPING): _same(
        type="appeal.decided",
        columns={"subject": "ref", "result_ref": "result", "outcome": "outcome"},
    ),
    ("POST", "/v1/persons/find"): lambda place, _: {"id_number": place.person["id_number"]},
    ("POST", f"{PERSON}/reveal"): _same(fields=["name"], purpose="she asked for it"),
    ("POST", f"{PERSON}/erase"): _same(reason="she asked for it"),
    ("POST", f"{PERSON}/erase/withdraw"): _same(reason="a mistake"),
    **{
        ("POST", f"{JOURNEY}/{command}"): _same(**content)
        for command, content in (BODIES | CHOOSE).items()
    },
}


@dataclass(frozen=True)
class Sending:
    """What is sent to an operation, and what a signature of it needs besides the body."""

    body: bytes = b""
    media_type: str = "application/json"
    query: str = ""
    message_id: str = "msg-1"


def sending_of(operation: Operation, place: Place, who: Who) -> Sending:
    """What somebody sends to an operation, with which it would be carried out."""
    if operation == ("POST", "/v1/event-files"):
        partner = who.partner or place.partner
        kind, table = FILES[partner]
        return Sending(
            body=table.format(uuid4().hex).encode(),
            media_type=CSV,
            query=f"?source=/partners/{partner}&kind={kind}",
            message_id=f"{kind}/{uuid4().hex}",
        )
    make = _BODIES.get(operation)
    if make is None:
        return Sending()
    media_type = EVENT if operation[1] == "/v1/events" else "application/json"
    return Sending(body=as_body(make(place, who)), media_type=media_type)
