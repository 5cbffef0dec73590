"""How fast the relay goes: starts are metered, and it backs off from what does not answer."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
"""Seconds; what was accepted during an outage goes on within so long of its end."""


@dataclass(frozen=True)
class Pace:
    """The settings of a relay.

    `starts_per_second` is for this relay; several add up. `batch` is the number of journeys leased
    at a time, `lease` how long they are held at most, `poll` how long the relay waits for a hint
    before it looks by itself. `odd_ones_wait` is how long mail or a start is left alone that
    Temporal refuses for reasons of its own.
    """

    starts_per_second: float = 20.0
    batch: int = 100
    lease: timedelta = timedelta(seconds=30)
    poll: timedelta = timedelta(seconds=0.5)
    odd_ones_wait: timedelta = timedelta(seconds=30)


class Meter:
    """Lets so many through a second, evenly: at most a quarter of a second's worth at once."""

    def __init__(self, per_second: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._most = max(1.0, per_second / 4)
        self._monotonic = monotonic
        self._left = self._most
        self._seen_at = monotonic()

    def take(self, wanted: int) -> int:
        """How many of those wanted may go now; they are counted as gone."""
        now = self._monotonic()
        self._left = min(self._most, self._left + (now - self._seen_at) * self._per_second)
        self._seen_at = now
        taken = min(wanted, int(self._left))
        self._left -= taken
        return taken

    def give_back(self, count: int) -> None:
        """Those did not go after all."""
        self._left = min(self._most, self._left + count)

    @property
    def next_in(self) -> float:
        """Seconds until one more may go."""
        return max(0.0, (1 - self._left) / self._per_second)


class Backoff:
    """Ever longer pauses, up to the longest, until something succeeds."""

    def __init__(self) -> None:
        self._pause = FIRST_PAUSE

    def pause(self) -> float:
        """Seconds to wait now; the next time twice as long."""
        pause = self._pause
        self._pause = min(LONGEST_PAUSE, pause * 2)
        return pause

    def reset(self) -> None:
        """It works again."""
        self._pause = FIRST_PAUSE
