"""Stages, states, outcomes and pathways of a journey (`domain.md`, Stages and states)."""

from enum import StrEnum


class Pathway(StrEnum):
    """The kind of journey."""

    JOB = "job"
    IN_SERVICE = "in_service"
    APPRENTICESHIP = "apprenticeship"
    RPL_ONLY = "rpl_only"
    SELF_EMPLOYMENT = "self_employment"
    CONTINUING_EDUCATION = "continuing_education"


OFFERED_PATHWAYS = (Pathway.JOB, Pathway.IN_SERVICE, Pathway.RPL_ONLY)
"""Pathways that a journey can be opened on today; the others are refused as not yet offered."""


class Stage(StrEnum):
    """The four parts of the pipeline, then closed."""

    NEED = "need"
    TRAINING = "training"
    ASSESSMENT = "assessment"
    PLACEMENT = "placement"
    CLOSED = "closed"


class State(StrEnum):
    """Where in its stage a journey is."""

    INTAKE = "intake"
    ELIGIBILITY = "eligibility"
    PLANNING = "planning"
    AGREED = "agreed"

    ENROLLING = "enrolling"
    WAITLISTED = "waitlisted"
    ENROLLED = "enrolled"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    UNDER_ATTENDED = "under_attended"
    PROVIDER_FAILED = "provider_failed"
    RECOGNIZED = "recognized"

    REGISTERING = "registering"
    SCHEDULED = "scheduled"
    AWAITING_RESULTS = "awaiting_results"
    PASSED = "passed"
    CERTIFICATE_PENDING = "certificate_pending"
    CERTIFIED = "certified"
    RESIT = "resit"
    RETRAIN = "retrain"

    PROFILING = "profiling"
    MATCHING = "matching"
    REFERRED = "referred"
    OFFERED = "offered"
    STARTED = "started"
    FOLLOW_UP = "follow_up"
    AWAITING_PROMOTION = "awaiting_promotion"
    PROMOTED = "promoted"
    AWAITING_CONVERSION = "awaiting_conversion"
    CONVERTED = "converted"

    CLOSED = "closed"


STATES_OF: dict[Stage, tuple[State, ...]] = {
    Stage.NEED: (State.INTAKE, State.ELIGIBILITY, State.PLANNING, State.AGREED),
    Stage.TRAINING: (
        State.ENROLLING,
        State.WAITLISTED,
        State.ENROLLED,
        State.IN_PROGRESS,
        State.COMPLETED,
        State.UNDER_ATTENDED,
        State.PROVIDER_FAILED,
        State.RECOGNIZED,
    ),
    Stage.ASSESSMENT: (
        State.REGISTERING,
        State.SCHEDULED,
        State.AWAITING_RESULTS,
        State.PASSED,
        State.CERTIFICATE_PENDING,
        State.CERTIFIED,
        State.RESIT,
        State.RETRAIN,
    ),
    Stage.PLACEMENT: (
        State.PROFILING,
        State.MATCHING,
        State.REFERRED,
        State.OFFERED,
        State.STARTED,
        State.FOLLOW_UP,
        State.AWAITING_PROMOTION,
        State.PROMOTED,
        State.AWAITING_CONVERSION,
        State.CONVERTED,
    ),
    Stage.CLOSED: (State.CLOSED,),
}

STAGE_OF: dict[State, Stage] = {
    state: stage for stage, states in STATES_OF.items() for state in states
}


class Outcome(StrEnum):
    """How a closed journey ended. Each is the result of a completed workflow."""

    PLACED = "placed"
    RETAINED = "retained"
    PROMOTED = "promoted"
    CONVERTED = "converted"
    SELF_EMPLOYED = "self_employed"
    CERTIFIED_NO_JOB = "certified_no_job"
    INELIGIBLE = "ineligible"
    WITHDRAWN = "withdrawn"
    LOST_CONTACT = "lost_contact"
    EXHAUSTED = "exhausted"
    TRANSFERRED_OUT = "transferred_out"
    TERMINATED_FRAUD = "terminated_fraud"
    DECEASED = "deceased"


class Overlay(StrEnum):
    """What lies over a state, at any stage before close."""

    ON_HOLD = "on_hold"
    APPEAL_OPEN = "appeal_open"
    UNDER_INVESTIGATION = "under_investigation"
    TRANSFERRING = "transferring"


class StuckCause(StrEnum):
    """Why a journey is stuck; always exactly one (`domain.md`, Why a journey is stuck)."""

    PARTNER_SILENT = "PARTNER_SILENT"
    PERSON_SILENT = "PERSON_SILENT"
    STAFF_IDLE = "STAFF_IDLE"
    NO_CAPACITY = "NO_CAPACITY"
    SERVICE_DOWN = "SERVICE_DOWN"
    DATA_REJECTED = "DATA_REJECTED"
    CONFLICT = "CONFLICT"
    DECISION_OVERDUE = "DECISION_OVERDUE"
    ORPHAN = "ORPHAN"
    ENGINE = "ENGINE"
    DRIFT = "DRIFT"


class Turn(StrEnum):
    """Whose turn it is while a journey waits."""

    PARTNER = "partner"
    STAFF = "staff"
    PERSON = "person"
    NOBODY = "nobody"
