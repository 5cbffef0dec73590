"""Whether an event is genuine and fresh: Standard Webhooks, symmetric scheme `v1`.

The signed text is `{webhook-id}.{webhook-timestamp}.{body}`. Why this is not the library's check:
`docs/decisions/0015-our-own-reading-of-events.md`.
"""

import base64
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from starlette.datastructures import Headers

from api.problems import NotGenuine
from store.registry import PartnerKey

REFUSED = "the source, its key, the signature or its time is not accepted"
"""The same words whatever is wrong, so that nobody learns which sources exist."""

SIGNATURE_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")

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
        NotGenuine: one is missing, or given twice, so that nobody can say which was signed.
    """
    given = [headers.getlist(name) for name in SIGNATURE_HEADERS]
    if not all(len(values) == 1 and values[0] for values in given):
        raise NotGenuine("send webhook-id, webhook-timestamp and webhook-signature, each once")
    return SignatureHeaders(*(values[0] for values in given))


def is_fresh(headers: SignatureHeaders, now: datetime, tolerance: timedelta) -> bool:
    """Whether the signature's time is whole seconds within `tolerance` of `now`."""
    if not _TIMESTAMP.fullmatch(headers.timestamp):
        return False
    return abs(now.timestamp() - int(headers.timestamp)) <= tolerance.total_seconds()


def signer(headers: SignatureHeaders, body: bytes, keys: Sequence[PartnerKey]) -> PartnerKey | None:
    """The key with which one of the signatures was made, None where it was none of them.

    Every key is tried with every signature, so that the time tells nothing of which one was near.
    """
    if not _ID.fullmatch(headers.message_id) or not _TIMESTAMP.fullmatch(headers.timestamp):
        return None
    prefix = f"{headers.message_id}.{headers.timestamp}.".encode("ascii")
    ours = (text for text in headers.signatures.split(" ") if text.startswith("v1,"))
    given = [
        text.removeprefix("v1,").encode("ascii", "replace")
        for text in islice(ours, _MOST_SIGNATURES)
    ]
    found = None
    for key in keys:
        made = hmac.new(key.key, prefix, "sha256")
        made.update(body)
        expected = base64.b64encode(made.digest())
        for signature in given:
            if hmac.compare_digest(expected, signature):
                found = key
    return found
