"""Persons: shown masked, found by number, revealed for a purpose; erased in `api.erasures`.

A person exists for a caller where she has or had a journey whose home lies in the caller's region.
An identity number never stands in an address, so a search is a POST.
"""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from api.bodies import JsonObject, parse
from api.database import transaction
from api.dependencies import Deps, Reader, Staff
from api.openapi import takes
from api.opening import IdNumber, PhoneNumber
from api.paths import NO_SUCH_PERSON, PersonRef
from api.problems import NotFound, PersonRuleForbids, documented
from api.tokens import Caller
from domain.commands import Role
from domain.masking import masked_id_number, masked_name, masked_phone, without_personal_numbers
from domain.model import Reason
from store.audit import AuditAction, AuditLine, append
from store.persons import (
    AskedErasure,
    Person,
    find_by_id_number,
    find_by_phone,
    find_person,
)

router = APIRouter(prefix="/v1/persons", tags=["caseworkers"])

NOT_ERASED = "person.not_erased"
"""Of an erased person nothing can be revealed."""

_NOT_KEPT = {"Cache-Control": "no-store"}

Purpose = Annotated[Reason, AfterValidator(without_personal_numbers)]
"""Why somebody looks at a person or erases her; personal numbers in it are withheld."""

Revealable = Literal["name", "id_number", "phone"]


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AskedSearch(_Asked):
    """Whom to look for: by identity number or by phone number, by one of the two."""

    id_number: IdNumber | None = None
    phone: PhoneNumber | None = None

    @model_validator(mode="after")
    def _by_one(self) -> "AskedSearch":
        if (self.id_number is None) == (self.phone is None):
            raise ValueError("give either id_number or phone")
        return self


class AskedReveal(_Asked):
    """What to show in plain, and what for; the purpose stands in the audit log."""

    fields: Annotated[tuple[Revealable, ...], Field(min_length=1, max_length=3)]
    purpose: Purpose


class PersonView(BaseModel):
    """A person as she is shown: name and numbers masked, null once she is erased.

    `groups` holds sensitive ones for caseworkers and supervisors only. `erasure` is one that waits
    for a second person.
    """

    person_ref: str
    name: str | None
    id_number: str | None
    phone: str | None
    groups: list[str]
    registered_at: datetime
    erased_at: datetime | None
    erasure: AskedErasure | None


class FoundPersons(BaseModel):
    """Who has this number, at most 50."""

    items: list[PersonView]


class RevealedPerson(BaseModel):
    """The fields that were asked for, in plain."""

    person_ref: str
    name: str | None = None
    id_number: str | None = None
    phone: str | None = None


@router.post(
    "/find",
    response_model=FoundPersons,
    responses=documented(400, 401, 403, 413, 415, 422, 503),
    summary="Look for persons of my region by identity or phone number",
    openapi_extra=takes(AskedSearch),
)
async def find(caller: Staff, body: JsonObject, deps: Deps, response: Response) -> FoundPersons:
    """Masked; the look-up stands in the audit log, without the number."""
    asked = parse(AskedSearch, body.content)
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        if asked.id_number is not None:
            by = "id_number"
            found = await find_by_id_number(connection, deps.vault, caller.region, asked.id_number)
        else:
            by = "phone"
            phone = asked.phone or ""
            found = await find_by_phone(connection, deps.vault, caller.region, phone)
        line = AuditLine(
            action=AuditAction.PERSON_LOOKED_UP,
            by=caller.actor,
            about="persons",
            detail={"by": by, "found": [person.person_ref for person in found]},
        )
        await append(connection, line)
    response.headers.update(_NOT_KEPT)
    return FoundPersons(items=[_shown(person, caller) for person in found])


@router.get(
    "/{person_ref}",
    response_model=PersonView,
    responses=documented(401, 403, 404, 422, 503),
    summary="One person, masked",
)
async def show_one(
    caller: Reader, person_ref: PersonRef, deps: Deps, response: Response
) -> PersonView:
    """Only where she has or had a journey in the caller's region."""
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        person = await find_person(connection, deps.vault, caller.region, person_ref)
    if person is None:
        raise NotFound(NO_SUCH_PERSON)
    response.headers.update(_NOT_KEPT)
    return _shown(person, caller)


@router.post(
    "/{person_ref}/reveal",
    response_model=RevealedPerson,
    response_model_exclude_none=True,
    responses=documented(400, 401, 403, 404, 409, 413, 415, 422, 503),
    summary="Show name or numbers in plain, for a purpose",
    openapi_extra=takes(AskedReveal),
)
async def reveal(
    caller: Staff, person_ref: PersonRef, body: JsonObject, deps: Deps, response: Response
) -> RevealedPerson:
    """Answered once its line in the audit log is committed; takes no Idempotency-Key, because an
    answer that is kept would be a plain copy."""
    asked = parse(AskedReveal, body.content)
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        person = await find_person(connection, deps.vault, caller.region, person_ref)
        if person is None:
            raise NotFound(NO_SUCH_PERSON)
        if person.details is None:
            raise PersonRuleForbids("she was erased", rule=NOT_ERASED)
        line = AuditLine(
            action=AuditAction.PERSON_REVEALED,
            by=caller.actor,
            about=person_ref,
            detail={"fields": sorted(set(asked.fields)), "purpose": asked.purpose},
        )
        await append(connection, line)
    response.headers.update(_NOT_KEPT)
    shown = {field: getattr(person.details, field) for field in asked.fields}
    return RevealedPerson(person_ref=person_ref, **shown)


def _shown(person: Person, caller: Caller) -> PersonView:
    sensitive = person.sensitive_groups if caller.role is not Role.AUDITOR else ()
    details = person.details
    return PersonView(
        person_ref=person.person_ref,
        name=masked_name(details.name) if details else None,
        id_number=masked_id_number(details.id_number) if details else None,
        phone=masked_phone(details.phone) if details else None,
        groups=[*person.groups, *sensitive],
        registered_at=person.registered_at,
        erased_at=person.erased_at,
        erasure=person.erasure,
    )
