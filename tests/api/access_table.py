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
    NATION = auto()
    """The role alone: it names what belongs to somebody, wherever she is."""
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
AUDITORS = frozenset({Role.AUDITOR})
OPERATORS = frozenset({Role.OPERATOR})
PARTNERS = frozenset({Role.PARTNER})
JOURNEY = "/v1/journeys/{journey_id}"
COHORT = "/v1/cohorts/{cohort_id}"
KEPT = "/v1/quarantine/{receipt}"
PERSON = "/v1/persons/{person_ref}"
PARTNER = "/v1/partners/{partner_id}"
FILE = "/v1/event-files/{file_id}"
MAPPING = f"{PARTNER}/file-mappings/{{name}}"
PARTNER_KEY = f"{PARTNER}/keys/{{key_id}}"
OF_SUPERVISORS = frozenset({"choose"})
"""Commands that only a supervisor gives."""

TABLE: dict[Operation, Rule] = {
    ("GET", "/healthz"): Rule(Reach.OPEN),
    ("GET", "/readyz"): Rule(Reach.OPEN),
    ("GET", "/metrics"): Rule(Reach.OPEN),
    ("GET", "/v1/asyncapi.json"): Rule(Reach.OPEN),
    ("POST", "/v1/events"): Rule(Reach.SIGNED),
    ("GET", "/v1/events"): Rule(Reach.OWN_ROLE, STAFF | PARTNERS),
    ("GET", "/v1/events/counts"): Rule(Reach.OWN_ROLE, STAFF | PARTNERS),
    ("GET", "/v1/events/{event_id}"): Rule(Reach.SENDER, STAFF | PARTNERS),
    ("POST", "/v1/event-files"): Rule(Reach.SIGNED),
    ("GET", "/v1/event-files"): Rule(Reach.OWN_ROLE, PARTNERS),
    ("GET", FILE): Rule(Reach.SENDER, PARTNERS),
    ("GET", f"{FILE}/rows"): Rule(Reach.SENDER, PARTNERS),
    ("POST", "/v1/journeys"): Rule(Reach.OWN_ROLE, STAFF),
    ("GET", "/v1/journeys"): Rule(Reach.OWN_ROLE, READERS),
    ("GET", JOURNEY): Rule(Reach.REGION, READERS),
    ("GET", f"{JOURNEY}/timeline"): Rule(Reach.REGION, READERS),
    ("POST", "/v1/cohorts"): Rule(Reach.OWN_ROLE, STAFF),
    ("GET", "/v1/cohorts"): Rule(Reach.OWN_ROLE, READERS),
    ("GET", COHORT): Rule(Reach.REGION, READERS),
    ("GET", f"{COHORT}/rows"): Rule(Reach.REGION, READERS),
    ("POST", f"{COHORT}/cancel"): Rule(Reach.REGION, STAFF),
    ("GET", "/v1/quarantine"): Rule(Reach.OWN_ROLE, SUPERVISORS),
    ("GET", KEPT): Rule(Reach.REGION, SUPERVISORS),
    ("POST", f"{KEPT}/release"): Rule(Reach.REGION, SUPERVISORS),
    ("POST", f"{KEPT}/withdraw"): Rule(Reach.REGION, SUPERVISORS),
    ("POST", f"{KEPT}/reject"): Rule(Reach.REGION, SUPERVISORS),
    ("GET", "/v1/tasks"): Rule(Reach.OWN_ROLE, STAFF),
    ("GET", "/v1/audit"): Rule(Reach.OWN_ROLE, AUDITORS),
    ("GET", "/v1/audit/export"): Rule(Reach.OWN_ROLE, AUDITORS),
    ("GET", "/v1/partners"): Rule(Reach.NATION, OPERATORS),
    ("POST", "/v1/partners"): Rule(Reach.NATION, OPERATORS),
    ("GET", PARTNER): Rule(Reach.REGION, STAFF | OPERATORS),
    ("PATCH", PARTNER): Rule(Reach.REGION, OPERATORS),
    ("GET", f"{PARTNER}/keys"): Rule(Reach.REGION, OPERATORS),
    ("POST", f"{PARTNER}/keys"): Rule(Reach.REGION, OPERATORS),
    ("POST", f"{PARTNER}/keys/rotate"): Rule(Reach.REGION, OPERATORS),
    ("POST", f"{PARTNER_KEY}/revoke"): Rule(Reach.REGION, OPERATORS),
    ("POST", f"{PARTNER}/pause"): Rule(Reach.REGION, OPERATORS),
    ("POST", f"{PARTNER}/resume"): Rule(Reach.REGION, OPERATORS),
    ("GET", f"{PARTNER}/file-mappings"): Rule(Reach.REGION, OPERATORS),
    ("PUT", MAPPING): Rule(Reach.REGION, OPERATORS),
    ("GET", MAPPING): Rule(Reach.REGION, OPERATORS),
    ("DELETE", MAPPING): Rule(Reach.REGION, OPERATORS),
    ("POST", "/v1/persons/find"): Rule(Reach.OWN_ROLE, STAFF),
    ("GET", PERSON): Rule(Reach.REGION, READERS),
    ("POST", f"{PERSON}/reveal"): Rule(Reach.REGION, STAFF),
    ("POST", f"{PERSON}/erase"): Rule(Reach.REGION, SUPERVISORS),
    ("POST", f"{PERSON}/erase/withdraw"): Rule(Reach.REGION, SUPERVISORS),
    **{
        ("POST", f"{JOURNEY}/{name}"): Rule(
            Reach.REGION, SUPERVISORS if name in OF_SUPERVISORS else STAFF
        )
        for name in (str(kind.model_fields["name"].default) for kind in COMMANDS)
    },
}
