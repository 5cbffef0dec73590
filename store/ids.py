"""Ids that we hand out: opaque, never reused."""

import secrets
import time
from typing import Literal

Prefix = Literal["jn", "pr", "rc", "co", "ef", "pk", "qd", "tk"]


def new_id(prefix: Prefix) -> str:
    """`jn_…`, `pr_…` and so on, with 32 hex digits.

    The first twelve digits are the time in milliseconds, so that new lines land side by side in the
    index; the other twenty are random.
    """
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"
