"""Promise 6: only genuine, fresh events; none of these is taken, and none is a fault of ours."""

import base64
import hmac
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app
from api.dependencies import ApiDependencies
from store.intake_tables import inbox
from store.partner_keys import key_of_secret
from tests.api.conftest import client_of
from tests.api.partners import SECRETS, an_event, as_body, signed

EVENTS = "/v1/events"
PROVIDER = "provider-sz-01"
SECRET = SECRETS[PROVIDER][0]
KEY = key_of_secret(SECRET)
FOREIGN = "whsec_" + base64.b64encode(b"a key that nobody gave out").decode()
MUTATIONS = 10_000

Raw = list[tuple[bytes, bytes]]
Forgery = Callable[[bytes], Raw]


async def kept(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return int((await connection.execute(select(func.count()).select_from(inbox))).scalar_one())


def raw(headers: dict[str, str]) -> Raw:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def at(seconds: float) -> Forgery:
    return lambda body: raw(signed(body, at=int(time.time()) + seconds))


def with_secret(secret: str) -> Forgery:
    return lambda body: raw(signed(body, secret=secret))


def bent(**change: str | bytes) -> Forgery:
    """A good request with other headers, named with _ for -."""

    def forge(body: bytes) -> Raw:
        headers: dict[str, str | bytes] = dict(signed(body))
        headers |= {name.replace("_", "-"): value for name, value in change.items()}
        return [
            (name.encode(), value if isinstance(value, bytes) else value.encode())
            for name, value in headers.items()
        ]

    return forge


def with_signature(change: Callable[[str], str]) -> Forgery:
    return lambda body: bent(webhook_signature=change(signed(body)["webhook-signature"]))(body)


def with_time(change: Callable[[int], str]) -> Forgery:
    """A time written in another way, and signed so."""

    def forge(body: bytes) -> Raw:
        written = change(int(time.time()))
        signature = _made(f"msg-1.{written}.".encode() + body)
        return bent(webhook_timestamp=written.encode(), webhook_signature=signature)(body)

    return forge


def with_id(message_id: str) -> Forgery:
    """An id that is none, and signed so."""

    def forge(body: bytes) -> Raw:
        now = str(int(time.time()))
        signature = _made(f"{message_id}.{now}.".encode() + body)
        return bent(
            webhook_id=message_id.encode(), webhook_timestamp=now, webhook_signature=signature
        )(body)

    return forge


def over(signed_text: Callable[[str, bytes], bytes], digest: str = "sha256") -> Forgery:
    """A signature over another text, or by another hash."""

    def forge(body: bytes) -> Raw:
        now = str(int(time.time()))
        made = base64.b64encode(hmac.digest(KEY, signed_text(now, body), digest)).decode()
        return bent(webhook_timestamp=now, webhook_signature=f"v1,{made}")(body)

    return forge


def doubled(name: str, value: str) -> Forgery:
    return lambda body: [*raw(signed(body)), (name.encode(), value.encode())]


def without(name: str) -> Forgery:
    return lambda body: [(key, value) for key, value in raw(signed(body)) if key != name.encode()]


def _made(content: bytes, key: bytes = KEY) -> str:
    return "v1," + base64.b64encode(hmac.digest(key, content, "sha256")).decode()


def _standard(now: str, body: bytes) -> bytes:
    return f"msg-1.{now}.".encode() + body


VECTORS: dict[str, Forgery] = {
    "no id": without("webhook-id"),
    "no time": without("webhook-timestamp"),
    "no signature": without("webhook-signature"),
    "a foreign key": with_secret(FOREIGN),
    "another partner's key": with_secret(SECRETS["center-sz-01"][0]),
    "the secret itself as the key": lambda body: bent(
        webhook_signature=_made(_standard(str(int(time.time())), body), SECRET.encode())
    )(body),
    "301 s old": at(-301),
    "301 s ahead": at(302),
    "a year old": at(-365 * 86_400),
    "milliseconds": with_time(lambda now: f"{now}000"),
    "another body": lambda body: raw(signed(body + b" ")),
    "an empty body signed": lambda _: raw(signed(b"")),
    "another message id": bent(webhook_id="msg-2"),
    "another second": bent(webhook_timestamp=str(int(time.time()) - 7)),
    "a dot in the id": with_id("msg.1"),
    "an empty id": with_id(""),
    "a space in the id": with_id("msg 1"),
    "a control character in the id": with_id("msg\x011"),
    "an id that is not ASCII": with_id("号-1"),
    "an id that is not UTF-8": bent(webhook_id=b"msg-\xff\xfe"),
    "a huge id": with_id("x" * 5000),
    "an empty time": with_time(lambda _: ""),
    "a fraction of a second": with_time(lambda now: f"{now}.0"),
    "an exponent": with_time(lambda now: f"{now / 1e9}e9"),
    "a plus sign": with_time(lambda now: f"+{now}"),
    "a negative time": with_time(lambda now: f"-{now}"),
    "a leading zero": with_time(lambda now: f"0{now}"),
    "an underscore in the time": with_time(lambda now: f"{now // 1000}_{now % 1000:03}"),
    "a space in the time": with_time(lambda now: f"{now} "),
    "a hexadecimal time": with_time(hex),
    "a huge time": with_time(lambda _: "9" * 400),
    "not a number": with_time(lambda _: "nan"),
    "digits of another script": with_time(
        lambda now: str(now).translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    ),
    "an empty signature": bent(webhook_signature="v1,"),
    "a signature that is not ASCII": bent(webhook_signature=b"v1,\xff\xff"),
    "a signature without version": with_signature(lambda made: made.removeprefix("v1,")),
    "no base64": bent(webhook_signature="v1,***"),
    "another version": with_signature(lambda made: made.replace("v1,", "v2,")),
    "the asymmetric version": with_signature(lambda made: made.replace("v1,", "v1a,")),
    "an upper-case version": with_signature(lambda made: made.replace("v1,", "V1,")),
    "a tab after the version": with_signature(lambda made: made.replace(",", ",\t")),
    "a cut signature": with_signature(lambda made: made[:-4]),
    "a signature without its padding": with_signature(lambda made: made.rstrip("=")),
    "a signature with more": with_signature(lambda made: made + "A"),
    "signatures parted by a comma": with_signature(lambda made: f"v1,abc,{made}"),
    "a hexadecimal signature": with_signature(
        lambda made: "v1," + base64.b64decode(made.removeprefix("v1,")).hex()
    ),
    "the good signature after too many": with_signature(lambda made: "v1,eA== " * 50 + made),
    "a huge signature": with_signature(lambda _: "v1," + "A" * 20_000),
    "a signature of the body alone": over(lambda _, body: body),
    "a signature without the time": over(lambda _, body: b"msg-1." + body),
    "a signature without the id": over(lambda now, body: now.encode() + b"." + body),
    "the parts in another order": over(lambda now, body: f"{now}.msg-1.".encode() + body),
    "the dot moved": over(lambda now, body: f"msg-1{now}..".encode() + body),
    "SHA-1": over(_standard, "sha1"),
    "SHA-512": over(_standard, "sha512"),
    "two ids": doubled("webhook-id", "msg-2"),
    "two times": doubled("webhook-timestamp", "1"),
    "two signatures in two headers": doubled("webhook-signature", "v1,eA=="),
}


def test_there_are_forty_vectors() -> None:
    assert len(VECTORS) >= 40


@pytest.mark.parametrize("vector", VECTORS)
async def test_what_is_not_genuine_and_fresh_is_refused(
    stranger: httpx.AsyncClient, engine: AsyncEngine, vector: str
) -> None:
    body = as_body(an_event())

    answer = await stranger.post(EVENTS, content=body, headers=VECTORS[vector](body))

    assert answer.status_code == 401
    assert answer.json()["code"] == "signature_refused"
    assert await kept(engine) == 0


async def test_the_words_are_the_same_for_a_source_that_does_not_exist(
    stranger: httpx.AsyncClient,
) -> None:
    known, unknown = as_body(an_event()), as_body(an_event("nobody"))

    answers = [
        await stranger.post(EVENTS, content=body, headers=signed(body, secret=FOREIGN))
        for body in (known, unknown)
    ]

    told = [answer.json() | {"instance": ""} for answer in answers]
    assert told[0] == told[1]


@pytest.mark.parametrize("offset", [-300, -299, 0, 299, 300])
async def test_five_minutes_of_clock_difference_are_allowed(
    deps: ApiDependencies, offset: int
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    body = as_body(an_event())

    async with client_of(create_app(replace(deps, clock=lambda: now))) as client:
        answer = await client.post(
            EVENTS, content=body, headers=signed(body, at=now.timestamp() + offset)
        )

    assert answer.status_code == 202


async def test_a_body_that_is_not_utf_8_is_refused_though_it_is_signed(
    stranger: httpx.AsyncClient,
) -> None:
    body = as_body(an_event()).replace(b"enr-1", b"\xff\xfe")
    now = str(int(time.time()))
    headers = bent(webhook_timestamp=now, webhook_signature=_made(f"msg-1.{now}.".encode() + body))

    answer = await stranger.post(EVENTS, content=body, headers=headers(b""))

    assert answer.status_code == 400


async def test_one_good_signature_among_several_is_enough(stranger: httpx.AsyncClient) -> None:
    body = as_body(an_event())
    good = signed(body)["webhook-signature"]
    several = signed(body, secret=FOREIGN)["webhook-signature"] + " v1a,xyz  " + good

    answer = await stranger.post(
        EVENTS, content=body, headers=signed(body) | {"webhook-signature": several}
    )

    assert answer.status_code == 202
