"""Keys, users and partner secrets of the embedded run, made anew for each data folder.

Everything made here is marked as local, and refused outside the embedded run.
"""

import base64
import contextlib
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterable
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from domain.commands import Role
from processes.settings import LOCAL_ISSUER, Settings

KEY_FILE = "issuer.pem"
KEY_SET_FILE = "jwks.json"
SECRETS_FILE = "partner-secrets.json"
MASTER_KEY_FILE = "master.key"
LOCAL_MARK = b"local-"
LOCAL_KEY_ID = "local-"
"""How the key ids of local issuers begin."""


class SampleSecrets(Exception):
    """Keys of an embedded run are in use outside it; the text names the setting."""


class LocalIssuer:
    """Issues the tokens of an embedded run.

    Args:
        folder: where the key lies, or is made with its key set; readable by this account only.
        audience: `aud` of the tokens.
    """

    def __init__(self, folder: Path, *, audience: str = "journeyman") -> None:
        self._folder = folder
        self._audience = audience
        self._key = _key_in(folder)
        self._key_id = _key_id(self._key)
        _write_privately(self.key_set, json.dumps({"keys": [self._public()]}))

    @property
    def key_set(self) -> Path:
        """The JWKS file that verifies the tokens."""
        return self._folder / KEY_SET_FILE

    def issue_token(
        self,
        role: Role,
        *,
        subject: str,
        region: str = "",
        partner: str = "",
        hours: float = 12.0,
    ) -> str:
        """A bearer token, good for so many `hours`.

        Args:
            role: what its bearer may do.
            subject: the bearer's opaque account id.
            region: a staff member's division code (GB/T 2260).
            partner: the organization that a partner's token speaks for.
            hours: how long it is good.
        """
        now = int(time.time())
        claims = {
            "iss": LOCAL_ISSUER,
            "aud": self._audience,
            "sub": subject,
            "role": role.value,
            "region": region,
            "partner": partner,
            "iat": now,
            "nbf": now,
            "exp": now + int(hours * 3600),
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._key_id})

    def _public(self) -> dict[str, str]:
        public = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self._key_id,
            "n": str(public["n"]),
            "e": str(public["e"]),
        }


def partner_secrets(folder: Path, partners: Iterable[str]) -> dict[str, str]:
    """The webhook secret of each of these partners; those that have none yet get one.

    They lie in `partner-secrets.json`, partner id → `whsec_…`, readable by this account only.
    """
    file = folder / SECRETS_FILE
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    wanted = list(partners)
    if missing := [partner for partner in wanted if partner not in known]:
        known |= {partner: _new_secret() for partner in missing}
        _write_privately(file, json.dumps(known, indent=1, sort_keys=True))
    return {partner: known[partner] for partner in wanted}


def local_master_key(folder: Path) -> str:
    """The master key of an embedded run, made at its first start: 32 bytes in base64."""
    file = folder / MASTER_KEY_FILE
    if not file.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = LOCAL_MARK + secrets.token_bytes(32 - len(LOCAL_MARK))
        _write_privately(file, base64.b64encode(made).decode())
    return file.read_text()


def require_own_issuer(settings: Settings) -> None:
    """Refuse the local issuer outside the embedded run.

    Raises:
        SampleSecrets: naming the setting to change.
    """
    if settings.is_embedded:
        return
    if settings.issuer == LOCAL_ISSUER:
        raise SampleSecrets(
            f"JOURNEYMAN_ISSUER: {LOCAL_ISSUER!r} issues tokens for the embedded run only; "
            "name the issuer of your staff's tokens"
        )
    if settings.issuer_keys is None:
        raise SampleSecrets(
            "JOURNEYMAN_ISSUER_KEYS: not set; name the issuer's JWKS, a file or an http(s) address"
        )
    keys = settings.issuer_key_set()
    if isinstance(keys, Path) and _holds_local_key(keys):
        raise SampleSecrets(
            f"JOURNEYMAN_ISSUER_KEYS: {keys} holds the key of an embedded run; "
            "name the key set of your own issuer"
        )


def _holds_local_key(key_set: Path) -> bool:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        keys = json.loads(key_set.read_text())["keys"]
        return any(str(key.get("kid", "")).startswith(LOCAL_KEY_ID) for key in keys)
    return False


def _key_in(folder: Path) -> rsa.RSAPrivateKey:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / KEY_FILE
    if not file.exists():
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = made.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        _write_privately(file, pem.decode())
    key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def _key_id(key: rsa.RSAPrivateKey) -> str:
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return LOCAL_KEY_ID + hashlib.sha256(public).hexdigest()[:16]


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(LOCAL_MARK + secrets.token_bytes(27)).decode()


def _write_privately(file: Path, content: str) -> None:
    half_made = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(half_made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(content)
    half_made.replace(file)
