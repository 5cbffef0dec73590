"""Sample partners with their secrets, and events signed as they sign them."""

import base64
import json
import time
from datetime import UTC, datetime
from uuid import uuid4

from standardwebhooks.webhooks import Webhook

from domain.senders import SenderKind
from store.registry import PartnerRow

MEDIA_TYPE = "application/cloudevents+json"


def _partner(partner: str, kind: SenderKind, region: str = "44") -> PartnerRow:
    return PartnerRow(
        id=partner,
        organization=f"org-{partner}",
        kind=kind,
        name=partner,
        region=region,
        source=f"/partners/{partner}",
    )


PARTNERS = (
    _partner("registry-gd-01", SenderKind.REGISTRY),
    _partner("provider-sz-01", SenderKind.PROVIDER),
    _partner("center-sz-01", SenderKind.CENTER),
    _partner("issuer-gd-01", SenderKind.ISSUER),
    _partner("jobs-sz-01", SenderKind.JOB_SERVICE),
    _partner("employer-sz-01", SenderKind.EMPLOYER),
    _partner("panel-440305", SenderKind.PANEL, "440305"),
    _partner("panel-440306", SenderKind.PANEL, "440306"),
)
SECRETS = {
    partner.id: ["whsec_" + base64.b64encode(f"key of {partner.id:>24}".encode()).decode()]
    for partner in PARTNERS
}


def an_event(partner: str = "provider-sz-01", **others: object) -> dict[str, object]:
    """A well-formed event of a provider; give what is to be different."""
    return {
        "specversion": "1.0",
        "id": f"ev-{uuid4().hex}",
        "source": f"/partners/{partner}",
        "type": "journeyman.enrollment.confirmed.v1",
        "subject": "enr-1",
        "time": "2026-03-01T09:00:00+08:00",
        "datacontenttype": "application/json",
        "data": {"enrollment_ref": "enr-1", "cohort": "2026-03"},
    } | others


def as_body(event: object) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()


def signed(
    body: bytes,
    partner: str = "provider-sz-01",
    *,
    secret: str | None = None,
    at: float | None = None,
    message_id: str = "msg-1",
) -> dict[str, str]:
    """The headers with which the partner sends this body, by the library that partners use."""
    moment = datetime.fromtimestamp(int(time.time() if at is None else at), UTC)
    webhook = Webhook(secret or SECRETS[partner][0])
    return {
        "content-type": MEDIA_TYPE,
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": webhook.sign(message_id, moment, body.decode()),
    }
