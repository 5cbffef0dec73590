"""What partners report: event types, their data, and an event as a journey receives it."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationInfo, field_validator

from domain.model import Ref, Text, Word
from domain.plan import Component


class EventType(StrEnum):
    """The name of an event type, without `journeyman.` and `.v1`."""

    ELIGIBILITY_DECIDED = "eligibility.decided"
    ENROLLMENT_CONFIRMED = "enrollment.confirmed"
    ENROLLMENT_WAITLISTED = "enrollment.waitlisted"
    ENROLLMENT_REJECTED = "enrollment.rejected"
    ENROLLMENT_CANCELED = "enrollment.canceled"
    ATTENDANCE_SUMMARY = "attendance.summary"
    TRAINING_COMPLETED = "training.completed"
    TRAINING_SUSPENDED = "training.suspended"
    CREDIT_RECOGNIZED = "credit.recognized"
    APPRENTICESHIP_SIGNED = "apprenticeship.signed"
    APPRENTICESHIP_ENDED = "apprenticeship.ended"
    ASSESSMENT_SCHEDULED = "assessment.scheduled"
    ASSESSMENT_ABSENT = "assessment.absent"
    ASSESSMENT_VOIDED = "assessment.voided"
    ASSESSMENT_RESULT = "assessment.result"
    APPEAL_DECIDED = "appeal.decided"
    CERTIFICATE_ISSUED = "certificate.issued"
    CERTIFICATE_REVOKED = "certificate.revoked"
    REFERRAL_ACCEPTED = "referral.accepted"
    REFERRAL_DECLINED = "referral.declined"
    OFFER_MADE = "offer.made"
    OFFER_DECLINED = "offer.declined"
    EMPLOYMENT_STARTED = "employment.started"
    EMPLOYMENT_ENDED = "employment.ended"
    EMPLOYMENT_RETAINED = "employment.retained"
    PROMOTION_CONFIRMED = "promotion.confirmed"
    BUSINESS_REGISTERED = "business.registered"
    CLAIM_DECIDED = "claim.decided"

    @property
    def cloud_type(self) -> str:
        """The CloudEvents `type`."""
        return f"journeyman.{self.value}.v1"

    @classmethod
    def of_cloud_type(cls, text: str) -> "EventType | None":
        """The event type of a CloudEvents `type`, None for one that we don't know."""
        if not (text.startswith("journeyman.") and text.endswith(".v1")):
            return None
        try:
            return cls(text.removeprefix("journeyman.").removesuffix(".v1"))
        except ValueError:
            return None


class EventData(BaseModel):
    """The `data` of an event. Fields that we don't know are kept out, not refused.

    `supersedes` is the id of the same source's earlier event that this one corrects.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    supersedes: Ref | None = None


Day = date
"""A date, under a name that a field called `date` does not hide."""

Hours = Annotated[float, Field(ge=0, le=10_000)]
Percent = Annotated[float, Field(ge=0, le=100)]


class EligibilityDecided(EventData):
    outcome: Literal["eligible", "ineligible"]
    rule_ids: tuple[Text, ...] = ()
    valid_to: date | None = None


class _AboutEnrollment(EventData):
    enrollment_ref: Ref | None = None


class EnrollmentConfirmed(_AboutEnrollment):
    cohort: Text = ""
    site: Text = ""
    region: str | None = None
    mode: Literal["online", "in_person", "hybrid"] | None = None
    start: date | datetime | None = None
    end: date | datetime | None = None
    modules: tuple[Text, ...] = ()


class EnrollmentWaitlisted(_AboutEnrollment):
    position: Annotated[int, Field(ge=1)] | None = None


class EnrollmentRejected(_AboutEnrollment):
    reason: Text = ""


class EnrollmentCanceled(_AboutEnrollment):
    reason: Text = ""


class AttendanceSummary(_AboutEnrollment):
    period: Text
    module: Text = ""
    hours_planned: Hours
    hours_attended: Hours
    method: Literal["online", "in_person", "hybrid"] | None = None
    verified: bool = False


class TrainingCompleted(_AboutEnrollment):
    """`attendance_pct`: hours attended of hours planned, online and in person alike."""

    hours: Hours | None = None
    attendance_pct: Percent
    module_results: dict[str, JsonValue] = {}


class TrainingSuspended(_AboutEnrollment):
    reason: Text = ""


class CreditRecognized(EventData):
    modules: Annotated[tuple[Text, ...], Field(min_length=1)]
    source_credential: Text = ""
    expires: date | None = None


class _AboutBooking(EventData):
    booking_ref: Ref | None = None
    component: Component
    attempt: Annotated[int, Field(ge=1, le=99)] | None = None


class AssessmentScheduled(_AboutBooking):
    at: datetime | None = None


class AssessmentAbsent(_AboutBooking):
    excused: bool
    reason: Text = ""


class AssessmentVoided(_AboutBooking):
    reason: Text = ""


class AssessmentResult(_AboutBooking):
    """Marks of one component; `raw` of `max` points, passed by the policy's pass mark."""

    max: Annotated[float, Field(gt=0, le=100_000)] = 100
    raw: Annotated[float, Field(ge=0, le=100_000)]
    pass_mark: Annotated[float, Field(ge=0, le=100_000)] | None = None
    outcome: Literal["pass", "fail"] | None = None
    assessor: Text | None = None
    standard_version: Text = ""
    sat_at: date | datetime | None = None

    @field_validator("raw")
    @classmethod
    def _raw_within_max(cls, raw: float, before: ValidationInfo) -> float:
        most = before.data.get("max", raw)
        if raw > most:
            raise ValueError(f"raw {raw:g} is over max {most:g}")
        return raw

    @property
    def mark(self) -> float:
        """The mark on the scale of 0 to 100."""
        return self.raw / self.max * 100


