"""What is asked and told of partners over HTTP."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from api.paging import PageQuery
from domain.levels import SkillLevel
from domain.model import Reason
from domain.senders import SenderKind
from store.partner_keys import KeyLine
from store.partner_views import PartnerView
from store.pauses import Held
from store.registry import Authorization

PARTNER_ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}"
LONGEST_SOURCE = 120
"""Characters, as an event may name it."""
LONGEST_OVERLAP = 30 * 24 * 3600
DEFAULT_OVERLAP = 24 * 3600
"""Seconds for which the old keys stay good after a rotation."""

PartnerIdText = Annotated[str, StringConstraints(pattern=f"^{PARTNER_ID}$")]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True),
    Field(examples=["深圳市职业技能考评中心", "Shenzhen Skills Assessment Center"]),
]
Organization = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,120}$")]
Region = Annotated[str, StringConstraints(pattern=r"^([0-9]{2}|[0-9]{4}|[0-9]{6})?$")]
ServiceUrl = Annotated[str, StringConstraints(max_length=500)]
Source = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]+$", max_length=LONGEST_SOURCE)]
PerSecond = Annotated[float, Field(ge=0.001, le=100_000, allow_inf_nan=False, strict=True)]
Moment = Annotated[date, Field(ge=date(1990, 1, 1), le=date(2200, 1, 1))]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AskedAuthorization(_Asked):
    """Leave to assess an occupation of the catalog at these levels, both days included."""

    occupation: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    levels: Annotated[tuple[SkillLevel, ...], Field(min_length=1, max_length=len(SkillLevel))]
    valid_from: Moment | None = None
    valid_to: Moment | None = None

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> "AskedAuthorization":
        if self.valid_from and self.valid_to and self.valid_from > self.valid_to:
            raise ValueError("valid_from must not be after valid_to")
        return self

    def authorization(self) -> Authorization:
        """The same as the registry keeps it."""
        return Authorization.model_validate(self.model_dump())


Authorizations = Annotated[tuple[AskedAuthorization, ...], Field(max_length=1000)]


class PartnersQuery(PageQuery):
    """Partners of one kind, of a region and what lies in it, paused or not."""

    kind: SenderKind | None = None
    region: Region = ""
    paused: bool | None = None


class AskedPartner(_Asked):
    """A new partner. `source` is what it sends events under, `/partners/<id>` where not given."""

    id: PartnerIdText
    organization: Organization
    kind: SenderKind
    name: Name
    region: Region = ""
    service_url: ServiceUrl = ""
    source: Source | None = None
    authorizations: Authorizations = ()
    events_per_second: PerSecond | None = None

    @model_validator(mode="after")
    def _has_a_source_that_fits(self) -> "AskedPartner":
        if len(self.sends_under) > LONGEST_SOURCE:
            raise ValueError(f"give a `source`: /partners/<id> is over {LONGEST_SOURCE} characters")
        return self

    @property
    def sends_under(self) -> str:
        """The source, given or by default."""
        return self.source or f"/partners/{self.id}"


class AskedChange(_Asked):
    """What is to change of a partner; what is not named stays as it is."""

    organization: Organization | None = None
    name: Name | None = None
    region: Region | None = None
    service_url: ServiceUrl | None = None
    source: Source | None = None
    authorizations: Authorizations | None = None
    events_per_second: PerSecond | None = None

    def given(self) -> dict[str, Any]:
        """The fields that were named; null takes a limit away, and is no value for another."""
        return self.model_dump(exclude_unset=True)


class AskedNothing(_Asked):
    """Nothing needs to be said."""


class AskedPause(_Asked):
    """Why a partner is paused, or goes on."""

    reason: Reason


class AskedRevocation(_Asked):
    """Why a key is revoked."""

    reason: Reason


class AskedRotation(_Asked):
    """For how many seconds the old keys stay good beside the new one: 0 to 30 days."""

    overlap_seconds: Annotated[int, Field(ge=0, le=LONGEST_OVERLAP, strict=True)] = DEFAULT_OVERLAP


class Pause(BaseModel):
    """Since when a partner is paused, by whom and why."""

    at: datetime
    by: str
    reason: str


class Waiting(BaseModel):
    """What waits for a partner: held by a pause, or not carried out yet since it ended."""

    calls: int
    events: int


class PublicPartner(BaseModel):
    """What staff of its region may know of a partner."""

    id: str
    organization: str
    kind: SenderKind
    name: str
    region: str
    authorizations: tuple[Authorization, ...]
    is_paused: bool


class Partner(PublicPartner):
    """A partner as operators see it. `source` is what it sends its events under."""

    service_url: str
    source: str
    events_per_second: float | None
    pause: Pause | None
    updated_at: datetime


class PartnerInFull(Partner):
    """The same, with what waits for it: progress of a drain after it was resumed."""

    held: Waiting


class Partners(BaseModel):
    """A page of partners, by id."""

    items: list[Partner]
    next_cursor: str | None


class Key(BaseModel):
    """A key, without its secret. It is good while its state is `usable`."""

    id: str
    state: Literal["usable", "expired", "revoked"]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class Keys(BaseModel):
    """Every key that a partner has had, newest first."""

    items: list[Key]


class NewKey(BaseModel):
    """A new key. Its secret is told this once; null where the same request is answered again."""

    id: str
    created_at: datetime
    secret: str | None
    ending: list[str] = Field(description="The keys that a rotation gave an end")
    note: str


def public_of(view: PartnerView) -> PublicPartner:
    """The public part of a partner."""
    return PublicPartner(
        **view.row.model_dump(include={"id", "organization", "kind", "name", "region"}),
        authorizations=view.row.authorizations,
        is_paused=view.row.paused_at is not None,
    )


def partner_shown(view: PartnerView) -> Partner:
    """A partner as operators see it."""
    row = view.row
    pause = None
    if row.paused_at is not None:
        pause = Pause(at=row.paused_at, by=view.paused_by or "", reason=view.pause_reason or "")
    return Partner(
        **public_of(view).model_dump(exclude={"authorizations"}),
        authorizations=row.authorizations,
        service_url=row.service_url,
        source=row.source,
        events_per_second=row.events_per_second,
        pause=pause,
        updated_at=view.updated_at,
    )


def in_full(view: PartnerView, held: Held) -> PartnerInFull:
    """A partner as operators see it, with what waits for it."""
    shown = partner_shown(view)
    return PartnerInFull(
        **shown.model_dump(exclude={"authorizations"}),
        authorizations=shown.authorizations,
        held=Waiting(calls=held.calls, events=held.events),
    )


def key_shown(line: KeyLine, now: datetime) -> Key:
    """What may be told of a key."""
    state: Literal["usable", "expired", "revoked"] = "usable"
    if line.revoked_at is not None:
        state = "revoked"
    elif line.expires_at is not None and line.expires_at <= now:
        state = "expired"
    return Key(id=line.key_id, state=state, **line.model_dump(exclude={"key_id"}))


ASKED_OF_PARTNERS = (
    AskedPartner,
    AskedChange,
    AskedPause,
    AskedNothing,
    AskedRevocation,
    AskedRotation,
)
"""The bodies that the document has to describe."""
