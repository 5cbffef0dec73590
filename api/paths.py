"""Ids in paths and keys in headers, checked before anything is asked of the database."""

import re
from typing import Annotated

from fastapi import Depends, Header, Path
from pydantic import AfterValidator

from api.problems import NotFound

NO_SUCH_JOURNEY = "there is no such journey"
"""The same words for an id that does not exist and for a journey outside the caller's region."""

NO_SUCH_EVENT = "there is no such event"
"""The same words for an id that does not exist and for an event that is not the caller's."""

NO_SUCH_PERSON = "there is no such person"
"""The same words for a reference that does not exist and for a person of another region."""

NO_SUCH_COHORT = "there is no such cohort"
"""The same words for an id that does not exist and for a cohort of another region."""

NO_SUCH_PARTNER = "there is no such partner"
"""The same words for an id that does not exist and for a partner of another region."""

NO_SUCH_KEY = "there is no such key"

NO_SUCH_FILE = "there is no such file"
"""The same words for an id that does not exist and for another partner's file."""

NO_SUCH_MAPPING = "there is no such mapping"

_JOURNEY_ID = re.compile(r"jn_[0-9a-f]{32}")
_PERSON_REF = re.compile(r"pr_[0-9a-f]{32}")
_COHORT_ID = re.compile(r"co_[0-9a-f]{32}")
_RECEIPT = re.compile(r"rc_[0-9a-f]{32}")
_PARTNER_ID = re.compile(r"[\x21-\x7e]{1,120}")
_FILE_ID = re.compile(r"ef_[0-9a-f]{32}")
_MAPPING = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_KEY_ID = re.compile(r"pk_[0-9a-f]{32}")
_EVENT_ID = re.compile(r"[\x21-\x7e]{1,120}")


async def _journey_id(
    journey_id: Annotated[str, Path(description="The journey's id, `jn_` and 32 hex digits")],
) -> str:
    if not _JOURNEY_ID.fullmatch(journey_id):
        raise NotFound(NO_SUCH_JOURNEY)
    return journey_id


async def _person_ref(
    person_ref: Annotated[str, Path(description="The person's reference, `pr_` and 32 hex digits")],
) -> str:
    if not _PERSON_REF.fullmatch(person_ref):
        raise NotFound(NO_SUCH_PERSON)
    return person_ref


async def _event_id(
    event_id: Annotated[str, Path(description="Our receipt, or the sender's own event id")],
) -> str:
    if not _EVENT_ID.fullmatch(event_id):
        raise NotFound(NO_SUCH_EVENT)
    return event_id


async def _receipt_id(
    receipt: Annotated[str, Path(description="Our receipt, `rc_` and 32 hex digits")],
) -> str:
    if not _RECEIPT.fullmatch(receipt):
        raise NotFound(NO_SUCH_EVENT)
    return receipt


async def _cohort_id(
    cohort_id: Annotated[str, Path(description="The cohort's id, `co_` and 32 hex digits")],
) -> str:
    if not _COHORT_ID.fullmatch(cohort_id):
        raise NotFound(NO_SUCH_COHORT)
    return cohort_id


async def _partner_id(
    partner_id: Annotated[str, Path(description="The partner's id")],
) -> str:
    if not _PARTNER_ID.fullmatch(partner_id):
        raise NotFound(NO_SUCH_PARTNER)
    return partner_id


async def _key_id(
    key_id: Annotated[str, Path(description="The key's id, `pk_` and 32 hex digits")],
) -> str:
    if not _KEY_ID.fullmatch(key_id):
        raise NotFound(NO_SUCH_KEY)
    return key_id


async def _file_id(
    file_id: Annotated[str, Path(description="The file's id, `ef_` and 32 hex digits")],
) -> str:
    if not _FILE_ID.fullmatch(file_id):
        raise NotFound(NO_SUCH_FILE)
    return file_id


async def _mapping_name(
    name: Annotated[
        str, Path(description="The kind of file: up to 40 of a-z, 0-9, - and _, a letter first")
    ],
) -> str:
    if not _MAPPING.fullmatch(name):
        raise NotFound(NO_SUCH_MAPPING)
    return name


JourneyId = Annotated[str, Depends(_journey_id)]
CohortId = Annotated[str, Depends(_cohort_id)]
PersonRef = Annotated[str, Depends(_person_ref)]
ReceiptId = Annotated[str, Depends(_receipt_id)]
PartnerId = Annotated[str, Depends(_partner_id)]
KeyId = Annotated[str, Depends(_key_id)]
EventFileId = Annotated[str, Depends(_file_id)]
MappingName = Annotated[str, Depends(_mapping_name)]
EventId = Annotated[str, Depends(_event_id)]


def _unquoted(key: str | None) -> str | None:
    return key if key is None else key.removeprefix('"').removesuffix('"')


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=122,
        pattern=r'^([\x21\x23-\x7e]{1,120}|"[\x21\x23-\x7e]{1,120}")$',
        description=(
            "Up to 120 printable ASCII characters without a space, as in a UUID, plain or between "
            "double quotes as the IETF draft has it, which is the same key. The same key and "
            "request again get the same answer and have no new effect; kept for 7 days"
        ),
    ),
    AfterValidator(_unquoted),
]
