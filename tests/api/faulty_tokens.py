"""Tokens that nobody may be let in with, each for one reason."""

import base64
import hmac
import json
import time
from collections.abc import Callable

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.api.issuer import Issuer

Claims = dict[str, object]


def encoded(part: object) -> str:
    return unpadded(json.dumps(part).encode())


def unpadded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _good(issuer: Issuer) -> Claims:
    return issuer.claims("caseworker", region="44")


def _claiming(**claims: object) -> Callable[[Issuer], str]:
    return lambda issuer: issuer.sign(_good(issuer) | claims)


def _in(**seconds: float) -> Callable[[Issuer], str]:
    now = int(time.time())
    return _claiming(**{name: now + offset for name, offset in seconds.items()})


def _just(token: str) -> Callable[[Issuer], str]:
    return lambda _: token


def _without(claim: str) -> Callable[[Issuer], str]:
    def token(issuer: Issuer) -> str:
        claims = _good(issuer)
        del claims[claim]
        return issuer.sign(claims)

    return token


def _headed(**header: object) -> Callable[[Issuer], str]:
    return lambda issuer: issuer.sign(_good(issuer), **header)


def _head_only(header: object) -> Callable[[Issuer], str]:
    """A genuine token whose head was exchanged."""

    def token(issuer: Issuer) -> str:
        _, body, signature = issuer.sign(_good(issuer)).split(".")
        head = unpadded(header) if isinstance(header, bytes) else encoded(header)
        return f"{head}.{body}.{signature}"

    return token


def _body_only(claims: object) -> Callable[[Issuer], str]:
    """A genuine token whose claims were exchanged."""

    def token(issuer: Issuer) -> str:
        head, _, signature = issuer.sign(_good(issuer)).split(".")
        return f"{head}.{encoded(claims)}.{signature}"

    return token


def _signed_by(algorithm: str, key: object, **header: object) -> Callable[[Issuer], str]:
    return lambda issuer: jwt.encode(
        _good(issuer),
        key,  # type: ignore[arg-type]
        algorithm=algorithm,
        headers={"kid": "first"} | header,
    )


def _by_the_public_key(issuer: Issuer) -> str:
    signed = f"{encoded({'alg': 'HS256', 'kid': 'first'})}.{encoded(_good(issuer))}"
    mac = hmac.digest(issuer.key_set.read_bytes(), signed.encode(), "sha256")
    return f"{signed}.{unpadded(mac)}"


def _none(written: str) -> Callable[[Issuer], str]:
    head = encoded({"alg": written, "kid": "first"})
    return lambda issuer: f"{head}.{encoded(_good(issuer))}."


def _cut(issuer: Issuer) -> str:
    return issuer.sign(_good(issuer))[:-8]


def _altered(issuer: Issuer) -> str:
    token = issuer.sign(_good(issuer))
    return token[:-6] + ("A" if token[-6] != "A" else "B") + token[-5:]


def _with_two_bodies(issuer: Issuer) -> str:
    head, body, signature = issuer.sign(_good(issuer)).split(".")
    return f"{head}.{body}.{body}.{signature}"


_OWN = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_OWN_CURVE = ec.generate_private_key(ec.SECP256R1())
_OWN_PUBLIC = {
    name: value
    for name, value in jwt.algorithms.RSAAlgorithm.to_jwk(_OWN.public_key(), as_dict=True).items()
    if name in ("kty", "n", "e")
}

