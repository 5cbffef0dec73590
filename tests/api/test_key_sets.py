"""Which keys of the issuer are used, and how it changes them without locking anybody out."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from api.key_sets import BELIEVED_SECONDS, REFRESH_AT_MOST_EVERY_SECONDS, KeySet, usable_keys
from api.problems import Unauthenticated, Unavailable
from api.tokens import TokenVerifier
from domain.commands import Role
from tests.api.issuer import Issuer
from tests.partners.running import Receive, Scope, Send, serving

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CURVE_KEY = ec.generate_private_key(ec.SECP256R1())


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rotating(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path)


@pytest.fixture
def verifier(rotating: Issuer, clock: Clock) -> TokenVerifier:
    return TokenVerifier(rotating.key_set, issuer=rotating.name, monotonic=clock)


def rsa_key(**others: object) -> dict[str, object]:
    return RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True) | {"kid": "k"} | others


def curve_key(**others: object) -> dict[str, object]:
    return ECAlgorithm.to_jwk(CURVE_KEY.public_key(), as_dict=True) | {"kid": "k"} | others


def kept(*keys: object) -> dict[str, tuple[str, ...]]:
    found = usable_keys(json.dumps({"keys": keys}).encode())
    return {kid: key.algorithms for kid, key in found.items()}


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (rsa_key(), ("RS256", "PS256")),
        (rsa_key(alg="RS256", use="sig"), ("RS256",)),
        (rsa_key(alg="PS256"), ("PS256",)),
        (rsa_key(key_ops=["verify"]), ("RS256", "PS256")),
        (curve_key(), ("ES256",)),
        (curve_key(alg="ES256"), ("ES256",)),
    ],
)
def test_a_key_is_used_with_its_own_algorithm_only(
    key: dict[str, object], algorithms: tuple[str, ...]
) -> None:
    assert kept(key) == {"k": algorithms}


def _short() -> dict[str, object]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    return RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "k"}


def _other_curve() -> dict[str, object]:
    key = ec.generate_private_key(ec.SECP384R1())
    return ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "k"}


UNUSABLE: dict[str, object] = {
    "a short one": _short(),
    "another curve": _other_curve(),
    "for encryption": rsa_key(use="enc"),
    "for signing only": rsa_key(key_ops=["sign"]),
    "operations that are no list": rsa_key(key_ops="verify"),
    "another algorithm": rsa_key(alg="RS512"),
    "an algorithm of another type": rsa_key(alg="ES256"),
    "a symmetric one": {"kty": "oct", "k": "c2VjcmV0", "kid": "k", "alg": "HS256"},
    "a private one": RSAAlgorithm.to_jwk(RSA_KEY, as_dict=True) | {"kid": "k"},
    "one without an id": rsa_key(kid=None),
    "one with an empty id": rsa_key(kid=""),
    "one without numbers": {"kty": "RSA", "kid": "k"},
    "one with broken numbers": rsa_key(n=5),
    "no object": "k",
}


@pytest.mark.parametrize("unusable", UNUSABLE)
def test_a_key_that_can_not_verify_a_token_is_left_out_and_the_others_stay(unusable: str) -> None:
    assert kept(UNUSABLE[unusable], rsa_key(kid="good")) == {"good": ("RS256", "PS256")}


def test_keys_that_share_an_id_are_not_used() -> None:
    assert kept(rsa_key(), curve_key(), rsa_key(kid="good")).keys() == {"good"}


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256"])
async def test_each_allowed_algorithm_is_taken(
    rotating: Issuer, verifier: TokenVerifier, algorithm: str
) -> None:
    rotating.key_set.write_text(
        json.dumps({"keys": [rsa_key(kid="of RSA"), curve_key(kid="a curve")]})
    )
    key, kid = (CURVE_KEY, "a curve") if algorithm == "ES256" else (RSA_KEY, "of RSA")
    token = jwt.encode(rotating.claims("operator"), key, algorithm=algorithm, headers={"kid": kid})

    assert (await verifier.verify(token)).role is Role.OPERATOR


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
async def test_access_tokens_may_say_what_they_are(
    rotating: Issuer, verifier: TokenVerifier, kind: str
) -> None:
    token = rotating.sign(rotating.claims("operator"), typ=kind)

    assert (await verifier.verify(token)).role is Role.OPERATOR


async def test_the_issuer_may_add_a_key(
    rotating: Issuer, verifier: TokenVerifier, clock: Clock
) -> None:
    await verifier.verify(rotating.token("operator"))
    rotating.rotate("second")
    with pytest.raises(Unauthenticated):
        await verifier.verify(rotating.token("operator"))

    clock.now += REFRESH_AT_MOST_EVERY_SECONDS

    assert (await verifier.verify(rotating.token("operator"))).role is Role.OPERATOR


async def test_a_key_that_the_issuer_withdrew_is_refused_once_the_set_is_old(
    rotating: Issuer, verifier: TokenVerifier, clock: Clock
) -> None:
    token = rotating.token("operator")
    await verifier.verify(token)
    rotating.key_set.write_text(json.dumps({"keys": [rsa_key(kid="another")]}))
    clock.now += BELIEVED_SECONDS - 1
    await verifier.verify(token)

    clock.now += 1

    with pytest.raises(Unauthenticated):
        await verifier.verify(token)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"keys": {}}'])
async def test_a_reading_that_fails_leaves_the_keys_as_they_were(
    rotating: Issuer, verifier: TokenVerifier, clock: Clock, content: str | None
) -> None:
    token = rotating.token("operator")
    await verifier.verify(token)
    if content is None:
        rotating.key_set.unlink()
    else:
        rotating.key_set.write_text(content)

    for _ in range(3):
        clock.now += BELIEVED_SECONDS
        assert (await verifier.verify(token)).role is Role.OPERATOR


async def test_a_key_set_that_can_not_be_read_is_an_outage_and_not_a_refusal(
    rotating: Issuer, tmp_path: Path
) -> None:
    (tmp_path / "broken.json").write_text("{")
    for name in ("missing.json", "broken.json"):
        verifier = TokenVerifier(tmp_path / name, issuer=rotating.name)
        with pytest.raises(Unavailable):
            await verifier.verify(rotating.token("operator"))
        with pytest.raises(Unavailable):
            await verifier.check()


class Published:
    """An issuer's key set over HTTP, which counts how often it is read."""

    def __init__(self) -> None:
        self.reads = 0
        self.status = 200
        self.content = json.dumps({"keys": [rsa_key()]}).encode()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        assert scope["type"] == "http", "it has no lifespan"
        self.reads += 1
        await asyncio.sleep(0.05)
        headers: list[Any] = [(b"location", b"/elsewhere")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.content})


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
async def keys(published: Published, clock: Clock) -> AsyncIterator[KeySet]:
    async with serving(published) as url:
        yield KeySet(f"{url}/jwks", clock)


