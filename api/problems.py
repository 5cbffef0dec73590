"""What the interface refuses and how it says so: RFC 9457 problems, one class for each kind."""

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import BaseModel, Field, JsonValue

from api.timelines import TimelineLine
from domain.commands import CASE_CHANGED
from domain.stages import Stage, State

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2
"""What a caller is told to wait when something we depend on is away."""


class FieldError(BaseModel):
    """One thing wrong with a request: where, what was said there, and why it can't be.

    `value` is left out for personal data and for anything that is long; `rule` is given where a
    rule of ours forbids it, and not the form alone.
    """

    field: str
    message: str
    rule: str | None = None
    value: str | int | float | bool | None = None


class ProblemDetails(BaseModel):
    """An RFC 9457 problem.

    `code` is stable, `retryable` says whether the same request can succeed later, `instance` is the
    request's id. `rule`, `stage` and `state` come with a forbidden move, `errors` with invalid
    input, `journey_id` and `receipt` where another one stands in the way.
    """

    type: str
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    code: str
    retryable: bool
    instance: str
    rule: str | None = None
    stage: Stage | None = None
    state: State | None = None
    errors: list[FieldError] | None = None
    journey_id: str | None = None
    receipt: str | None = None
    changes: list[TimelineLine] | None = None
    current: dict[str, JsonValue] | None = None


class Problem(Exception):
    """A refusal that the caller is told about; `detail` never holds personal data."""

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        rule: str | None = None,
        stage: Stage | None = None,
        state: State | None = None,
        journey_id: str | None = None,
        receipt: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)
        self.rule = rule
        self.stage = stage
        self.state = state
        self.journey_id = journey_id
        self.receipt = receipt

    @property
    def headers(self) -> dict[str, str]:
        """The HTTP headers that go with it."""
        return {"Retry-After": str(RETRY_AFTER_SECONDS)} if self.retryable else {}

    def details(self, request_id: str) -> ProblemDetails:
        """The body that the caller reads."""
        return ProblemDetails(
            type=problem_type(self.code),
            title=self.title,
            status=self.status,
            detail=self.detail,
            code=self.code,
            retryable=self.retryable,
            instance=request_id,
            rule=self.rule,
            stage=self.stage,
            state=self.state,
            errors=self.errors or None,
            journey_id=self.journey_id,
            receipt=self.receipt,
        )


def problem_type(code: str) -> str:
    """The problem's `type`, a URI that stays the same for the same code."""
    return f"urn:journeyman:problem:{code}"


class MalformedBody(Problem):
    """The body is not JSON that we can keep."""

    status = 400
    code = "malformed_body"
    title = "The body can't be read"


class Unauthenticated(Problem):
    """No bearer token, or one that we don't accept."""

    status = 401
    code = "unauthenticated"
    title = "Who are you?"

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": 'Bearer realm="journeyman"'}


class NotGenuine(Problem):
    """An event without a signature of its source's key that is fresh."""

    status = 401
    code = "signature_refused"
    title = "The signature is missing or not valid"

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "StandardWebhooks"}


class RoleNotPermitted(Problem):
    """The caller is known, but her role may not do this."""

    status = 403
    code = "role_not_permitted"
    title = "Your role may not do this"


class OutsideRegion(Problem):
    """A journey can be opened only for a home in the caller's region."""

    status = 403
    code = "outside_region"
    title = "Outside your region"


class TypeNotPermitted(Problem):
    """A partner of this kind does not send events of this type."""

    status = 403
    code = "event_type_not_permitted"
    title = "This partner may not send this type of event"


class NotFound(Problem):
    """There is no such thing, or none that the caller may know of: the same words for both."""

    status = 404
    code = "not_found"
    title = "Not found"


class CommandForbidden(Problem):
    """The journey refused a command; `rule` says by which rule."""

    status = 409
    code = "command_refused"
    title = "The journey's state forbids this"


class CaseChanged(Problem):
    """The journey went on since the caller looked: rule `case.changed`.

    Args:
        sequence: the line that the journey is at now.
        changes: its timeline since, oldest first.
    """

    status = 412
    code = "case_changed"
    title = "The case has changed since you looked"

    def __init__(self, detail: str, *, sequence: int, changes: list[TimelineLine]) -> None:
        super().__init__(detail, rule=CASE_CHANGED)
        self._sequence = sequence
        self._changes = changes

    @property
    def headers(self) -> dict[str, str]:
        return {"ETag": f'"{self._sequence}"'}

    def details(self, request_id: str) -> ProblemDetails:
        return super().details(request_id).model_copy(update={"changes": self._changes})


class PartnerChanged(Problem):
    """The partner was changed since the caller looked.

    Args:
        revision: the number of its last change.
        current: the partner as it is now.
    """

    status = 412
    code = "partner_changed"
    title = "The partner has changed since you looked"

    def __init__(self, detail: str, *, revision: int, current: dict[str, JsonValue]) -> None:
        super().__init__(detail)
        self._revision = revision
        self._current = current

    @property
    def headers(self) -> dict[str, str]:
        return {"ETag": f'"{self._revision}"'}

    def details(self, request_id: str) -> ProblemDetails:
        return super().details(request_id).model_copy(update={"current": self._current})


