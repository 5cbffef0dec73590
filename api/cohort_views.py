"""What is sent and shown of cohorts."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.cohort_rows import column_of
from api.csv_files import CSV
from api.opening import AskedJourney
from api.paging import LongPageQuery
from api.row_errors import ShownRowError
from domain.commands import Actor
from domain.model import Text
from store.cohorts import CohortState, CohortView, RowOutcome, RowView


class AskedCohort(BaseModel):
    """The JSON body of `POST /v1/cohorts`: each row is the body of a `POST /v1/journeys`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(max_length=100)] = ""
    rows: Annotated[tuple[AskedJourney, ...], Field(min_length=1)]


class CancelCohort(BaseModel):
    """The body of `POST /v1/cohorts/{id}/cancel`: why, for the audit log."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Text = ""


class RowsQuery(LongPageQuery):
    """What the list of rows can be narrowed to."""

    outcome: RowOutcome | None = None


class CohortLinks(BaseModel):
    """Where to look next."""

    self: str
    rows: str
    refused: str


class Cohort(BaseModel):
    """A cohort: how far it has come, and its counts, of which `rows` is the sum."""

    id: str
    name: str
    region: str
    state: CohortState
    rows: int
    waiting: int
    opened: int
    refused: int
    canceled: int
    received_by: Actor
    received_at: datetime
    begun_at: datetime | None
    done_at: datetime | None
    links: CohortLinks


class Cohorts(BaseModel):
    """A page of the list; `next_cursor` None at its end."""

    items: list[Cohort]
    next_cursor: str | None


class Row(BaseModel):
    """What became of a row; the header of a CSV file is line 1, in JSON the first row is."""

    line: int
    outcome: RowOutcome
    journey_id: str | None
    person_ref: str | None
    errors: list[ShownRowError]


class Rows(BaseModel):
    """A page of rows; `next_cursor` None at its end."""

    items: list[Row]
    next_cursor: str | None


def cohort_of(view: CohortView) -> Cohort:
    """The cohort as it is shown."""
    address = f"/v1/cohorts/{view.cohort_id}"
    return Cohort(
        id=view.cohort_id,
        state=view.state,
        links=CohortLinks(
            self=address, rows=f"{address}/rows", refused=f"{address}/rows?outcome=refused"
        ),
        **view.model_dump(exclude={"cohort_id", "form"}),
    )


def row_of(form: str, view: RowView) -> Row:
    """A row of a cohort that was sent in this media type, as it is shown."""
    errors = [
        ShownRowError(
            line=view.line,
            field=column_of(error.field) if form == CSV else error.field,
            rule=error.rule,
            message=error.message,
            value=error.value,
        )
        for error in view.errors
    ]
    return Row(**view.model_dump(exclude={"errors"}), errors=errors)
