"""Events in quarantine as supervisors see them, and what they say about them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, JsonValue

from api.paging import PageQuery
from domain.journal import KeptBack
from domain.masking import without_personal_numbers
from domain.model import Reason, Ref
from domain.moments import Moment

Why = Annotated[Reason, AfterValidator(without_personal_numbers)]
"""Why an event is released or rejected; personal numbers in it are withheld."""


class AskedRelease(BaseModel):
    """Why an event goes back on its way, and what of it is corrected.

    `subject` takes the place of a wrong one; `data`, whole, of data that does not fit its schema.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Why
    subject: Ref | None = None
    data: dict[str, JsonValue] | None = None


class AskedRejection(BaseModel):
    """Why an event is rejected for good; its sender reads it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Why


class AskedWithdrawal(BaseModel):
    """Why a release that waits for a second person is not wanted, or not agreed to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Why


class Awaited(BaseModel):
    """A release that waits for a second person: who asked for it, when, why, what she corrects."""

    by: str
    at: datetime
    reason: str
    subject: str | None
    data_corrected: bool


class KeptEvent(BaseModel):
    """An event in quarantine: who sent what about what, when, why it is here, and since when.

    `detail` says in words what is wrong, for `schema` field by field. `awaits` where a second
    person is awaited.
    """

    receipt: str
    source: str
    event_id: str
    partner: str
    type: str
    subject: str
    journey_id: str | None
    received_at: datetime
    since: datetime
    reason: KeptBack
    detail: str
    awaits: Awaited | None


class KeptEventWithData(KeptEvent):
    """The same with what the event says, personal numbers withheld; None once that is erased."""

    data: JsonValue


class KeptEvents(BaseModel):
    """A page, those longest in quarantine first; `next_cursor` None at its end."""

    items: list[KeptEvent]
    next_cursor: str | None


class KeptQuery(PageQuery):
    """What the list can be narrowed to; `older_than` leaves out what came here later."""

    reason: KeptBack | None = None
    partner: Ref | None = None
    type: Ref | None = None
    older_than: Moment | None = None


Step = Literal["received", "rejected", "awaiting_second_person", "withdrawn"]


class Decided(BaseModel):
    """What was decided, that it waits for a second person (202), or that this was withdrawn."""

    receipt: str
    status: Step
    journey_id: str | None
    by: str
    at: datetime
