"""The demo's outage: one service goes down for a while, and comes back."""

import asyncio
from collections.abc import Callable

import httpx

from domain.stages import Stage
from processes.commands.asking import ANSWER_WITHIN, answer_of
from processes.demo.figures import Figures
from processes.demo.script import Outage

LOOKS_EVERY = 0.2
"""Seconds."""


async def play_outage(sandbox_url: str, outage: Outage, figures: Callable[[], Figures]) -> None:
    """Take the service down once enough journeys are that far; it comes back in any case."""
    async with httpx.AsyncClient(
        base_url=sandbox_url, timeout=ANSWER_WITHIN, trust_env=False
    ) as sandbox:
        while not _due(outage, figures()):  # noqa: ASYNC110 (figures come from a poll)
            await asyncio.sleep(LOOKS_EVERY)
        await _tell(sandbox, outage, down=True)
        try:
            await asyncio.sleep(outage.seconds)
        finally:
            await _tell(sandbox, outage, down=False)


async def end_outage(sandbox_url: str, outage: Outage) -> None:
    """Bring the service back, where an earlier run of this data folder was killed meanwhile."""
    async with httpx.AsyncClient(
        base_url=sandbox_url, timeout=ANSWER_WITHIN, trust_env=False
    ) as sandbox:
        await _tell(sandbox, outage, down=False)


def _due(outage: Outage, figures: Figures) -> bool:
    there = figures.stages.get(Stage.PLACEMENT, 0)
    gone_through = there + figures.stages.get(Stage.CLOSED, 0)
    return there > 0 and gone_through >= outage.begins_at_share * figures.started


async def _tell(sandbox: httpx.AsyncClient, outage: Outage, *, down: bool) -> None:
    path = f"/control/services/{outage.service}"
    answer_of(await sandbox.put(path, json={"down": True} if down else {}))
