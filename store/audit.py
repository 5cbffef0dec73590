"""Adding lines to the audit log, in the transaction of what they tell of.

`detail` holds ids, codes and short reasons: never personal data, never a secret.
"""

from enum import StrEnum

import orjson
from pydantic import JsonValue
from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.commands import Actor
from domain.model import Word


class AuditAction(StrEnum):
    """What the audit log tells of."""

    EVENT_RECEIVED = "event.received"
    EVENT_REPEATED = "event.repeated"
    EVENT_VARIANT_REFUSED = "event.variant_refused"
    EVENT_TYPE_REFUSED = "event.type_refused"
    EVENT_QUARANTINED = "event.quarantined"
    EVENT_RELEASE_ASKED = "event.release_asked"
    EVENT_RELEASE_WITHDRAWN = "event.release_withdrawn"
    EVENT_RELEASED = "event.released"
    EVENT_REJECTED = "event.rejected"
    EVENT_READ = "event.read"
    TASK_RAISED = "task.raised"
    EVENT_FILE_RECEIVED = "event_file.received"
    JOURNEY_OPENED = "journey.opened"
    JOURNEY_COMMANDED = "journey.commanded"
    COHORT_RECEIVED = "cohort.received"
    COHORT_CANCELED = "cohort.canceled"
    PERSON_LOOKED_UP = "person.looked_up"
    PERSON_REVEALED = "person.revealed"
    PERSON_ERASURE_ASKED = "person.erasure_asked"
    PERSON_ERASURE_WITHDRAWN = "person.erasure_withdrawn"
    PERSON_ERASED = "person.erased"
    PARTNER_WRITTEN = "partner.written"
    PARTNER_KEY_CREATED = "partner.key_created"
    PARTNER_KEY_ROTATED = "partner.key_rotated"
    PARTNER_KEY_REVOKED = "partner.key_revoked"
    PARTNER_PAUSED = "partner.paused"
    PARTNER_RESUMED = "partner.resumed"
    AUDIT_EXPORTED = "audit.exported"


class AuditLine(Word):
    """Who did what about what; `about` is an id, `detail` small and without personal data."""

    action: AuditAction
    by: Actor
    about: str
    detail: dict[str, JsonValue] = {}

    def parameters(self) -> dict[str, str]:
        """The arguments of the database's function `audit_append`, by name."""
        return {
            "audit_action": self.action,
            "audit_actor_id": self.by.id,
            "audit_actor_role": self.by.role,
            "audit_about": self.about,
            "audit_detail": orjson.dumps(self.detail, option=orjson.OPT_SORT_KEYS).decode(),
        }


APPENDED = func.audit_append(
    bindparam("audit_action"),
    bindparam("audit_actor_id"),
    bindparam("audit_actor_role"),
    bindparam("audit_about"),
    bindparam("audit_detail"),
)
"""The call that appends a line, for statements that write something else in the same breath."""

_APPEND = select(APPENDED)


async def append(connection: AsyncConnection, line: AuditLine) -> None:
    """Add a line, in the caller's transaction."""
    await connection.execute(_APPEND, line.parameters())