FAULTY: dict[str, Callable[[Issuer], str]] = {
    # who issued it, for whom, and when
    "another issuer": _claiming(iss="https://elsewhere.test"),
    "an issuer that only begins like ours": _claiming(iss="https://issuer.test.elsewhere"),
    "an empty issuer": _claiming(iss=""),
    "another audience": _claiming(aud="another"),
    "several audiences": _claiming(aud=["journeyman", "another"]),
    "a list of another audience": _claiming(aud=["another"]),
    "a list of no audience": _claiming(aud=[]),
    "an audience in a list of lists": _claiming(aud=[["journeyman"]]),
    "an audience that is an object": _claiming(aud={"journeyman": True}),
    "expired": _in(exp=-120),
    "not valid yet": _in(nbf=3600, exp=7200),
    "issued in the future": _in(iat=3600),
    "good for a year": _in(exp=365 * 86400),
    "ends before it begins": _in(nbf=20, exp=10),
    "an end that is a text": _claiming(exp=str(int(time.time()) + 600)),
    "an end that is true": _claiming(exp=True),
    "no end to its numbers": _claiming(exp=1e400),
    "an end that is not a number": _claiming(exp=float("nan")),
    "a begin of a thousand digits": _claiming(nbf=10**999),
    "an issue date that is a list": _claiming(iat=[1]),
    **{
        f"no {claim}": _without(claim)
        for claim in ("iss", "aud", "sub", "exp", "nbf", "role", "region")
    },
    # who bears it
    "an unknown role": _claiming(role="emperor"),
    "a role that is no text": _claiming(role=["caseworker"]),
    "an empty region": _claiming(region=""),
    "a region of three digits": _claiming(region="440"),
    "a region of another script": _claiming(region="４４"),
    "a region that is a number": _claiming(region=44),
    "a region that is a pattern": _claiming(region="4%"),
    "a partner without a name": _claiming(role="partner", partner=""),
    "a subject with a space": _claiming(sub="two words"),
    "a subject with a line break": _claiming(sub="a\nb"),
    "an empty subject": _claiming(sub=""),
    "a long subject": _claiming(sub="x" * 121),
    # how it was signed
    "algorithm none": _none("none"),
    "algorithm None": _none("None"),
    "algorithm NONE": _none("NONE"),
    "HS256": _signed_by("HS256", b"s" * 32),
    "HS256 by the public key": _by_the_public_key,
    "RS512": lambda issuer: issuer.sign(_good(issuer), algorithm="RS512"),
    "PS256 by a key for RS256": lambda issuer: issuer.sign(_good(issuer), algorithm="PS256"),
    "ES256 by a key for RS256": _signed_by("ES256", _OWN_CURVE),
    "a key of one's own": _signed_by("RS256", _OWN),
    "a key of one's own, brought along": _signed_by("RS256", _OWN, jwk=_OWN_PUBLIC),
    "a key of one's own, pointed to": _signed_by("RS256", _OWN, jku="http://127.0.0.1:9/jwks"),
    "a certificate pointed to": _signed_by("RS256", _OWN, x5u="http://127.0.0.1:9/cert"),
    "a genuine one that points elsewhere": _headed(jku="http://127.0.0.1:9/jwks"),
    "a genuine one that brings a certificate": _headed(x5c=["MII="]),
    "an unknown key id": _headed(kid="another"),
    "an empty key id": _headed(kid=""),
    "a key id that is a path": _headed(kid="../../dev/null"),
    "a key id that is a query": _headed(kid="' OR 1=1 --"),
    "no key id": _head_only({"alg": "RS256"}),
    "a key id that is no text": _head_only({"alg": "RS256", "kid": [1]}),
    "no algorithm": _head_only({"kid": "first"}),
    "a critical extension": _headed(crit=["exp"], exp=1),
    "a body that is not encoded": _headed(b64=False),
    "an id token": _headed(typ="id_token"),
    "a logout token": _headed(typ="logout+jwt"),
    "a type that is no text": _head_only({"alg": "RS256", "kid": "first", "typ": 1}),
    "another body": _body_only({"role": "supervisor"}),
    "a body that is a list": _body_only([1]),
    "a cut signature": _cut,
    "an altered signature": _altered,
    "two bodies": _with_two_bodies,
    # what is no token at all
    "a word": _just("x"),
    "dots": _just(".."),
    "five parts": _just("a.b.c.d.e"),
    "letters beyond ASCII": _just("é.é.é"),
    "a head nested deeply": _head_only(b"[" * 4000),
    "a head that is no JSON": _head_only(b"\xff\xfe"),
    "a head that is null": _head_only(None),
    "a long one": lambda issuer: issuer.sign(_good(issuer) | {"more": "x" * 9000}),
}
