"""Serves an HTTP application until the process is told to stop; requests under way are finished."""

import asyncio
import contextlib
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from processes.connections import Manners, with_manners
from processes.embedded.ports import require_free

USUAL = Manners()
FINISHED_WITHIN = 10
"""Seconds that requests under way get when the process is told to stop."""


async def serve(
    app: FastAPI,
    stop: asyncio.Event,
    *,
    host: str,
    port: int,
    purpose: str,
    setting: str,
    manners: Manners = USUAL,
) -> None:
    """Serve `app` until `stop` is set.

    Args:
        purpose: what the port is for, for the message about a taken one.
        setting: the environment variable that names another port.
        manners: what a connection may take.

    Raises:
        PortTaken: naming port and setting.
    """
    require_free(port, purpose, setting)
    server = _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=with_manners(manners),
            timeout_keep_alive=manners.kept_alive,
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=FINISHED_WITHIN,
        )
    )
    serving = asyncio.create_task(server.serve())
    told = asyncio.create_task(stop.wait())
    await asyncio.wait((serving, told), return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    told.cancel()
    await serving


class _Server(uvicorn.Server):
    """Leaves the signals to the process, which tells it to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
