"""The issuer's published keys (JWKS, RFC 7517): which we use, and when we read them again."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson
import structlog
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWTError
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from api.problems import Unavailable

SHORTEST_RSA_BITS = 2048
"""NIST SP 800-131A: shorter keys no longer sign."""

BELIEVED_SECONDS = 600.0
"""How long a key set is believed; a key that the issuer withdrew is refused from then on."""

REFRESH_AT_MOST_EVERY_SECONDS = 10.0
"""How often an unknown key id, or a key set that can't be read, may make us read it again."""

ANSWER_SECONDS = 5.0
LONGEST_KEY_SET = 256 * 1024
_ALGORITHMS = {"RSA": ("RS256", "PS256"), "EC": ("ES256",)}

_log = structlog.get_logger("journeyman.api")


@dataclass(frozen=True)
class IssuerKey:
    """A public key, and the algorithms that it may be used with."""

    public: RSAPublicKey | EllipticCurvePublicKey
    algorithms: tuple[str, ...]


class KeySet:
    """The keys at `source`, a file or an http(s) address.

    Read at the first look-up; again where a key id is unknown, and once it has been believed long
    enough. Look-ups at the same time share one reading. A reading that fails leaves the keys as
    they were.
    """

    def __init__(self, source: Path | str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._monotonic = monotonic
        self._keys: Mapping[str, IssuerKey] | None = None
        self._read_at = self._tried_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def find(self, kid: str) -> IssuerKey | None:
        """The key of that id; None where the issuer publishes none.

        Raises:
            Unavailable: no key set has been read yet, and none can be.
        """
        if self._is_old():
            await self._read_again()
        if self._keys is None:
            raise Unavailable("the issuer's key set can't be read")
        if kid not in self._keys and self._may_try():
            await self._read()
        return self._keys.get(kid)

    async def check(self) -> None:
        """Make sure that keys are at hand.

        Raises:
            Unavailable: they can't be read.
        """
        if self._keys is None:
            await self._read()
        if self._keys is None:
            raise Unavailable("the issuer's key set can't be read")

    def _is_old(self) -> bool:
        return self._monotonic() - self._read_at >= BELIEVED_SECONDS

    def _may_try(self) -> bool:
        return self._monotonic() - self._tried_at >= REFRESH_AT_MOST_EVERY_SECONDS

    async def _read_again(self) -> None:
        """Wait for an old key set to be read again; while that keeps failing, only let it be."""
        fails = self._keys is not None and self._tried_at > self._read_at
        if not fails:
            await self._read()
        elif self._may_try():
            self._begin_reading()

    async def _read(self) -> None:
        await asyncio.shield(self._begin_reading())

    def _begin_reading(self) -> asyncio.Task[None]:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._replace_keys())
        return self._reading

    async def _replace_keys(self) -> None:
        try:
            self._keys = usable_keys(await self._content())
        except (OSError, httpx.HTTPError, ValueError) as fault:
            self._tried_at = self._monotonic()
            _log.warning("issuer_keys_unreadable", fault=type(fault).__name__)
        else:
            self._read_at = self._tried_at = self._monotonic()

    async def _content(self) -> bytes:
        if isinstance(self._source, Path):
            return await asyncio.to_thread(self._source.read_bytes)
        content = bytearray()
        async with (
            asyncio.timeout(ANSWER_SECONDS),
            httpx.AsyncClient(timeout=ANSWER_SECONDS, follow_redirects=False) as client,
            client.stream("GET", self._source) as answer,
        ):
            answer.raise_for_status()
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > LONGEST_KEY_SET:
                    raise ValueError("the key set is too long")
        return bytes(content)


def usable_keys(content: bytes) -> dict[str, IssuerKey]:
    """The keys of a JWKS that may verify a token.

    Left out are keys for encryption, symmetric, private, short and unknown ones, those without an
    id, and all of those that share one.

    Raises:
        ValueError: it is no JWKS.
    """
    told = orjson.loads(content)
    if not isinstance(told, dict) or not isinstance(told.get("keys"), list):
        raise ValueError("no list of keys")
    found: dict[str, list[IssuerKey | None]] = {}
    for jwk in told["keys"]:
        if isinstance(jwk, dict) and isinstance(jwk.get("kid"), str) and jwk["kid"]:
            found.setdefault(jwk["kid"], []).append(_usable(jwk))
    return {kid: keys[0] for kid, keys in found.items() if len(keys) == 1 and keys[0] is not None}


def _usable(jwk: dict[str, object]) -> IssuerKey | None:
    algorithms = _ALGORITHMS.get(str(jwk.get("kty")), ())
    if "alg" in jwk:
        algorithms = tuple(name for name in algorithms if name == jwk["alg"])
    operations = jwk.get("key_ops", ["verify"])
    verifies = isinstance(operations, list) and "verify" in operations
    if not algorithms or jwk.get("use", "sig") != "sig" or not verifies or "d" in jwk:
        return None
    try:
        public = _public(jwk)
    except (PyJWTError, ValueError, TypeError):
        return None
    return IssuerKey(public, algorithms) if public is not None else None


def _public(jwk: dict[str, object]) -> RSAPublicKey | EllipticCurvePublicKey | None:
    written = orjson.dumps(jwk).decode()
    if jwk["kty"] == "RSA":
        rsa = RSAAlgorithm.from_jwk(written)
        if isinstance(rsa, RSAPublicKey) and rsa.key_size >= SHORTEST_RSA_BITS:
            return rsa
        return None
    curve = ECAlgorithm.from_jwk(written)
    if isinstance(curve, EllipticCurvePublicKey) and isinstance(curve.curve, SECP256R1):
        return curve
    return None
