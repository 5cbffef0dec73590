"""Watches a run: its figures, its processes, and whether everybody has arrived."""

import asyncio
import contextlib
import time

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from processes.demo.display import Display
from processes.demo.figures import Figures, read_figures
from processes.demo.script import DemoScript
from processes.embedded_run import EmbeddedRun

LOOKS_EVERY = 0.5
"""Seconds between two looks at the figures."""
UNCHANGED_FOR = 3.0
"""Seconds without a change until a run with nothing left to do has ended."""


class Watch:
    """The figures as of the last look.

    Raises `ProcessEnded`, at each look, where a process of the run gave up.
    """

    def __init__(self, run: EmbeddedRun, script: DemoScript, engine: AsyncEngine) -> None:
        self._run = run
        self._script = script
        self._engine = engine
        self._changed_at = time.monotonic()
        self.figures = Figures.of_nothing()

    async def look(self) -> None:
        """Read the figures anew."""
        self._run.check()
        figures = await read_figures(self._engine, self._script)
        if figures != self.figures:
            self._changed_at = time.monotonic()
        self.figures = figures

    async def until_told(self, display: Display, stop: asyncio.Event) -> None:
        """Show the figures until `stop` is set."""
        while not stop.is_set():
            await self.look()
            display.show(self.figures)
            await _pause(stop)

    async def until_ended(self, display: Display, stop: asyncio.Event, deadline: float) -> bool:
        """Show the figures until nothing is left to do; False where it was broken off before.

        Args:
            deadline: when to give up, by the monotonic clock.
        """
        while not stop.is_set() and time.monotonic() < deadline:
            await self.look()
            display.show(self.figures)
            if await self._nothing_left():
                return True
            await _pause(stop)
        return False

    async def _nothing_left(self) -> bool:
        """Every journey is closed, or stuck as the script expects, and no event is on its way."""
        if self.figures.unaccounted or self.figures.under_way:
            return False
        if time.monotonic() - self._changed_at < UNCHANGED_FOR:
            return False
        return not await self._sandbox_has_mail()

    async def _sandbox_has_mail(self) -> bool:
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            answer = await client.get(f"{self._run.sandbox_url}/control/ledger?limit=1")
        return bool(answer.raise_for_status().json()["events"].get("pending"))


async def _pause(stop: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), LOOKS_EVERY)
