"""Reports an event or a file of them to the API, signed as its partner would."""

import base64
import hmac
import json
import secrets
import time
from datetime import UTC, datetime
from urllib.parse import urlencode

import httpx

from domain.events import EventType
from partners.sandbox.signing import PartnerSecrets
from processes.commands.asking import ANSWER_WITHIN, Json, answer_of, not_reachable
from processes.faults import CommandFailed
from processes.local_issuer import SECRETS_FILE
from processes.settings import Settings
from store.partner_keys import MalformedSecret, key_of_secret


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
    ident = ident or f"ev_{secrets.token_hex(16)}"
    body = json.dumps(
        {
            "specversion": "1.0",
            "id": ident,
            "source": f"/partners/{partner}",
            "type": _event_type(kind).cloud_type,
            "subject": subject,
            "time": datetime.now(UTC).isoformat(),
            "datacontenttype": "application/json",
            "data": _data(data),
        },
        ensure_ascii=False,
    )
    return _send(
        settings, partner, "/v1/events", body.encode(), "application/cloudevents+json", ident
    )


def send_file(settings: Settings, *, partner: str, kind: str, content: bytes) -> Json:
    """Sign and send a file of events; returns the API's answer, the file.

    Args:
        kind: how the file is read, such as `results`.

    Raises:
        CommandFailed: there is no such partner, or the API refuses.
    """
    query = urlencode({"source": f"/partners/{partner}", "kind": kind})
    message = f"{kind}/{secrets.token_hex(16)}"
    return _send(settings, partner, f"/v1/event-files?{query}", content, "text/csv", message)


def _send(  # noqa: PLR0917 (what a signed request is made of)
    settings: Settings, partner: str, path: str, body: bytes, media_type: str, message: str
) -> Json:
    moment = str(int(time.time()))
    headers = {
        "content-type": media_type,
        "webhook-id": message,
        "webhook-timestamp": moment,
        "webhook-signature": _signature(_key(settings, partner), message, moment, body),
    }
    try:
        answer = httpx.post(
            f"{settings.api_url}{path}",
            content=body,
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


def _signature(key: bytes, message: str, moment: str, body: bytes) -> str:
    """By Standard Webhooks; its library signs texts only, and a file may be GB18030."""
    signed = hmac.digest(key, f"{message}.{moment}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(signed).decode()}"


def _key(settings: Settings, partner: str) -> bytes:
    if settings.partner_secret is not None:
        secret: str | None = settings.partner_secret.get_secret_value()
    else:
        secret = PartnerSecrets(settings.keys_folder / SECRETS_FILE).secret_of(partner)
    if secret is None:
        raise CommandFailed(
            f"--partner {partner}: no such partner in {settings.keys_folder / SECRETS_FILE}"
        )
    try:
        return key_of_secret(secret)
    except MalformedSecret:
        raise CommandFailed("JOURNEYMAN_PARTNER_SECRET must be whsec_ and base64") from None
