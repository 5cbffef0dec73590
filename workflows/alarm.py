"""One lazy timer for the nearest moment on a journey's clock."""

import asyncio
from datetime import datetime

from temporalio import workflow

_JUST_PAST = 0.001
"""Seconds: a timer may fire a moment early by the workflow's clock."""


class Alarm:
    """An earlier alarm is left to fire and look again: it costs less than a timer a wait."""

    def __init__(self) -> None:
        self._timer: asyncio.Task[None] | None = None
        self._at: datetime | None = None

    def set(self, at: datetime) -> None:
        """Ring at this moment, or before."""
        if self._timer is not None and not self._timer.done():
            if self._at is not None and self._at <= at:
                return
            self._timer.cancel()
        length = max((at - workflow.now()).total_seconds(), 0.0)
        self._at = at
        self._timer = asyncio.create_task(asyncio.sleep(length + _JUST_PAST))

    @property
    def rings(self) -> bool:
        """Whether it has gone off and was not hushed."""
        return self._timer is not None and self._timer.done()

    def hush(self) -> None:
        """It was heard."""
        if self.rings:
            self._timer = None
