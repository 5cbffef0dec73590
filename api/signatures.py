"""Whether an event is genuine and fresh: Standard Webhooks, symmetric scheme `v1`.

The signed text is `{webhook-id}.{webhook-timestamp}.{body}`; our own check of the same scheme as
the `standardwebhooks` library's, because that one reads fractional times, takes a dot in the id
and looks at the machine's clock.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.datastructures import Headers

from api.problems import NotGenuine

REFUSED = "the source, its key, the signature or its time is not accepted"
"""The same words whatever is wrong, so that nobody learns which sources exist."""

_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,200}")
_TIMESTAMP = re.compile(r"[1-9][0-9]{0,11}")
_MOST_SIGNATURES = 10


@dataclass(frozen=True)
class SignatureHeaders:
    """The three headers of a signed request, as they came."""

    message_id: str
    timestamp: str
    signatures: str


def signature_headers(headers: Headers) -> SignatureHeaders:
    """The three headers.

    Raises:
        NotGenuine: one is missing.
    """
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "")
    if not (message_id and timestamp and signatures):
        raise NotGenuine("send webhook-id, webhook-timestamp and webhook-signature")
    return SignatureHeaders(message_id, timestamp, signatures)


def key_of(secret: str) -> bytes:
    """The key's bytes of a secret as partners hold it: `whsec_` and base64, padded or not.

    Raises:
        ValueError: it is no such secret.
    """
    try:
        encoded = secret.removeprefix("whsec_").encode("ascii")
        key = base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("not a webhook secret") from None
    if not key:
        raise ValueError("an empty webhook secret")
    return key


def is_fresh(headers: SignatureHeaders, now: datetime, tolerance: timedelta) -> bool:
    """Whether the signature's time is whole seconds within `tolerance` of `now`."""
    if not _TIMESTAMP.fullmatch(headers.timestamp):
        return False
    return abs(now.timestamp() - int(headers.timestamp)) <= tolerance.total_seconds()


def is_signed(headers: SignatureHeaders, body: bytes, keys: Sequence[bytes]) -> bool:
    """Whether one of the signatures was made with one of the keys."""
    if not _ID.fullmatch(headers.message_id):
        return False
    signed = f"{headers.message_id}.{headers.timestamp}.".encode("ascii") + body
    given = [
        text.removeprefix("v1,").encode("ascii", "replace")
        for text in headers.signatures.split(" ")[:_MOST_SIGNATURES]
        if text.startswith("v1,")
    ]
    genuine = False
    for key in keys:
        expected = base64.b64encode(hmac.digest(key, signed, "sha256"))
        for signature in given:
            genuine |= hmac.compare_digest(expected, signature)
    return genuine
