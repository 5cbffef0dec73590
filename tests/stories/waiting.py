"""Waiting for what somebody else does, without guessing how long it takes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Found = TypeVar("Found")
LOOKS_EVERY = 0.1
"""Seconds between two looks."""


async def until(
    look: Callable[[], Awaitable[Found | None]], what: str, within: float = 120
) -> Found:
    """What `look` finds, once it finds something; fails after `within` seconds, naming `what`."""
    try:
        async with asyncio.timeout(within):
            while True:
                found = await look()
                if found:
                    return found
                await asyncio.sleep(LOOKS_EVERY)
    except TimeoutError:
        raise AssertionError(f"not within {within:g} s: {what}") from None
