"""Keys at the door: rotated, revoked, spoilt, and noted when they are used."""

import asyncio
import base64
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.datastructures import Headers

from api.app import create_app
from api.dependencies import ApiDependencies, Limits
from api.signatures import signature_headers, signer
from store.partner_keys import key_of_secret, revoke_key, rotate_keys
from store.partner_tables import partner_keys
from store.registry import PartnerKey, save_partners
from tests.api.conftest import client_of
from tests.api.partners import PARTNERS, SECRETS, an_event, as_body, signed
from tests.vault import VAULT

EVENTS = "/v1/events"
PROVIDER = "provider-sz-01"
SECRET = SECRETS[PROVIDER][0]
FOREIGN = "whsec_" + base64.b64encode(b"a key that nobody gave out").decode()


async def test_revoked_and_expired_keys_are_refused_and_the_others_taken(
    deps: ApiDependencies, engine: AsyncEngine
) -> None:
    now = datetime.now(UTC)
    async with engine.begin() as connection:
        made, (old,) = await rotate_keys(
            connection, VAULT, PROVIDER, timedelta(hours=1), by="staff-1", now=now
        )
    for moment, revoked, taken in (
        (now, None, (True, True)),
        (now + timedelta(minutes=61), None, (False, True)),
        (now, old, (False, True)),
        (now, made.key_id, (False, False)),
    ):
        if revoked is not None:
            async with engine.begin() as connection:
                await revoke_key(connection, PROVIDER, revoked, now)
        app = create_app(replace(deps, clock=lambda moment=moment: moment))
        async with client_of(app) as client:
            for secret, expected in zip((SECRET, made.secret), taken, strict=True):
                body = as_body(an_event())
                headers = signed(body, secret=secret, at=moment.timestamp())
                answer = await client.post(EVENTS, content=body, headers=headers)
                assert answer.status_code == (202 if expected else 401)


async def test_a_stored_key_that_can_not_be_opened_stops_neither_the_others_nor_us(
    stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    async with engine.begin() as connection:
        await save_partners(connection, VAULT, PARTNERS, {PROVIDER: [SECRET, FOREIGN]})
        spoilt = select(partner_keys.c.key_id).where(partner_keys.c.partner_id == PROVIDER)
        first = (await connection.scalars(spoilt.order_by(partner_keys.c.key_id))).first()
        await connection.execute(
            text("UPDATE partner_keys SET sealed = 'junk' WHERE key_id = :id"), {"id": first}
        )
    answers = []
    for secret in (SECRET, FOREIGN):
        body = as_body(an_event())
        answer = await stranger.post(EVENTS, content=body, headers=signed(body, secret=secret))
        answers.append(answer.status_code)

    assert sorted(answers) == [202, 401]


async def test_the_registry_learns_when_a_key_was_last_used(
    stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    for _ in range(3):
        body = as_body(an_event())
        await stranger.post(EVENTS, content=body, headers=signed(body))

    async with engine.connect() as connection:
        used = (
            await connection.execute(select(partner_keys.c.partner_id, partner_keys.c.last_used_at))
        ).all()
    assert {row.partner_id for row in used if row.last_used_at is not None} == {PROVIDER}


async def test_keys_are_rotated_under_load_and_none_is_refused(
    deps: ApiDependencies, engine: AsyncEngine
) -> None:
    app = create_app(replace(deps, limits=Limits(partner_kept=timedelta(hours=1))))
    secret = SECRET
    statuses: list[int] = []
    rotated = asyncio.Event()

    async def send_on() -> None:
        async with client_of(app) as client:
            while not rotated.is_set():
                body = as_body(an_event())
                headers = signed(body, secret=secret)
                await asyncio.sleep(0.002)
                statuses.append(
                    (await client.post(EVENTS, content=body, headers=headers)).status_code
                )

    async def until_sent(count: int) -> None:
        while len(statuses) < count:  # noqa: ASYNC110 - senders only count
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as senders:
        for _ in range(4):
            senders.create_task(send_on())
        for rotation in range(4):
            await until_sent(10 * (rotation + 1))
            async with engine.begin() as connection:
                made, _ = await rotate_keys(
                    connection,
                    VAULT,
                    PROVIDER,
                    timedelta(hours=1),
                    by="staff-1",
                    now=datetime.now(UTC),
                )
            secret = made.secret
        await until_sent(50)
        rotated.set()

    assert set(statuses) == {202}


def test_all_keys_are_tried_whichever_signed() -> None:
    body = b"{}"
    given = signature_headers(Headers(signed(body)))
    others = [
        PartnerKey(f"pk-{number}", hashlib.sha256(b"%d" % number).digest()) for number in range(4)
    ]
    for place in range(5):
        keys = [*others[:place], PartnerKey("good", key_of_secret(SECRET)), *others[place:]]
        found = signer(given, body, keys)
        assert found is not None
        assert found.key_id == "good"
    assert signer(given, body, others) is None
    assert signer(given, body, []) is None
