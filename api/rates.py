"""How often somebody may ask: token buckets by key, kept in this process.

Each API process counts for itself, so that no request waits for another machine to be let in.
"""

import hashlib
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

BURST_SECONDS = 2.0
"""A bucket holds what its rate gives in this time."""

KEYS_KEPT = 50_000
"""Buckets of one kind kept at once, about 200 bytes each; the longest unused goes first."""

FAILURES_SECONDS = 10.0
"""An address may fail at once as often as it may in this time: offices renew tokens together."""

TOKENS_KNOWN = 20_000
"""Tokens of late that are remembered as good, by their hash."""

_NETWORK_BITS = 64
"""What one IPv6 customer is given: single addresses of it are hers to choose."""


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Rates:
    """Token buckets by key.

    Args:
        per_second: what flows into a bucket.
        at_once: what a full bucket holds; by default what flows in within two seconds.
        keys_kept: how many buckets are kept.
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        per_second: float,
        *,
        at_once: float | None = None,
        keys_kept: int = KEYS_KEPT,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_second = per_second
        self._at_once = at_once
        self._keys_kept = keys_kept
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, count: int = 1, *, per_second: float | None = None) -> float:
        """Take `count` out of the key's bucket, or nothing.

        More than a bucket holds is given where it is full, and owed: a batch passes, and what comes
        after it waits the longer.

        Args:
            key: whose bucket.
            count: how much is taken.
            per_second: the rate of this key where it has one of its own.

        Returns:
            0.0 where it was taken, else the seconds after which it can be.
        """
        bucket, rate, full = self._filled(key, per_second)
        needed = min(float(count), full)
        if bucket.left >= needed:
            bucket.left -= count
            return 0.0
        return (needed - bucket.left) / rate

    def wait(self, key: str) -> float:
        """Seconds until the key's bucket gives one again, 0.0 where it does; nothing is taken."""
        if key not in self._buckets:
            return 0.0
        bucket, rate, _ = self._filled(key, None)
        return max(0.0, (1.0 - bucket.left) / rate)

    def _filled(self, key: str, per_second: float | None) -> tuple[_Bucket, float, float]:
        rate = self._per_second if per_second is None else per_second
        full = max(1.0, rate * BURST_SECONDS if self._at_once is None else self._at_once)
        now = self._monotonic()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(left=full, at=now)
            if len(self._buckets) > self._keys_kept:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
            bucket.left = min(full, bucket.left + (now - bucket.at) * rate)
            bucket.at = now
        return bucket, rate, full


class Refusals:
    """Slows down whoever guesses: counts failed authentications by the client's address.

    An office behind one address shares its bucket, so only failures count, and a token that was
    good before is let through to be verified even while the address has to wait.

    Args:
        per_second: failures of one address that are looked at.
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(self, per_second: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._failures = Rates(
            per_second, at_once=per_second * FAILURES_SECONDS, monotonic=monotonic
        )
        self._good: OrderedDict[bytes, None] = OrderedDict()

    def wait(self, address: str | None, credentials: str) -> float:
        """Seconds until this address may try again; 0.0 where it may, or its token was good."""
        seconds = self._failures.wait(network_of(address))
        return 0.0 if seconds and _hash(credentials) in self._good else seconds

    def failed(self, address: str | None) -> None:
        """Count a failed authentication."""
        self._failures.take(network_of(address))

    def succeeded(self, credentials: str) -> None:
        """Remember that these are good."""
        known = _hash(credentials)
        self._good[known] = None
        self._good.move_to_end(known)
        if len(self._good) > TOKENS_KNOWN:
            self._good.popitem(last=False)


def network_of(address: str | None) -> str:
    """Whose address it is: an IPv4 address itself, the /64 of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        if mapped is not None:
            return str(mapped)
        return str(ipaddress.ip_network((int(parsed), _NETWORK_BITS), strict=False))
    return str(parsed)


def _hash(credentials: str) -> bytes:
    return hashlib.sha256(credentials.encode(errors="surrogatepass")).digest()
