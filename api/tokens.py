"""Staff and partner bearer tokens: JWTs (RFC 7519, RFC 8725) of the issuer whose keys we trust."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jwt
from jwt.types import Options

from api.key_sets import KeySet
from api.problems import Unauthenticated
from api.request_log import note
from domain.commands import Actor, Role

ALGORITHMS = ("RS256", "PS256", "ES256")
"""What a token may be signed with; everything else is refused, `none` and HS256 first."""

LEEWAY_SECONDS = 30
"""How far the issuer's clock may be from ours."""

LONGEST_LIFE_SECONDS = 24 * 3600
"""From `nbf` to `exp`: a token can't be taken back, so it has to end by itself."""

LONGEST_TOKEN = 8 * 1024

NOT_ACCEPTED = "the bearer token is not accepted"
_SUBJECT = re.compile(r"[\x21-\x7e]{1,120}")
_DIVISION = re.compile(r"[0-9]{2}|[0-9]{4}|[0-9]{6}")
_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})
_REFUSED_HEADERS = frozenset({"crit", "b64", "jku", "jwk", "x5u", "x5c"})
"""Extensions that we don't know, and keys that the token brings along or points to."""

_SIGNATURE_ONLY: Options = {
    "verify_aud": False,
    "verify_exp": False,
    "verify_iat": False,
    "verify_iss": False,
    "verify_jti": False,
    "verify_nbf": False,
    "verify_sub": False,
}


@dataclass(frozen=True)
class Caller:
    """Who calls: an opaque account id, a role, and what the role is limited to.

    `region` is the division code that staff see, with what lies in it, empty for the whole nation;
    `partner` the organization that a partner's token speaks for.
    """

    subject: str
    role: Role
    region: str = ""
    partner: str = ""

    @property
    def actor(self) -> Actor:
        """The caller as the journal names her."""
        return Actor(id=self.subject, role=self.role.value)


class _Faulty(Exception):
    """What is wrong with a token: for our log, never for its bearer."""


class TokenVerifier:
    """Checks a token's head, signature, issuer, audience and times, and reads its claims.

    `keys` is the issuer's JWKS, a file or an http(s) address; see `KeySet` for when it is read.
    """

    def __init__(
        self,
        keys: Path | str,
        *,
        issuer: str,
        audience: str = "journeyman",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = KeySet(keys, monotonic)
        self._issuer = issuer
        self._audience = audience

    async def verify(self, token: str) -> Caller:
        """The caller that the token stands for; asks nobody but, at most, the issuer.

        Raises:
            Unauthenticated: in the same words whatever is wrong; the request's log line says what.
            Unavailable: the issuer's keys can't be read.
        """
        try:
            return _caller(self._checked(await self._claims(token), time.time()))
        except _Faulty as fault:
            note(token=str(fault))
        except (jwt.PyJWTError, ValueError, RecursionError):
            note(token="forged or broken")  # noqa: S106 (what is said of it)
        raise Unauthenticated(NOT_ACCEPTED)

    @property
    def issuer(self) -> str:
        """Who issues the tokens: a subject means somebody else under another issuer."""
        return self._issuer

    async def check(self) -> None:
        """Make sure that the issuer's keys are at hand.

        Raises:
            Unavailable: they can't be read.
        """
        await self._keys.check()

    async def _claims(self, token: str) -> dict[str, object]:
        if len(token) > LONGEST_TOKEN:
            raise _Faulty("too long")
        algorithm, kid = _head(jwt.get_unverified_header(token))
        key = await self._keys.find(kid)
        if key is None:
            raise _Faulty("unknown key")
        if algorithm not in key.algorithms:
            raise _Faulty("algorithm of another key")
        claims: dict[str, object] = jwt.decode(
            token, key.public, algorithms=[algorithm], options=_SIGNATURE_ONLY
        )
        return claims

    def _checked(self, claims: dict[str, object], now: float) -> dict[str, object]:
        if claims.get("iss") != self._issuer:
            raise _Faulty("issuer")
        if claims.get("aud") not in (self._audience, [self._audience]):
            raise _Faulty("audience")
        begins, ends = _moment(claims, "nbf"), _moment(claims, "exp")
        issued = _moment(claims, "iat") if "iat" in claims else begins
        if ends <= now - LEEWAY_SECONDS:
            raise _Faulty("expired")
        if max(begins, issued) > now + LEEWAY_SECONDS:
            raise _Faulty("not valid yet")
        if not 0 < ends - begins <= LONGEST_LIFE_SECONDS + LEEWAY_SECONDS:
            raise _Faulty("lives too long")
        return claims


def _head(header: dict[str, object]) -> tuple[str, str]:
    """The algorithm and the key's id."""
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise _Faulty("algorithm")
    if not isinstance(kid, str) or not kid:
        raise _Faulty("no key id")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise _Faulty("type")
    if _REFUSED_HEADERS & header.keys():
        raise _Faulty("header")
    return algorithm, kid


def _moment(claims: dict[str, object], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 2**53:
        raise _Faulty(name)
    return float(value)


def _caller(claims: dict[str, object]) -> Caller:
    subject, role = claims.get("sub"), claims.get("role")
    region, partner = claims.get("region", ""), claims.get("partner", "")
    if not (
        isinstance(subject, str)
        and _SUBJECT.fullmatch(subject)
        and isinstance(role, str)
        and role in list(Role)
        and isinstance(region, str)
        and isinstance(partner, str)
    ):
        raise _Faulty("claims")
    limited = {
        Role.CASEWORKER: bool(_DIVISION.fullmatch(region)),
        Role.SUPERVISOR: bool(_DIVISION.fullmatch(region)),
        Role.PARTNER: bool(_SUBJECT.fullmatch(partner)),
        Role.AUDITOR: region == "" or bool(_DIVISION.fullmatch(region)),
        Role.OPERATOR: True,
    }
    if not limited[Role(role)]:
        raise _Faulty("limits of the role")
    return Caller(subject=subject, role=Role(role), region=region, partner=partner)
