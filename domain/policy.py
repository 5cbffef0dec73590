"""A region's rules and durations: data, validated, versioned by content, pinned per journey."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from domain.durations import Span
from domain.levels import SkillLevel
from domain.model import Word
from domain.plan import Component

Percent = Annotated[float, Field(ge=0, le=100)]
Share = Annotated[float, Field(gt=0, le=10)]


class Approval(StrEnum):
    """When a plan needs a caseworker's approval."""

    SUBSIDIZED = "subsidized"
    ALWAYS = "always"
    NEVER = "never"


class BelowAttendance(StrEnum):
    """What follows when attendance fell short."""

    DECISION = "decision"
    REPEAT = "repeat"
    NEXT_PROVIDER = "next_provider"


class EligibilityRules(Word):
    decided_within: Span
    years_of_service: dict[SkillLevel, Annotated[float, Field(ge=0, le=60)]]


class PlanRules(Word):
    approval: Approval
    decided_within: Span


class EnrollmentRules(Word):
    answered_within: Span
    waitlist_within: Span


class AttendanceRules(Word):
    minimum_percent: Percent
    below: BelowAttendance
    completed_within: Span
    decided_within: Span


class AssessmentRules(Word):
    """`attempts` are sittings in all; `resits` come before a retraining, for each training."""

    scheduled_within: Span
    components: dict[SkillLevel, tuple[Component, ...]]
    pass_mark: Percent
    attempts: Annotated[int, Field(ge=1, le=10)]
    resits: Annotated[int, Field(ge=0, le=9)]
    resit_within: Span
    component_valid: Span
    results_within: Span
    certificate_within: Span

    @model_validator(mode="after")
    def _components_for_every_level(self) -> "AssessmentRules":
        for level in SkillLevel:
            listed = self.components.get(level, ())
            if not listed:
                raise ValueError(f"components: no component for level {level}")
            if len(set(listed)) != len(listed):
                raise ValueError(f"components: {level} names a component twice")
        return self


class PlacementRules(Word):
    """`placement_limit` runs from the certificate; `follow_ups` from the start of work."""

    first_referral_within: Span
    answered_within: Span
    offered_within: Span
    started_within: Span
    search_again_after: Span
    placement_limit: Span
    decided_within: Span
    follow_ups: tuple[Span, ...]
    follow_up_grace: Span
    promoted_within: Span
    blacklisted_employers: tuple[str, ...] = ()


class EscalationRules(Word):
    """Shares of a deadline's length at which each rung is climbed."""

    reminder: Share
    stuck: Share
    supervisor: Share
    above: Share

    @model_validator(mode="after")
    def _rungs_rise(self) -> "EscalationRules":
        if not self.reminder < self.stuck < self.supervisor < self.above:
            raise ValueError("the rungs must rise: reminder < stuck < supervisor < above")
        return self


class EventRules(Word):
    kept_early: Span


class CallRules(Word):
    """How partner services are called."""

    answer_within: Span
    retry_at_most_every: Span
    down_after: Span


class Policy(Word):
    """One version of the rules; `version` is the hash of the content, set by the loader."""

    name: str
    version: str
    eligibility: EligibilityRules
    plan: PlanRules
    enrollment: EnrollmentRules
    attendance: AttendanceRules
    assessment: AssessmentRules
    placement: PlacementRules
    escalation: EscalationRules
    events: EventRules
    calls: CallRules
