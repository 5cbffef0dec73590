"""The base of every word that crosses a room: an immutable, closed pydantic model.

Why pydantic and not dataclasses: `docs/decisions/0005-pydantic-in-domain.md`.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

TEXT_LIMIT = 500
"""Longest free text (reasons, partner text) that may enter a history, in characters."""

Text = Annotated[str, StringConstraints(max_length=TEXT_LIMIT, strip_whitespace=True)]
"""Free text, at most 500 characters, so that a history stays small."""

Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
"""Why somebody departs from the rules: 1 to 500 characters."""

Ref = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[\x21-\x7e]+$")]
"""An opaque reference: 1 to 120 printable ASCII characters without a space."""


class Word(BaseModel):
    """An immutable value of the domain; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def bounded(text: str) -> str:
    """Partner text cut to what may enter a history (500 characters)."""
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"