async def test_look_ups_at_the_same_time_share_one_reading(
    published: Published, keys: KeySet
) -> None:
    found = await asyncio.gather(*(keys.find("k") for _ in range(50)))

    assert all(found)
    assert published.reads == 1


async def test_a_flood_of_unknown_key_ids_reads_the_key_set_once(
    published: Published, keys: KeySet, clock: Clock
) -> None:
    await keys.find("k")
    clock.now += REFRESH_AT_MOST_EVERY_SECONDS
    found = await asyncio.gather(*(keys.find(f"unknown-{number}") for number in range(50)))
    found += [await keys.find(f"unknown-{number}") for number in range(50)]

    assert not any(found)
    assert published.reads == 2


async def test_while_the_issuer_is_away_nobody_waits_for_it_twice(
    published: Published, keys: KeySet, clock: Clock
) -> None:
    await keys.find("k")
    published.status = 503
    clock.now += BELIEVED_SECONDS
    for _ in range(20):
        assert await keys.find("k")

    assert published.reads == 2


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_only_an_answer_from_the_address_itself_counts(
    published: Published, keys: KeySet, status: int
) -> None:
    published.status = status

    with pytest.raises(Unavailable):
        await keys.find("k")


async def test_a_key_set_without_end_is_not_read_to_its_end(
    published: Published, keys: KeySet
) -> None:
    published.content = b" " * 1_000_000 + published.content

    with pytest.raises(Unavailable):
        await keys.find("k")


async def test_whoever_gives_up_waiting_does_not_stop_the_reading_for_others(
    published: Published, keys: KeySet
) -> None:
    first = asyncio.create_task(keys.find("k"))
    second = asyncio.create_task(keys.find("k"))
    await asyncio.sleep(0.01)
    first.cancel()

    assert await second is not None
    assert published.reads == 1
