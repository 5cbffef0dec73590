"""What a supervisor decides about an event in quarantine: back on its way, or rejected for good.

The caller holds the event (`find_kept(..., to_decide=True)`), so whoever comes second finds it
decided. A release that changes a result is asked for by one person and done by another, who says
the very same.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import orjson
from sqlalchemy import bindparam, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.commands import Actor
from domain.events import EventType
from domain.journal import ReceiptStatus
from domain.second_person import CHANGES_A_RESULT
from store.audit import AuditAction, AuditLine, append
from store.ids import new_id
from store.inbox import INTAKE_CHANNEL
from store.intake_tables import inbox
from store.quarantine_tables import quarantine_decisions, refused_deliveries
from store.quarantine_views import Kept
from store.sealed_events import open_event, seal_event
from store.tasks import NewTask, TaskKind, end_tasks, raise_task
from store.vault import Vault


class QuarantineRule(StrEnum):
    """By which rule an event can't be decided on like this."""

    SETTLED = "quarantine.settled"
    SUBJECT_UNKNOWN = "quarantine.subject_unknown"
    NOT_YOURS = "quarantine.not_yours"
    SCHEMA = "quarantine.schema"
    ERASED = "quarantine.erased"
    UNREADABLE = "quarantine.unreadable"
    NONE_ASKED = "quarantine.none_asked"


