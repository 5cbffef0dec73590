"""Staff and partner bearer tokens: RS256 JWTs of the issuer whose keys (JWKS) we trust."""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import jwt
from jwt.types import Options

from api.problems import Unauthenticated, Unavailable
from domain.commands import Actor, Role

ALGORITHMS = ("RS256",)
"""What a token may be signed with; everything else is refused, `none` and HS256 first."""

LEEWAY_SECONDS = 30
"""How far the issuer's clock may be from ours."""

REFRESH_AT_MOST_EVERY_SECONDS = 10.0
"""How often an unknown key id may make us read the key set again."""

_NOT_ACCEPTED = "the bearer token is not accepted"
_SUBJECT = re.compile(r"[\x21-\x7e]{1,120}")
_DIVISION = re.compile(r"[0-9]{2}|[0-9]{4}|[0-9]{6}")
_CLAIMS = ["iss", "aud", "sub", "exp", "nbf"]
_OPTIONS: Options = {"require": _CLAIMS, "strict_aud": True}


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


class TokenVerifier:
    """Checks a token's signature, issuer, audience and times, and reads its claims.

    `keys` is the issuer's JWKS: a file or an http(s) address. It is read at the first token, and
    again where a token names a key that we have not seen, so that the issuer can rotate.
    """

    def __init__(
        self,
        keys: Path | str,
        *,
        issuer: str,
        audience: str = "journeyman",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = keys
        self._issuer = issuer
        self._audience = audience
        self._monotonic = monotonic
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = float("-inf")

    async def verify(self, token: str) -> Caller:
        """The caller that the token stands for.

        Raises:
            Unauthenticated: in the same words whatever is wrong.
            Unavailable: the issuer's keys can't be read.
        """
        try:
            header = jwt.get_unverified_header(token)
            key = await self._key(header.get("kid"))
            claims: dict[str, object] = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options=_OPTIONS,
            )
        except (jwt.PyJWTError, ValueError):
            raise Unauthenticated(_NOT_ACCEPTED) from None
        return _caller(claims)

    async def check(self) -> None:
        """Make sure that the issuer's keys are at hand.

        Raises:
            Unavailable: they can't be read.
        """
        if not self._keys:
            await self._read()

    async def _key(self, kid: object) -> jwt.PyJWK:
        if not isinstance(kid, str):
            raise Unauthenticated(_NOT_ACCEPTED)
        if kid not in self._keys and self._may_read_again():
            await self._read()
        if kid not in self._keys:
            raise Unauthenticated(_NOT_ACCEPTED)
        return self._keys[kid]

    def _may_read_again(self) -> bool:
        return self._monotonic() - self._read_at >= REFRESH_AT_MOST_EVERY_SECONDS

    async def _read(self) -> None:
        try:
            found = jwt.PyJWKSet.from_json(await self._text())
        except (OSError, httpx.HTTPError, jwt.PyJWTError, ValueError):
            raise Unavailable("the issuer's key set can't be read") from None
        self._keys = {key.key_id: key for key in found.keys if key.key_id and key.key_type == "RSA"}
        self._read_at = self._monotonic()

    async def _text(self) -> str:
        if isinstance(self._source, Path):
            return await asyncio.to_thread(self._source.read_text, encoding="utf-8")
        async with httpx.AsyncClient(timeout=5, follow_redirects=False) as client:
            answer = await client.get(self._source)
            return answer.raise_for_status().text


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
        raise Unauthenticated(_NOT_ACCEPTED)
    limited = {
        Role.CASEWORKER: bool(_DIVISION.fullmatch(region)),
        Role.SUPERVISOR: bool(_DIVISION.fullmatch(region)),
        Role.PARTNER: bool(_SUBJECT.fullmatch(partner)),
        Role.AUDITOR: region == "" or bool(_DIVISION.fullmatch(region)),
        Role.OPERATOR: True,
    }
    if not limited[Role(role)]:
        raise Unauthenticated(_NOT_ACCEPTED)
    return Caller(subject=subject, role=Role(role), region=region, partner=partner)
