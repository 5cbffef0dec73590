"""Rounds: so many at once until so many are done, with the CPU that each process used meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from bench.cpu import Seconds, cpu_seconds, spent


@dataclass(frozen=True)
class Round:
    """What came out of a round, in `seconds`; `cpu` in seconds by process."""

    done: tuple[str, ...]
    seconds: float
    cpu: Seconds

    @property
    def per_second(self) -> float:
        """How many were done in a second."""
        return len(self.done) / self.seconds


async def play(
    carry: Callable[[], Awaitable[str]],
    total: int,
    at_once: int,
    pids: Mapping[str, int],
    tell: Callable[[int], None],
) -> Round:
    """Carry `total`, `at_once` at a time; a next one begins when one is done.

    Args:
        carry: carries one to its end and returns its id; its failure ends the round.
        pids: the processes whose CPU is counted.
        tell: told how many are done.
    """
    left = iter(range(total))
    done: list[str] = []

    async def carry_some() -> None:
        for _ in left:
            done.append(await carry())
            tell(len(done))

    before, began = cpu_seconds(pids), time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(at_once, total)):
            tasks.create_task(carry_some())
    seconds = time.perf_counter() - began
    return Round(tuple(done), seconds, spent(before, cpu_seconds(pids)))
