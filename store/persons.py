"""Persons: registered once, found by a keyed hash, read under a key of their own.

What a person's row holds in plain tells nobody who she is. `store.erasures` destroys her key.
"""

import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.catalog import Group
from domain.commands import Actor
from domain.model import Word
from domain.second_person import WAITS_FOR
from store.ids import new_id
from store.person_tables import erasures_asked, person_keys, persons
from store.tables import journeys
from store.vault import Vault, seal, unseal

FOUND_AT_MOST = 50
"""How many persons a look-up names; a phone number may be shared, though seldom so often."""

_LOOKS = 5
"""How often to look for a person whom somebody else registers or erases at the same moment."""


class PersonDetails(Word):
    """Who a trainee is. Personal data: sealed in `persons`, and kept nowhere else."""

    name: str
    id_number: str
    phone: str


class _Sealed(Word):
    details: PersonDetails
    sensitive_groups: tuple[str, ...]


class AskedErasure(Word):
    """An erasure that waits for a second person; `reason` is without personal numbers."""

    by: Actor
    at: datetime
    reason: str


class Person(Word):
    """A person as she is known; of an erased one nothing but when that was."""

    person_ref: str
    details: PersonDetails | None
    groups: tuple[str, ...]
    sensitive_groups: tuple[str, ...]
    registered_at: datetime
    erased_at: datetime | None
    erasure: AskedErasure | None


class UnknownPerson(Exception):
    """No person has this reference, or she was erased."""

    def __init__(self, person_ref: str) -> None:
        super().__init__(person_ref)
        self.person_ref = person_ref


def id_lookup(vault: Vault, id_number: str) -> bytes:
    """The keyed hash of an identity number, the same for every way to write it."""
    told = unicodedata.normalize("NFKC", id_number)
    return vault.lookup("id_number", "".join(told.split()).upper())


def phone_lookup(vault: Vault, phone: str) -> bytes:
    """The keyed hash of a phone number: by its digits, without the country's code 86."""
    digits = "".join(c for c in unicodedata.normalize("NFKC", phone) if c.isdecimal())
    national = digits.removeprefix("00").removeprefix("86")
    mobile = len(national) == 11 and national.startswith("1")
    return vault.lookup("phone", national if mobile else digits)


_REGISTER = text(
    """
    WITH registered AS (
        INSERT INTO persons (person_ref, sealed, id_lookup, phone_lookup, groups, registered_at)
        VALUES (:person_ref, :sealed, :id_lookup, :phone_lookup, :groups, :now)
        ON CONFLICT (id_lookup) DO NOTHING
        RETURNING person_ref
    ),
    keyed AS (
        INSERT INTO person_keys (person_ref, wrapped, made_at)
        SELECT person_ref, :wrapped, :now FROM registered
    )
    SELECT person_ref, NULL AS wrapped FROM registered
    UNION ALL
    SELECT person_ref, person_keys.wrapped
    FROM persons JOIN person_keys USING (person_ref) WHERE id_lookup = :id_lookup
    """
)
_UPDATE = (
    persons.update()
    .where(persons.c.person_ref == bindparam("known_as"), persons.c.erased_at.is_(None))
    .values({name: bindparam(name) for name in ("sealed", "phone_lookup", "groups")})
    .returning(persons.c.person_ref)
)


async def register(
    connection: AsyncConnection,
    vault: Vault,
    details: PersonDetails,
    groups: Iterable[str],
    now: datetime,
) -> str:
    """The reference of the person with this identity number, new or known; in one statement if new.

    A known one keeps her reference and her key; her name, phone number and groups become the given.
    Her row stays locked until the transaction ends, so that she is not erased meanwhile.
    """
    plain, sensitive = _parted(groups)
    content = _Sealed(details=details, sensitive_groups=sensitive)
    person_ref = new_id("pr")
    key, wrapped = await vault.new_person_key()
    line: dict[str, object] = {
        "phone_lookup": phone_lookup(vault, details.phone),
        "groups": plain,
        "id_lookup": id_lookup(vault, details.id_number),
        "now": now,
        "person_ref": person_ref,
        "wrapped": wrapped,
        "sealed": _seal(key, content, person_ref),
    }
    for _ in range(_LOOKS):
        found = (await connection.execute(_REGISTER, line)).first()
        if found is None:
            continue
        if found.wrapped is None:
            return person_ref
        known_as = str(found.person_ref)
        held = _seal(await vault.person_key(found.wrapped), content, known_as)
        changes = {"known_as": known_as, "sealed": held}
        if (await connection.execute(_UPDATE, _update_of(line) | changes)).first() is not None:
            return known_as
    raise RuntimeError("a person is neither new nor known")


def _update_of(line: dict[str, object]) -> dict[str, object]:
    return {name: line[name] for name in ("phone_lookup", "groups")}


_HOLD = (
    select(persons.c.person_ref)
    .where(persons.c.person_ref == bindparam("known_as"), persons.c.erased_at.is_(None))
    .with_for_update(read=True, key_share=True)
)
_HOLD_TO_CHANGE = (
    select(persons.c.sealed, persons.c.phone_lookup, person_keys.c.wrapped)
    .join(person_keys, person_keys.c.person_ref == persons.c.person_ref)
    .where(persons.c.person_ref == bindparam("known_as"), persons.c.erased_at.is_(None))
    .with_for_update(key_share=True, of=persons)
)