class DecisionRefused(Exception):
    """The event can't be decided on like this: by which rule, and in words."""

    def __init__(self, rule: QuarantineRule, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule


class SamePerson(Exception):
    """Whoever asked for a release can't be the second person too."""


class _Step(StrEnum):
    ASKED = "asked"
    WITHDRAWN = "withdrawn"
    RELEASED = "released"
    REJECTED = "rejected"


_TOLD = {
    _Step.ASKED: AuditAction.EVENT_RELEASE_ASKED,
    _Step.WITHDRAWN: AuditAction.EVENT_RELEASE_WITHDRAWN,
    _Step.RELEASED: AuditAction.EVENT_RELEASED,
    _Step.REJECTED: AuditAction.EVENT_REJECTED,
}


@dataclass(frozen=True)
class Decision:
    """Who decides, why, and when.

    `subject` and `data` (JSON that fits its schema) take the place of what the partner sent.
    """

    by: Actor
    reason: str
    at: datetime
    subject: str | None = None
    data: bytes | None = None

    def correction(self, vault: Vault, receipt: str) -> str:
        """The same for two persons who correct the same; tells nothing of the data."""
        said = (receipt, self.subject, None if self.data is None else self.data.decode())
        return vault.lookup("correction", orjson.dumps(said).decode()).hex()


_JOURNEY = text(
    """
    WITH meant AS (
        SELECT COALESCE(
            (
                SELECT journey_id FROM shared_references
                WHERE partner = CAST(:partner AS text) AND ref = CAST(:subject AS text)
            ),
            CAST(:subject AS text)
        ) AS journey_id
    )
    SELECT journeys.journey_id,
        EXISTS (SELECT 1 FROM shared_references WHERE ref = CAST(:subject AS text)) AS is_shared
    FROM meant LEFT JOIN journeys
        ON journeys.journey_id = meant.journey_id
        AND starts_with(journeys.home_region, CAST(:region AS text))
    """
)
_KEPT = (
    inbox.c.receipt == bindparam("of"),
    inbox.c.status == ReceiptStatus.QUARANTINED,
)
_ON_ITS_WAY = (
    update(inbox)
    .where(*_KEPT)
    .values(
        status=ReceiptStatus.RECEIVED,
        reason="",
        detail="",
        settled_at=None,
        delivered_at=None,
        subject=bindparam("about"),
        journey_id=bindparam("known_journey"),
        sealed=bindparam("kept"),
    )
)
_REJECTED = (
    update(inbox)
    .where(*_KEPT)
    .values(status=ReceiptStatus.REJECTED, detail=bindparam("why"), settled_at=bindparam("at"))
)
_NOTE = insert(quarantine_decisions)
_TRY_ANEW = delete(refused_deliveries).where(refused_deliveries.c.receipt == bindparam("of"))
_HINT = select(func.pg_notify(INTAKE_CHANNEL, ""))


async def release(
    connection: AsyncConnection, vault: Vault, kept: Kept, decision: Decision, region: str
) -> str | None:
    """Put an event back on its way; its journey's id, or None where a second person is awaited.

    The body as it was sent is kept, whatever is corrected.

    Args:
        region: where the journey's home has to lie; elsewhere it is as unknown as anywhere.

    Raises:
        DecisionRefused: it is not in quarantine, erased, or its subject is still unknown.
        SamePerson: she asked for this very release before.
        Unreadable: what it said can't be unsealed.
    """
    view = kept.view
    _must_be_kept(kept)
    if kept.sealed is None:
        raise DecisionRefused(QuarantineRule.ERASED, "what it said has been erased")
    subject = decision.subject or view.subject
    journey_id = await _journey_of(connection, view.partner, subject, region)
    asked_by = None
    if EventType.of_cloud_type(view.type) in CHANGES_A_RESULT:
        asked = view.asked
        if asked is None or asked.correction != decision.correction(vault, view.receipt):
            await _ask(connection, vault, kept, decision)
            return None
        if asked.by == decision.by.id:
            raise SamePerson
        asked_by = asked.by
    sealed = kept.sealed
    if decision.data is not None:
        _, raw = open_event(vault, view.receipt, sealed)
        sealed = seal_event(vault, view.receipt, decision.data, raw)
    await _note(connection, vault, kept, decision, _Step.RELEASED, asked_by=asked_by)
    await connection.execute(
        _ON_ITS_WAY,
        {"of": view.receipt, "about": subject, "known_journey": journey_id, "kept": sealed},
    )
    await connection.execute(_TRY_ANEW, {"of": view.receipt})
    await end_tasks(connection, view.receipt, decision.by, decision.at)
    await connection.execute(_HINT)
    return journey_id


async def withdraw(
    connection: AsyncConnection, vault: Vault, kept: Kept, decision: Decision
) -> None:
    """End a request for a release: by whoever asked, or by another who does not agree.

    Raises:
        DecisionRefused: it is not in quarantine, or nobody's request waits, or no longer.
    """
    _must_be_kept(kept)
    asked = kept.view.asked
    if asked is None:
        raise DecisionRefused(QuarantineRule.NONE_ASKED, "no release of it waits for somebody")
    await _note(connection, vault, kept, decision, _Step.WITHDRAWN, asked_by=asked.by)
    await end_tasks(
        connection, kept.view.receipt, decision.by, decision.at, kind=TaskKind.SECOND_PERSON
    )


async def reject(connection: AsyncConnection, vault: Vault, kept: Kept, decision: Decision) -> None:
    """End an event as `rejected`; its sender reads the reason.

    Raises:
        DecisionRefused: it is not in quarantine.
    """
    _must_be_kept(kept)
    receipt = kept.view.receipt
    await _note(connection, vault, kept, decision, _Step.REJECTED)
    await connection.execute(_REJECTED, {"of": receipt, "why": decision.reason, "at": decision.at})
    await end_tasks(connection, receipt, decision.by, decision.at)


def _must_be_kept(kept: Kept) -> None:
    if kept.view.since is None:
        raise DecisionRefused(
            QuarantineRule.SETTLED, f"it is not in quarantine; its status is {kept.view.status}"
        )


async def _journey_of(connection: AsyncConnection, partner: str, subject: str, region: str) -> str:
    asked = {"partner": partner, "subject": subject, "region": region}
    found = (await connection.execute(_JOURNEY, asked)).one()
    if found.journey_id is not None:
        return str(found.journey_id)
    if found.is_shared:
        raise DecisionRefused(
            QuarantineRule.NOT_YOURS,
            "its subject is a reference that its sender does not share with a journey of your "
            "region; correct the subject, or reject the event",
        )
    raise DecisionRefused(
        QuarantineRule.SUBJECT_UNKNOWN,
        "no journey of your region is known under its subject; correct the subject, or wait: it is "
        "released by itself when the subject becomes known",
    )


async def _ask(connection: AsyncConnection, vault: Vault, kept: Kept, decision: Decision) -> None:
    await _note(connection, vault, kept, decision, _Step.ASKED)
    view = kept.view
    task = NewTask(
        kind=TaskKind.SECOND_PERSON,
        about=view.receipt,
        journey_id=view.journey_id,
        partner=view.partner,
        region=view.region,
    )
    await raise_task(connection, task, decision.at)


async def _note(
    connection: AsyncConnection,
    vault: Vault,
    kept: Kept,
    decision: Decision,
    step: _Step,
    *,
    asked_by: str | None = None,
) -> None:
    receipt, decision_id = kept.view.receipt, new_id("qd")
    line = {
        "decision_id": decision_id,
        "receipt": receipt,
        "since": kept.view.since,
        "step": step,
        "by_id": decision.by.id,
        "by_role": decision.by.role,
        "reason": decision.reason,
        "at": decision.at,
        "subject": decision.subject,
        "data_corrected": decision.data is not None,
        "correction": decision.correction(vault, receipt),
        "asked_by": asked_by,
    }
    await connection.execute(_NOTE, line)
    told = AuditLine(
        action=_TOLD[step],
        by=decision.by,
        about=receipt,
        detail={"decision": decision_id, "reason": kept.view.reason},
    )
    await append(connection, told)
