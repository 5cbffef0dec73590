"""The sandbox process: every partner service, for development, demos and tests."""

import asyncio

import structlog

from partners.sandbox.app import create_sandbox
from partners.sandbox.settings import SandboxSettings
from processes.embedded.ports import LOOPBACK
from processes.local_issuer import SECRETS_FILE
from processes.serving import serve
from processes.settings import Settings

log = structlog.get_logger(__name__)

ISSUER = "issuer-skill-certificates"
"""The partner that issues the sandbox's certificates."""


async def run_sandbox(settings: Settings, stop: asyncio.Event) -> None:
    """Play the partners until told to stop, on the loopback interface only.

    Raises:
        SecretsError: the partners' secrets can't be read.
        PortTaken: naming the setting.
    """
    ledger = settings.data_folder / "sandbox" / "ledger.sqlite"
    ledger.parent.mkdir(parents=True, exist_ok=True)
    app = create_sandbox(
        SandboxSettings(
            ledger=ledger,
            events_url=f"{settings.api_url}/v1/events",
            secrets_file=settings.keys_folder / SECRETS_FILE,
            issuer=ISSUER,
            pace_s=settings.sandbox_pace,
            seed=settings.sandbox_seed,
        )
    )
    log.info("sandbox_ready", port=settings.sandbox_port)
    await serve(
        app,
        stop,
        host=LOOPBACK,
        port=settings.sandbox_port,
        purpose="the sandbox partners",
        setting="JOURNEYMAN_SANDBOX_PORT",
    )
