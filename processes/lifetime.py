"""How long a process lives: until SIGTERM or SIGINT, and then it finishes what is under way."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

import uvloop

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def live(work: Callable[[asyncio.Event], Awaitable[int | None]]) -> int:
    """Run `work` on an event loop of its own; returns the exit code that it gives, else 0.

    Args:
        work: gets an event that is set once the process is told to stop.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_until_told(work)) or 0


async def _until_told(work: Callable[[asyncio.Event], Awaitable[int | None]]) -> int | None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    return await work(stop)
