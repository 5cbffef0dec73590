"""Who may do what: the one table that every operation of the interface has to stand in.

An operation names the roles that it is for, and how far they reach. What lies beyond is not there.
"""

from dataclasses import dataclass
from enum import Enum, auto

from domain.commands import COMMANDS, Role

Operation = tuple[str, str]


class Reach(Enum):
    """What an operation is limited to."""

    OPEN = auto()
    """Everybody, without saying who she is."""
    SIGNED = auto()
    """Whoever signs with a partner's key; a token opens nothing."""
    OWN_ROLE = auto()
    """The role alone: it names nothing that belongs to anybody, and shows the caller's own."""
    REGION = auto()
    """What it names belongs to a region, and exists for those whose region holds it."""
    SENDER = auto()
    """The same for staff; a partner reaches what it sent itself."""


@dataclass(frozen=True)
class Rule:
    """Which roles an operation is for, and how far they reach."""

    reach: Reach
    roles: frozenset[Role] = frozenset()


STAFF = frozenset({Role.CASEWORKER, Role.SUPERVISOR})
READERS = STAFF | {Role.AUDITOR}
SUPERVISORS = frozenset({Role.SUPERVISOR})
PARTNERS = frozenset({Role.PARTNER})
JOURNEY = "/v1/journeys/{journey_id}"
PERSON = "/v1/persons/{person_ref}"

TABLE: dict[Operation, Rule] = {
    ("GET", "/healthz"): Rule(Reach.OPEN),
    ("GET", "/readyz"): Rule(Reach.OPEN),
    ("GET", "/metrics"): Rule(Reach.OPEN),
    ("POST", "/v1/events"): Rule(Reach.SIGNED),
    ("GET", "/v1/events/{event_id}"): Rule(Reach.SENDER, STAFF | PARTNERS),
    ("POST", "/v1/journeys"): Rule(Reach.OWN_ROLE, STAFF),
    ("GET", "/v1/journeys"): Rule(Reach.OWN_ROLE, READERS),
    ("GET", JOURNEY): Rule(Reach.REGION, READERS),
    ("GET", f"{JOURNEY}/timeline"): Rule(Reach.REGION, READERS),
    ("POST", "/v1/persons/find"): Rule(Reach.OWN_ROLE, STAFF),
    ("GET", PERSON): Rule(Reach.REGION, READERS),
    ("POST", f"{PERSON}/reveal"): Rule(Reach.REGION, STAFF),
    ("POST", f"{PERSON}/erase"): Rule(Reach.REGION, SUPERVISORS),
    **{
        ("POST", f"{JOURNEY}/{kind.model_fields['name'].default}"): Rule(Reach.REGION, STAFF)
        for kind in COMMANDS
    },
}
