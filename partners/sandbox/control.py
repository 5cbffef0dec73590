"""The control route: tells the sandbox what to do, and reads its books. Loopback only."""

import ipaddress
import sqlite3
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from domain.events import EventType
from domain.model import Ref
from partners.requests import SERVICES, Service
from partners.sandbox.answers import Problem, answer_json
from partners.sandbox.controls import Controls
from partners.sandbox.ledger import Ledger
from partners.sandbox.outgoing import Outbox
from partners.sandbox.scripts import PartnerControl, ServiceControl, TraineeScript

Limit = Annotated[int, Query(ge=1, le=10_000, description="at most so many rows, newest first")]
PartnerId = Annotated[Ref, Path(description="the partner's id")]
PersonRef = Annotated[Ref, Path(description="the trainee's opaque reference, `pr_…`")]


def loopback_only(request: Request) -> None:
    """Refuse callers of other machines."""
    host = request.client.host if request.client else ""
    try:
        near = ipaddress.ip_address(host).is_loopback
    except ValueError:
        near = False
    if not near:
        raise Problem(403, "loopback_only", "the control route answers to this machine only")


def control_routes(ledger: Ledger, outbox: Outbox, controls: Controls) -> APIRouter:
    """The routes under `/control`."""
    router = APIRouter(
        prefix="/control",
        tags=["control (loopback only)"],
        dependencies=[Depends(loopback_only)],
        responses={
            403: {"description": "the caller is not on this machine"},
            422: {"description": "an order that does not exist or has a wrong value"},
        },
    )

    @router.put("/services/{service}")
    async def tell_service(service: Service, control: ServiceControl) -> ServiceControl:
        """Replace the orders of a whole service."""
        controls.tell_service(service, control)
        return control

    @router.put("/partners/{partner}")
    async def tell_partner(partner: PartnerId, control: PartnerControl) -> PartnerControl:
        """Replace the orders of one partner."""
        controls.tell_partner(partner, control)
        return control

    @router.put("/trainees/{person_ref}")
    async def tell_trainee(person_ref: PersonRef, script: TraineeScript) -> TraineeScript:
        """Replace the script of one trainee; it holds for requests from now on."""
        controls.tell_trainee(person_ref, script)
        return script

    @router.delete("", status_code=204)
    async def forget() -> Response:
        """Forget all orders and scripts; the ledger stays."""
        controls.forget()
        return Response(status_code=204)

    @router.get("/ledger")
    async def read_ledger(
        journey: Ref | None = None, key: Ref | None = None, limit: Limit = 1000
    ) -> Response:
        """Counts, and one row for each idempotency key: arrivals, effects, reference."""
        return answer_json(
            {
                "requests": _requests(ledger.db),
                "events": outbox.counts(),
                "keys": _keys(ledger.db, journey, key, limit),
            }
        )

    @router.get("/events")
    async def read_events(
        journey: Ref | None = None,
        partner: Ref | None = None,
        type: EventType | None = None,  # noqa: A002 (the query parameter's name)
        limit: Limit = 1000,
    ) -> Response:
        """Events in the order in which they were planned, with state and last answer."""
        return answer_json({"events": _events(ledger.db, journey, partner, type, limit)})

    return router


def _requests(db: sqlite3.Connection) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {
        name: {"keys": 0, "arrivals": 0, "effects": 0} for name in SERVICES
    }
    for row in db.execute("SELECT service, count(*), sum(arrivals) FROM keys GROUP BY service"):
        found[row[0]].update(keys=row[1], arrivals=row[2])
    for row in db.execute("SELECT service, count(*) FROM effects GROUP BY service"):
        found[row[0]].update(effects=row[1])
    return found


def _keys(
    db: sqlite3.Connection, journey: str | None, key: str | None, limit: int
) -> list[dict[str, object]]:
    rows = db.execute(
        "SELECT keys.key, keys.service, keys.kind, keys.ref, keys.arrivals, keys.at,"
        " refs.partner, refs.journey_id, refs.person_ref, refs.ordinal, refs.status,"
        " (SELECT count(*) FROM effects WHERE effects.key = keys.key) AS effects"
        " FROM keys JOIN refs ON refs.ref = keys.ref"
        " WHERE (:journey IS NULL OR refs.journey_id = :journey)"
        " AND (:key IS NULL OR keys.key = :key) ORDER BY keys.at DESC LIMIT :limit",
        {"journey": journey, "key": key, "limit": limit},
    )
    return [dict(row) for row in rows]


def _events(
    db: sqlite3.Connection,
    journey: str | None,
    partner: str | None,
    kind: EventType | None,
    limit: int,
) -> list[dict[str, object]]:
    rows = db.execute(
        "SELECT * FROM (SELECT id, event_id, partner, journey_id, person_ref, ref, type, subject,"
        " body, due_at, copies, sent, attempts, state, status, answer, answered_at FROM events"
        " WHERE (:journey IS NULL OR journey_id = :journey)"
        " AND (:partner IS NULL OR partner = :partner) AND (:type IS NULL OR type = :type)"
        " ORDER BY id DESC LIMIT :limit) ORDER BY due_at, id",
        {"journey": journey, "partner": partner, "type": kind, "limit": limit},
    )
    return [dict(row) for row in rows]
