"""Promise 6, by chance: ten thousand changes of a good request, and none is taken."""

import random
from datetime import UTC, datetime, timedelta

import httpx
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.datastructures import Headers

from api.problems import NotGenuine
from api.signatures import is_fresh, signature_headers, signer
from store.intake_tables import inbox
from store.partner_keys import key_of_secret
from store.registry import PartnerKey
from tests.api.partners import MEDIA_TYPE, SECRETS, an_event, as_body, signed

EVENTS = "/v1/events"
KEY = key_of_secret(SECRETS["provider-sz-01"][0])
MUTATIONS = 10_000

Raw = list[tuple[bytes, bytes]]


def raw(headers: dict[str, str]) -> Raw:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


class Mutator:
    """Changes good requests by chance, and knows whether one is still the good one."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._others = [as_body(an_event(id=f"other-{number}")) for number in range(20)]

    def mutated(self) -> tuple[Raw, bytes]:
        while True:
            body = as_body(an_event(id=f"ev-{self._chance.randrange(1000)}"))
            good = raw(signed(body))
            headers, changed = list(good), body
            for _ in range(self._chance.choice((1, 1, 1, 2, 3))):
                headers, changed = self._change(headers, changed)
            if not self._same(good, body, headers, changed):
                return headers, changed

    def _change(self, headers: Raw, body: bytes) -> tuple[Raw, bytes]:
        if self._chance.random() < 0.35:
            return headers, self._bent(body)
        place = self._chance.randrange(1, len(headers))
        name, value = headers[place]
        match self._chance.randrange(5):
            case 0:
                value = self._bent(value)
            case 1:
                other = dict(raw(signed(self._chance.choice(self._others), message_id="msg-1")))
                value = other[name]
                body = self._chance.choice([body, self._bent(body)])
            case 2:
                return [*headers[:place], *headers[place + 1 :]], body
            case 3:
                return [*headers, (name, self._bent(value))], body
            case _:
                cut = self._chance.randrange(len(value) + 1)
                value = value[cut:] + value[:cut]
        return [*headers[:place], (name, value), *headers[place + 1 :]], body

    def _bent(self, content: bytes) -> bytes:
        place = self._chance.randrange(len(content) or 1)
        before, at_place, after = content[:place], content[place : place + 1], content[place + 1 :]
        match self._chance.randrange(4):
            case 0:
                flipped = bytes([(at_place or b"x")[0] ^ 1 << self._chance.randrange(8)])
                return before + flipped + after
            case 1:
                return before + after
            case 2:
                return before + self._chance.randbytes(1) + at_place + after
            case _:
                return before + self._chance.choice(self._others)[place : place + 9] + after

    @staticmethod
    def _same(good: Raw, body: bytes, headers: Raw, changed: bytes) -> bool:
        """Whether what was signed, and one of the signatures, came through unchanged."""
        names = [name for name, _ in headers]
        if body != changed or len(set(names)) != len(names):
            return False
        before, after = dict(good), dict(headers)
        return all(
            before[name] == after.get(name) for name in (b"webhook-id", b"webhook-timestamp")
        ) and before[b"webhook-signature"] in after.get(b"webhook-signature", b"").split(b" ")


def accepted(headers: Raw, body: bytes) -> bool:
    try:
        given = signature_headers(Headers(raw=headers))
    except NotGenuine:
        return False
    keys = [PartnerKey("pk-1", KEY)]
    fresh = is_fresh(given, datetime.now(UTC), timedelta(minutes=5))
    return fresh and signer(given, body, keys) is not None


def test_none_of_ten_thousand_mutations_is_accepted() -> None:
    body = as_body(an_event())
    assert accepted(raw(signed(body)), body)
    mutator = Mutator(20261122)

    taken = [
        request for request in (mutator.mutated() for _ in range(MUTATIONS)) if accepted(*request)
    ]

    assert taken == []


async def kept(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return int((await connection.execute(select(func.count()).select_from(inbox))).scalar_one())


async def test_none_of_hundreds_of_mutations_over_http_is_accepted_or_a_fault(
    stranger: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    mutator = Mutator(6)
    statuses = set()
    for _ in range(400):
        headers, body = mutator.mutated()
        sent = httpx.Request("POST", f"http://journeyman.test{EVENTS}", content=body)
        sent.headers = httpx.Headers([(b"content-type", MEDIA_TYPE.encode()), *headers[1:]])
        statuses.add((await stranger.send(sent)).status_code)

    assert statuses <= {400, 401, 422}
    assert await kept(engine) == 0
