"""Checks of what answers by HTTP: the staff's issuer and the partner services."""

import json
from collections.abc import Awaitable, Callable

import httpx

from processes.checks.finding import Broken, Idle, not_started
from processes.local_issuer import SampleSecrets, require_own_issuer
from processes.settings import Service, Settings

ANSWER_WITHIN = 3.0
"""Seconds."""


async def check_issuer(settings: Settings) -> str:
    """Its key set can be read, and is not a sample."""
    try:
        require_own_issuer(settings)
    except SampleSecrets as error:
        raise Broken(str(error), "set the variable named") from None
    source = settings.issuer_key_set()
    try:
        if isinstance(source, str):
            async with httpx.AsyncClient(timeout=ANSWER_WITHIN) as client:
                document = (await client.get(source)).raise_for_status().text
        else:
            document = source.read_text()
        keys = len(json.loads(document)["keys"])
    except FileNotFoundError:
        if settings.issuer_keys is None:
            raise Idle(f"{source} is not there yet", "`journeyman up` makes it") from None
        raise Broken(f"{source} is not there", "correct JOURNEYMAN_ISSUER_KEYS") from None
    except (OSError, httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise Broken(
            f"{source} is no readable key set ({type(error).__name__})",
            "correct JOURNEYMAN_ISSUER_KEYS",
        ) from None
    return f"{settings.issuer}, {keys} key{'s' if keys != 1 else ''} in {source}"


def check_service(service: Service) -> Callable[[Settings], Awaitable[str]]:
    """The check that something answers at a partner service's address."""

    async def check(settings: Settings) -> str:
        address = settings.service_url(service)
        try:
            async with httpx.AsyncClient(timeout=ANSWER_WITHIN, trust_env=False) as client:
                answer = await client.get(address)
        except httpx.HTTPError as error:
            if settings.is_embedded and settings.named_service_url(service) is None:
                raise not_started("sandbox") from None
            raise Broken(
                f"{address} does not answer ({type(error).__name__})",
                f"see that it runs and that JOURNEYMAN_{service.upper()}_URL is right",
            ) from None
        if answer.status_code >= 500:
            raise Broken(f"{address} answers {answer.status_code}", "ask the partner")
        return address

    return check