class AppealDecided(EventData):
    result_ref: Ref
    outcome: Text


class CertificateIssued(EventData):
    number: Text
    level: Text | None = None
    scope: Text = ""
    issued_on: date | None = None
    verify_url: Text | None = None


class CertificateRevoked(EventData):
    number: Text | None = None
    reason: Text = ""


class _AboutReferral(EventData):
    referral_ref: Ref | None = None
    vacancy_ref: Ref | None = None


class ReferralAccepted(_AboutReferral):
    reason: Text = ""


class ReferralDeclined(_AboutReferral):
    reason: Text = ""


class OfferMade(_AboutReferral):
    terms: JsonValue = None


class OfferDeclined(_AboutReferral):
    reason: Text = ""


class _AboutEmployment(EventData):
    referral_ref: Ref | None = None
    employer: Text | None = None
    date: Day | None = None


class EmploymentStarted(_AboutEmployment):
    type: Text = ""
    contract_months: Annotated[int, Field(ge=0, le=600)] | None = None
    wage: Annotated[float, Field(ge=0)] | None = None


class EmploymentEnded(_AboutEmployment):
    reason: Text = ""


class EmploymentRetained(_AboutEmployment):
    """The trainee still works there. `month` names the follow-up (1, 3, 6), where given."""

    month: Annotated[int, Field(ge=0, le=60)] | None = None


class PromotionConfirmed(EventData):
    old_level: Text | None = None
    new_level: Text | None = None
    wage_before: Annotated[float, Field(ge=0)] | None = None
    wage_after: Annotated[float, Field(ge=0)] | None = None
    effective: date | None = None


class ApprenticeshipSigned(EventData):
    contract_ref: Ref
    start: date
    end: date
    mentors: tuple[Text, ...] = ()
    wage: Annotated[float, Field(ge=0)] | None = None


class ApprenticeshipEnded(EventData):
    contract_ref: Ref
    reason: Text = ""


class BusinessRegistered(EventData):
    registration_ref: Ref
    date: Day | None = None


class ClaimDecided(EventData):
    claim_ref: Ref
    outcome: Text
    amount: Annotated[float, Field(ge=0)] | None = None
    reason: Text = ""


DATA_OF: dict[EventType, type[EventData]] = {
    EventType.ELIGIBILITY_DECIDED: EligibilityDecided,
    EventType.ENROLLMENT_CONFIRMED: EnrollmentConfirmed,
    EventType.ENROLLMENT_WAITLISTED: EnrollmentWaitlisted,
    EventType.ENROLLMENT_REJECTED: EnrollmentRejected,
    EventType.ENROLLMENT_CANCELED: EnrollmentCanceled,
    EventType.ATTENDANCE_SUMMARY: AttendanceSummary,
    EventType.TRAINING_COMPLETED: TrainingCompleted,
    EventType.TRAINING_SUSPENDED: TrainingSuspended,
    EventType.CREDIT_RECOGNIZED: CreditRecognized,
    EventType.APPRENTICESHIP_SIGNED: ApprenticeshipSigned,
    EventType.APPRENTICESHIP_ENDED: ApprenticeshipEnded,
    EventType.ASSESSMENT_SCHEDULED: AssessmentScheduled,
    EventType.ASSESSMENT_ABSENT: AssessmentAbsent,
    EventType.ASSESSMENT_VOIDED: AssessmentVoided,
    EventType.ASSESSMENT_RESULT: AssessmentResult,
    EventType.APPEAL_DECIDED: AppealDecided,
    EventType.CERTIFICATE_ISSUED: CertificateIssued,
    EventType.CERTIFICATE_REVOKED: CertificateRevoked,
    EventType.REFERRAL_ACCEPTED: ReferralAccepted,
    EventType.REFERRAL_DECLINED: ReferralDeclined,
    EventType.OFFER_MADE: OfferMade,
    EventType.OFFER_DECLINED: OfferDeclined,
    EventType.EMPLOYMENT_STARTED: EmploymentStarted,
    EventType.EMPLOYMENT_ENDED: EmploymentEnded,
    EventType.EMPLOYMENT_RETAINED: EmploymentRetained,
    EventType.PROMOTION_CONFIRMED: PromotionConfirmed,
    EventType.BUSINESS_REGISTERED: BusinessRegistered,
    EventType.CLAIM_DECIDED: ClaimDecided,
}
"""The shape of each type's data; the JSON Schemas that we publish come from here."""


class Delivery(Word):
    """An event as the relay hands it to a journey.

    `receipt` is our number for it; `event_id` and `source` are the sender's; `about` is the shared
    reference that it came under, None where its subject was the journey itself. `data` has been
    checked against the type's schema at the door, and is checked again where it is read.
    """

    receipt: Ref
    source: Ref
    event_id: Ref
    partner: Ref
    type: str
    about: Ref | None = None
    data: dict[str, JsonValue] = {}
