"""How a partner service's answers become Temporal failures: by type, never by their text."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.exceptions import ApplicationError

from domain.model import bounded
from partners.ports import PartnerRefused, PartnerUnavailable

PARTNER_REFUSED = "PartnerRefused"
"""Non-retryable; details: code, detail."""
PARTNER_UNAVAILABLE = "PartnerUnavailable"
"""Retried for as long as it takes."""
PARTNER_PAUSED = "PartnerPaused"
"""Retried when the gate says so (`activities.calls`)."""


@asynccontextmanager
async def partner_failures() -> AsyncIterator[None]:
    """Turn the ports' errors into typed failures, with the partner's text bounded."""
    try:
        yield
    except PartnerRefused as refused:
        raise ApplicationError(
            "the partner's service refused the request",
            bounded(refused.code),
            bounded(refused.detail),
            type=PARTNER_REFUSED,
            non_retryable=True,
        ) from None
    except PartnerUnavailable as unavailable:
        raise ApplicationError(bounded(str(unavailable)), type=PARTNER_UNAVAILABLE) from None
