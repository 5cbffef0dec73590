"""`journeyman event`: what a partner's system does, from a terminal."""

import json
import secrets
from datetime import UTC, datetime
from typing import Annotated

import httpx
import typer
from standardwebhooks.webhooks import Webhook

from domain.events import EventType
from partners.sandbox.signing import PartnerSecrets
from processes.commands.asking import ANSWER_WITHIN, answer_of, not_reachable
from processes.faults import CommandFailed, told
from processes.local_issuer import SECRETS_FILE
from processes.settings import Settings, load_settings

app = typer.Typer(no_args_is_help=True, help="Report events as a partner would.")


@app.callback()
def events() -> None:
    """Report events as a partner would."""


@app.command()
def send(
    partner: Annotated[str, typer.Option(help="Who reports it, such as provider-shenzhen-01.")],
    kind: Annotated[str, typer.Option("--type", help="Such as training.completed.")],
    subject: Annotated[
        str, typer.Option(help="The journey's id, or the reference that the partner knows.")
    ],
    data: Annotated[str, typer.Option(help="The event's data as a JSON object.")] = "{}",
    event_id: Annotated[
        str | None, typer.Option("--id", help="The event's id; the same again is a duplicate.")
    ] = None,
) -> None:
    """Sign one event as a CloudEvent and send it; prints the receipt.

    In an embedded run the partner's secret is in the data folder. Elsewhere it is given by
    JOURNEYMAN_PARTNER_SECRET (whsec_...). The API: JOURNEYMAN_API_HOST, JOURNEYMAN_API_PORT.

    Example:

      journeyman event send --partner center-shenzhen-01 --type assessment.absent
      --subject bkg_7f... --data '{"component": "theory", "attempt": 1, "excused": true}'
    """
    with told():
        settings = load_settings()
        at = datetime.now(UTC)
        ident = event_id or f"ev_{secrets.token_hex(16)}"
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
        typer.echo(json.dumps(answer_of(answer), ensure_ascii=False, indent=2))


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
