"""Files of events to send: rows as an exam center's or a provider's table has them."""

import base64
import csv
import hashlib
import hmac
import io
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from uuid import uuid4

import httpx
from fastapi import FastAPI

from tests.api.conftest import client_of
from tests.api.partners import SECRETS

CENTER, PROVIDER = "center-sz-01", "provider-sz-01"
Cells = dict[str, str]
_numbers = count(1)


def a_result(**others: str) -> Cells:
    """The cells of a result that nothing is wrong with, of a booking of its own."""
    number = next(_numbers)
    return {
        "booking_ref": f"bkg-{number}",
        "component": "theory",
        "attempt": "1",
        "raw": "71",
        "max": "100",
        "sat_at": "2026-05-16",
    } | others


def an_attendance(**others: str) -> Cells:
    """The cells of a month's attendance, of an enrollment of its own."""
    number = next(_numbers)
    return {
        "enrollment_ref": f"enr-{number}",
        "period": "2026-05",
        "hours_planned": "40",
        "hours_attended": "38.5",
    } | others


def a_table(rows: Iterable[Mapping[str, str]], header: Sequence[str] | None = None) -> str:
    """A file of these rows, with the columns of the first one or those given."""
    given = list(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, header or list(given[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(given)
    return out.getvalue()


def file_headers(content: bytes, kind: str, secret: str) -> dict[str, str]:
    """The headers with which a file is sent, signed by Standard Webhooks."""
    message, moment = f"{kind}/{uuid4().hex}", str(int(time.time()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    told = f"{message}.{moment}.".encode() + content
    mac = base64.b64encode(hmac.new(key, told, hashlib.sha256).digest()).decode()
    return {
        "content-type": "text/csv",
        "webhook-id": message,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{mac}",
    }


async def send(
    app: FastAPI, content: str | bytes, kind: str = "results", partner: str = CENTER
) -> httpx.Response:
    """What a partner is answered that sends a file."""
    raw = content if isinstance(content, bytes) else content.encode()
    headers = file_headers(raw, kind, SECRETS[partner][0])
    query = {"source": f"/partners/{partner}", "kind": kind}
    async with client_of(app) as client:
        return await client.post("/v1/event-files", content=raw, params=query, headers=headers)
