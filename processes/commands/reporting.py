"""Reports one event to the API, signed as its partner would."""

import json
import secrets
from datetime import UTC, datetime

import httpx
from standardwebhooks.webhooks import Webhook

from domain.events import EventType
from partners.sandbox.signing import PartnerSecrets
from processes.commands.asking import ANSWER_WITHIN, Json, answer_of, not_reachable
from processes.faults import CommandFailed
from processes.local_issuer import SECRETS_FILE
from processes.settings import Settings


def report_event(
    settings: Settings, *, partner: str, kind: str, subject: str, data: str, ident: str | None
) -> Json:
    """Sign and send an event; returns the API's answer with the receipt.

    Args:
        kind: the event's type without `journeyman.` and `.v1`.
        data: a JSON object.
        ident: the event's id; a new one where None.

    Raises:
        CommandFailed: there is no such type or partner, or the API refuses.
    """
    at = datetime.now(UTC)
    ident = ident or f"ev_{secrets.token_hex(16)}"
    body = json.dumps(
        {
            "specversion": "1.0",
            "id": ident,
            "source": f"/partners/{partner}",
            "type": _event_type(kind).cloud_type,
            "subject": subject,
            "time": at.isoformat(),
            "datacontenttype": "application/json",
            "data": _data(data),
        },
        ensure_ascii=False,
    )
    headers = {
        "content-type": "application/cloudevents+json",
        "webhook-id": ident,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": _signature(settings, partner, ident, at, body),
    }
    try:
        answer = httpx.post(
            f"{settings.api_url}/v1/events",
            content=body.encode(),
            headers=headers,
            timeout=ANSWER_WITHIN,
            trust_env=False,
        )
    except httpx.HTTPError as fault:
        raise not_reachable(settings.api_url, fault) from None
    return answer_of(answer)


def _event_type(name: str) -> EventType:
    try:
        return EventType(name)
    except ValueError:
        known = ", ".join(EventType)
        raise CommandFailed(f"--type {name}: there is no such event; there are {known}") from None


def _data(text: str) -> dict[str, object]:
    try:
        content = json.loads(text)
    except ValueError as fault:
        raise CommandFailed(f"--data is no JSON: {fault}") from None
    if not isinstance(content, dict):
        raise CommandFailed("--data must be a JSON object")
    return content


def _signature(settings: Settings, partner: str, ident: str, at: datetime, body: str) -> str:
    if settings.partner_secret is not None:
        try:
            return Webhook(settings.partner_secret.get_secret_value()).sign(ident, at, body)
        except Exception:  # the library raises what its base64 decoder raises
            raise CommandFailed("JOURNEYMAN_PARTNER_SECRET must be whsec_ and base64") from None
    signature = PartnerSecrets(settings.keys_folder / SECRETS_FILE).sign(partner, ident, at, body)
    if signature is None:
        raise CommandFailed(
            f"--partner {partner}: no such partner in {settings.keys_folder / SECRETS_FILE}"
        )
    return signature
