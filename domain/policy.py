"""A region's rules and durations: data, validated, versioned by content, pinned per journey."""

from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from domain.durations import Duration, Unit
from domain.durations import Span as WrittenSpan
from domain.levels import SkillLevel
from domain.model import Word
from domain.plan import Component

Percent = Annotated[float, Field(ge=0, le=100)]
Share = Annotated[float, Field(gt=0, le=10)]

_ANY_START = datetime(2025, 1, 1, tzinfo=UTC)
_LONGEST = {
    Unit.MILLISECONDS: 1_000_000,
    Unit.SECONDS: 1_000_000,
    Unit.MINUTES: 1_000_000,
    Unit.HOURS: 876_000,
    Unit.DAYS: 36_500,
    Unit.WORKING_DAYS: 25_000,
    Unit.MONTHS: 1_200,
}


def _at_most_a_century(span: Duration) -> Duration:
    if span.amount > _LONGEST[span.unit]:
        raise ValueError(f"{span} is longer than {_LONGEST[span.unit]} {span.unit}, the most")
    return span


def _by_the_clock(span: Duration) -> Duration:
    if span.needs_calendar:
        raise ValueError(f"{span}: working days are for deadlines of partners and staff, not here")
    return span


def _of_fixed_length(span: Duration) -> Duration:
    if span.unit in (Unit.WORKING_DAYS, Unit.MONTHS):
        raise ValueError(f"{span}: only units of a fixed length here, days at most")
    if span.amount == 0:
        raise ValueError(f"{span}: must be longer than nothing")
    return span


Span = Annotated[WrittenSpan, AfterValidator(_at_most_a_century)]
ClockSpan = Annotated[Span, AfterValidator(_by_the_clock)]
"""A duration that the journey counts without a region's calendar."""
FixedSpan = Annotated[Span, AfterValidator(_of_fixed_length)]
"""A duration that calls use: longer than nothing, and the same whenever it begins."""


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
    resit_within: ClockSpan
    component_valid: ClockSpan
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
    search_again_after: ClockSpan
    placement_limit: ClockSpan
    decided_within: Span
    follow_ups: Annotated[tuple[ClockSpan, ...], Field(min_length=1, max_length=20)]
    follow_up_grace: Span
    promoted_within: Span
    blacklisted_employers: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _follow_ups_rise(self) -> "PlacementRules":
        moments = [check.after(_ANY_START) for check in self.follow_ups]
        if any(later <= earlier for earlier, later in pairwise(moments)):
            raise ValueError("follow_ups: each must come after the one before")
        return self


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
    kept_early: ClockSpan


class CallRules(Word):
    """How partner services are called."""

    answer_within: FixedSpan
    retry_at_most_every: FixedSpan
    down_after: ClockSpan


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
