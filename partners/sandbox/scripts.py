"""What the sandbox can be told to do: by service, by partner, by trainee."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from domain.events import EventType, Percent
from domain.model import Reason, Ref, Text, Word
from domain.plan import Component

Milliseconds = Annotated[int, Field(ge=0, le=600_000)]
Times = Annotated[int, Field(ge=1, le=1000)]
Ordinal = Annotated[int, Field(ge=1, le=99)]

EnrollmentAnswer = Literal[
    "confirmed", "rejected", "waitlisted", "waitlisted_then_confirmed", "canceled", "silent"
]
ReferralAnswer = Literal["accepted", "declined", "offer_declined", "ended", "silent"]

USUAL_ATTENDANCE = 92.0
USUAL_MARK = 78.0


class Refuse(Word):
    """A refusal: the problem's code and sentence, answered with status 422."""

    code: Reason
    detail: Text = ""


class ServiceControl(Word):
    """How a whole service behaves.

    `delay_ms` before each answer. `refuse` each request. `down`: 503, nothing is done. `hang`: the
    request is carried out, and the answer does not come until this is taken back. `garbage`: the
    request is carried out, and the answer is not JSON.
    """

    delay_ms: Milliseconds = 0
    refuse: Refuse | None = None
    down: bool = False
    hang: bool = False
    garbage: bool = False


class PartnerControl(Word):
    """How one partner behaves.

    `silent`: what it would report while this holds is withheld for good. `refuses` each request.
    `rejects`: its answer is `enrollment.rejected`, or `referral.declined`. `waitlists`: its answer
    is `enrollment.waitlisted`. `down`: 503. `no_vacancies`: it lists none.
    """

    silent: bool = False
    refuses: Refuse | None = None
    rejects: bool = False
    waitlists: bool = False
    down: bool = False
    no_vacancies: bool = False


class Absence(Word):
    """The trainee does not come to the `sitting`th sitting of the journey (from 1).

    `component` None means all of them.
    """

    sitting: Ordinal
    component: Component | None = None
    excused: bool = False
    reason: Text = "did not appear"


class Voiding(Word):
    """The center cancels a component (None: all) of the `sitting`th sitting (from 1)."""

    sitting: Ordinal
    component: Component | None = None
    reason: Text = "power failure at the test site"


class TraineeScript(Word):
    """What happens to one trainee; what is left out goes well.

    `enrollments` and `referrals` are answers by ordinal within a journey, whoever is asked; past
    their end all goes well. `referrals`: `ended` is a start of work that ends before the follow-up
    of month `ended_before_month`. `attendance_pct` is one percentage for every training, or a list
    by ordinal. `marks` by attempt, each a map of component → mark of 100; what is missing is
    passed. `promotion`: after the certificate, `employer` confirms one. `repeat`: how often each
    event is sent under its one id, or a map of event type → how often. `reorder`: what follows one
    request is sent in a shuffled order. `delay_ms` is added before each request's first event.
    `silent_from`: no event of this type, nor of any type later in the pipeline, is sent.
    """

    eligibility: Literal["eligible", "ineligible"] = "eligible"
    enrollments: tuple[EnrollmentAnswer, ...] = ()
    attendance_pct: Percent | tuple[Percent, ...] = USUAL_ATTENDANCE
    marks: tuple[dict[Component, Percent], ...] = ()
    absent: tuple[Absence, ...] = ()
    voided: tuple[Voiding, ...] = ()
    certificate_silent: bool = False
    referrals: tuple[ReferralAnswer, ...] = ()
    ended_before_month: Literal[1, 3, 6] = 3
    retained_silent: bool = False
    promotion: bool = False
    employer: Ref | None = None
    repeat: Times | dict[EventType, Times] = 1
    reorder: bool = False
    delay_ms: Milliseconds = 0
    silent_from: EventType | None = None

    @model_validator(mode="after")
    def _somebody_promotes(self) -> "TraineeScript":
        if self.promotion and self.employer is None:
            raise ValueError("promotion needs `employer`: the partner id of who confirms it")
        return self

    def enrollment_answer(self, ordinal: int) -> EnrollmentAnswer:
        """The answer to the journey's `ordinal`th request for a seat (from 1)."""
        return self.enrollments[ordinal - 1] if ordinal <= len(self.enrollments) else "confirmed"

    def referral_answer(self, ordinal: int) -> ReferralAnswer:
        """The answer to the journey's `ordinal`th referral (from 1)."""
        return self.referrals[ordinal - 1] if ordinal <= len(self.referrals) else "accepted"

    def attendance(self, ordinal: int) -> float:
        """Attendance in percent of the `ordinal`th training (from 1)."""
        if not isinstance(self.attendance_pct, tuple):
            return self.attendance_pct
        listed = self.attendance_pct
        return listed[ordinal - 1] if ordinal <= len(listed) else USUAL_ATTENDANCE

    def mark(self, attempt: int, component: Component) -> float:
        """The mark of a component at the `attempt`th attempt (from 1)."""
        listed = self.marks[attempt - 1] if attempt <= len(self.marks) else {}
        return listed.get(component, USUAL_MARK)

    def copies(self, kind: EventType) -> int:
        """How often an event of this type is sent."""
        return self.repeat.get(kind, 1) if isinstance(self.repeat, dict) else self.repeat

    def withholds(self, kind: EventType) -> bool:
        """Whether the trainee's partners have gone silent before this type."""
        if self.silent_from is None:
            return False
        order = list(EventType)
        return order.index(kind) >= order.index(self.silent_from)
