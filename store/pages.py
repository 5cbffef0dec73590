"""Keyset pages: a cursor is the sort key of the last item, so that what is inserted meanwhile
neither repeats nor hides a line."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Generic, TypeVar

from domain.model import Word

Item = TypeVar("Item")


class BadCursor(Exception):
    """The cursor is not one that we handed out for this list."""


class Page(Word, Generic[Item]):
    """Some items, and the cursor of the page after them; None at the end."""

    items: tuple[Item, ...]
    next_cursor: str | None


def cursor_of(*key: str | int) -> str:
    """The opaque cursor of a sort key."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def key_of(cursor: str, shape: tuple[type, ...]) -> tuple[str | int, ...]:
    """The sort key that a cursor stands for.

    Raises:
        BadCursor: for anything that is not a key of that shape.
    """
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        raise BadCursor(cursor) from None
    if not isinstance(key, list) or tuple(type(part) for part in key) != shape:
        raise BadCursor(cursor)
    if not all(_can_be_compared(part) for part in key):
        raise BadCursor(cursor)
    return tuple(key)


def page_of(
    found: Sequence[Item], limit: int, key: Callable[[Item], tuple[str | int, ...]]
) -> Page[Item]:
    """The first `limit` of what was found, where one more than that was asked for.

    Args:
        key: an item's sort key, of which the next page's cursor is made.
    """
    items = tuple(found[:limit])
    more = len(found) > limit
    return Page(items=items, next_cursor=cursor_of(*key(items[-1])) if more else None)


def moment_of(part: str | int) -> datetime:
    """A part of a sort key that is a time, in UTC.

    Raises:
        BadCursor: it is none.
    """
    try:
        moment = datetime.fromisoformat(str(part))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BadCursor(str(part))


def _can_be_compared(part: str | int) -> bool:
    """Whether PostgreSQL takes it: a text without NUL and surrogates, an int of 32 bits."""
    if isinstance(part, int):
        return abs(part) < 2**31
    return "\0" not in part and part.isascii()