async def join_known(
    connection: AsyncConnection, vault: Vault, person_ref: str, groups: Iterable[str]
) -> None:
    """Hold a known person until the transaction ends, so that she is not erased meanwhile.

    Her groups become the given ones where any are given.

    Raises:
        UnknownPerson: there is none, or she was erased.
    """
    plain, sensitive = _parted(groups)
    if not plain and not sensitive:
        if (await connection.execute(_HOLD, {"known_as": person_ref})).first() is None:
            raise UnknownPerson(person_ref)
        return
    held = (await connection.execute(_HOLD_TO_CHANGE, {"known_as": person_ref})).first()
    if held is None:
        raise UnknownPerson(person_ref)
    key = await vault.person_key(held.wrapped)
    before = _unseal(key, held.sealed, person_ref)
    content = before.model_copy(update={"sensitive_groups": sensitive})
    await connection.execute(
        _UPDATE,
        {
            "known_as": person_ref,
            "sealed": _seal(key, content, person_ref),
            "phone_lookup": held.phone_lookup,
            "groups": plain,
        },
    )


_LATER = journeys.alias("later")
STILL_ASKED = and_(
    erasures_asked.c.at > func.now() - WAITS_FOR,
    ~exists().where(
        _LATER.c.person_ref == erasures_asked.c.person_ref,
        _LATER.c.opened_at > erasures_asked.c.at,
    ),
)
"""An erasure that was asked for still waits: not for too long, and she has not come back since."""
_PERSONS = (
    select(
        persons,
        person_keys.c.wrapped,
        erasures_asked.c.by_id,
        erasures_asked.c.by_role,
        erasures_asked.c.at,
        erasures_asked.c.reason,
    )
    .outerjoin(person_keys, person_keys.c.person_ref == persons.c.person_ref)
    .outerjoin(
        erasures_asked, and_(erasures_asked.c.person_ref == persons.c.person_ref, STILL_ASKED)
    )
    .where(
        exists().where(
            journeys.c.person_ref == persons.c.person_ref,
            func.starts_with(journeys.c.home_region, bindparam("region")),
        )
    )
)
_ONE = _PERSONS.where(persons.c.person_ref == bindparam("known_as"))
_KNOWN = select(
    exists().where(
        journeys.c.person_ref == bindparam("known_as"),
        func.starts_with(journeys.c.home_region, bindparam("region")),
    )
)
_BY_ID = _PERSONS.where(persons.c.id_lookup == bindparam("id_lookup"))
_BY_PHONE = (
    _PERSONS.where(persons.c.phone_lookup == bindparam("phone_lookup"))
    .order_by(persons.c.person_ref)
    .limit(FOUND_AT_MOST)
)


async def find_person(
    connection: AsyncConnection, vault: Vault, region: str, person_ref: str
) -> Person | None:
    """A person who has or had a journey whose home lies in `region`; None for any other."""
    row = (await connection.execute(_ONE, {"known_as": person_ref, "region": region})).one_or_none()
    return await _person(vault, row) if row is not None else None


async def is_of_region(connection: AsyncConnection, region: str, person_ref: str) -> bool:
    """Whether she has or had a journey whose home lies in `region`."""
    return bool(await connection.scalar(_KNOWN, {"known_as": person_ref, "region": region}))


async def find_by_id_number(
    connection: AsyncConnection, vault: Vault, region: str, id_number: str
) -> tuple[Person, ...]:
    """The person of the region with this identity number, if there is one."""
    wanted = {"id_lookup": id_lookup(vault, id_number), "region": region}
    rows = (await connection.execute(_BY_ID, wanted)).all()
    return tuple([await _person(vault, row) for row in rows])


async def find_by_phone(
    connection: AsyncConnection, vault: Vault, region: str, phone: str
) -> tuple[Person, ...]:
    """The persons of the region with this phone number, at most 50."""
    wanted = {"phone_lookup": phone_lookup(vault, phone), "region": region}
    rows = (await connection.execute(_BY_PHONE, wanted)).all()
    return tuple([await _person(vault, row) for row in rows])


async def _person(vault: Vault, row: Row[Any]) -> Person:
    content = None
    if row.wrapped is not None:
        content = _unseal(await vault.person_key(row.wrapped), row.sealed, row.person_ref)
    erasure = None
    if row.by_id is not None:
        by = Actor(id=row.by_id, role=row.by_role)
        erasure = AskedErasure(by=by, at=row.at, reason=row.reason)
    return Person(
        person_ref=row.person_ref,
        details=content.details if content else None,
        groups=row.groups,
        sensitive_groups=content.sensitive_groups if content else (),
        registered_at=row.registered_at,
        erased_at=row.erased_at,
        erasure=erasure,
    )


def _parted(groups: Iterable[str]) -> tuple[list[str], tuple[str, ...]]:
    """The groups that may stand in plain, and the sensitive ones."""
    given = [Group(group) for group in groups]
    plain = [group.value for group in given if not group.sensitive]
    return plain, tuple(group.value for group in given if group.sensitive)


def _seal(key: bytes, content: _Sealed, person_ref: str) -> bytes:
    return seal(key, content.model_dump_json().encode(), person_ref)


def _unseal(key: bytes, sealed: bytes, person_ref: str) -> _Sealed:
    return _Sealed.model_validate_json(unseal(key, sealed, person_ref))