class PartnerRuleForbids(Problem):
    """A partner or its keys can't be changed like this; `rule` says by which rule."""

    status = 409
    code = "partner_refused"
    title = "The partner registry's rules forbid this"


class QuarantineForbids(Problem):
    """An event can't be released or rejected like this; `rule` says by which rule."""

    status = 409
    code = "quarantine_refused"
    title = "The event can't be released or rejected like this"


class PersonRuleForbids(Problem):
    """Personal data can't be shown or erased like this; `rule` says by which rule."""

    status = 409
    code = "person_refused"
    title = "The rules for personal data forbid this"


class SecondPersonMissing(Problem):
    """The same person asked before, and it takes another one to do it."""

    status = 409
    code = "second_person_needed"
    title = "A second person is needed"


class JourneyAlreadyOpen(Problem):
    """Rule `opening.one_open_journey`; `journey_id` is the first one."""

    status = 409
    code = "journey_already_open"
    title = "A journey is already open"


class EventIdReused(Problem):
    """The same source and id came before with another body (`domain.md`, rule 2 of events)."""

    status = 409
    code = "event_id_reused"
    title = "This event id was used with another body"


class StillInFlight(Problem):
    """The first request under this Idempotency-Key is still being answered."""

    status = 409
    code = "request_in_flight"
    title = "The first request under this key is still being answered"
    retryable = True


class AddressTooLong(Problem):
    """The path and query are over the limit, or hold too many parameters."""

    status = 414
    code = "address_too_long"
    title = "The address is too long"


class BodyTooSlow(Problem):
    """The body did not come in time; the connection is closed."""

    status = 408
    code = "body_too_slow"
    title = "The body came too slowly"
    retryable = True

    @property
    def headers(self) -> dict[str, str]:
        return {**super().headers, "Connection": "close"}


class BodyTooLarge(Problem):
    """The body is over the limit; nothing of it was read further, and the connection is closed."""

    status = 413
    code = "body_too_large"
    title = "The body is too large"

    @property
    def headers(self) -> dict[str, str]:
        return {"Connection": "close"}


class UnsupportedMedia(Problem):
    """The body is of a media type that this call does not take."""

    status = 415
    code = "unsupported_media_type"
    title = "This media type is not taken here"


class Unprocessable(Problem):
    """The body can be read, but names things that don't exist or can't be; see `errors`."""

    status = 422
    code = "invalid_request"
    title = "The request is not valid"


class PathwayNotOffered(Problem):
    """The pathway exists, but no journey can be opened on it yet."""

    status = 422
    code = "pathway_not_offered"
    title = "This pathway is not offered yet"


class IdempotencyKeyReused(Problem):
    """The Idempotency-Key was used with another body."""

    status = 422
    code = "idempotency_key_reused"
    title = "This Idempotency-Key was used with another body"


class TooManyRequests(Problem):
    """The caller, or her address, asked more often than she may; nothing was done.

    Args:
        detail: whose limit it is.
        wait: seconds after which the same request can succeed.
    """

    status = 429
    code = "too_many_requests"
    title = "Too many requests"
    retryable = True

    def __init__(self, detail: str, *, wait: float) -> None:
        super().__init__(detail)
        self._wait = wait

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(max(1, math.ceil(self._wait)))}


class Unavailable(Problem):
    """Something that we depend on is away; nothing was changed or acknowledged."""

    status = 503
    code = "unavailable"
    title = "Not available at the moment"
    retryable = True


class NotStartedYet(Problem):
    """The journey is accepted, but its workflow has not started; commands wait for it."""

    status = 503
    code = "journey_not_started"
    title = "The journey has not started yet"
    retryable = True


def documented(*statuses: int) -> dict[int | str, dict[str, object]]:
    """The OpenAPI responses of a route that answers with these problems.

    414 is always among them, 429 wherever 401 is: whoever has to say who she is can ask too often.
    408 is wherever 413 is: a body can be too slow as well as too large.
    """
    titles = {
        400: "The body can't be read",
        401: "No token or signature, or none that is accepted",
        403: "Known, but not permitted",
        404: "Not there, or not yours to see",
        408: "The body came too slowly; the connection is closed",
        409: "The state forbids it",
        412: "It has changed since you looked; `changes` tells how, or `current` what it is now",
        413: "The body is too large; the connection is closed",
        414: "The address is too long, or has too many parameters",
        415: "Not a media type that is taken here",
        422: "Not valid; `errors` says what and where",
        429: "Too often; ask again after Retry-After seconds",
        500: "A fault of ours",
        503: "Something we depend on is away; ask again after Retry-After seconds",
    }
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {
        status: {"description": titles[status], "content": content}
        for status in sorted(
            {
                *statuses,
                *((429,) if 401 in statuses else ()),
                *((408,) if 413 in statuses else ()),
                414,
                500,
            }
        )
    }
