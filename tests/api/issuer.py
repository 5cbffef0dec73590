"""An issuer of staff tokens with a key set of its own."""

import json
import time
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm


class Issuer:
    """Signs tokens; every claim can be bent."""

    name = "https://issuer.test"

    def __init__(self, folder: Path) -> None:
        self.key_set = folder / "jwks.json"
        self._keys: dict[str, rsa.RSAPrivateKey] = {}
        self.rotate("first")

    def rotate(self, kid: str) -> None:
        """Sign with a new key from now on; the older ones stay in the key set."""
        self._keys[kid] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._kid = kid
        public = [
            RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": name, "alg": "RS256"}
            for name, key in self._keys.items()
        ]
        self.key_set.write_text(json.dumps({"keys": public}))

    def claims(self, role: str, **others: object) -> dict[str, object]:
        now = int(time.time())
        return {
            "iss": self.name,
            "aud": "journeyman",
            "sub": f"{role}-1",
            "role": role,
            "nbf": now - 5,
            "exp": now + 600,
        } | others

    def token(self, role: str, **others: object) -> str:
        return self.sign(self.claims(role, **others))

    def sign(self, claims: dict[str, object], *, algorithm: str = "RS256", **header: object) -> str:
        headers = {"kid": self._kid} | header
        return jwt.encode(claims, self._keys[self._kid], algorithm=algorithm, headers=headers)
