"""`GET /v1/audit` and `/v1/audit/export`: who did what, for auditors; exports are logged too."""

import csv
import io
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from api.database import transaction
from api.dependencies import Auditor, Deps
from api.paging import PageQuery
from api.problems import documented
from domain.model import Ref
from domain.moments import Moment
from store.audit import AuditAction, AuditLine, append
from store.audit_chain import Line
from store.audit_reading import AuditFilter, ChainedLine, every_line, list_lines

router = APIRouter(prefix="/v1/audit", tags=["auditors"])

NDJSON, CSV = "application/x-ndjson", "text/csv"
_FORMATS: dict[str, str] = {"ndjson": NDJSON, "csv": CSV}
_SENT_AT_ONCE = 256
"""Lines of one piece of an export."""


class AuditQuery(BaseModel):
    """What the log is narrowed to; `from` is included, `to` is not."""

    model_config = ConfigDict(extra="forbid")

    action: AuditAction | None = None
    about: Ref | None = None
    actor: Ref | None = None
    since: Annotated[Moment | None, Field(alias="from")] = None
    until: Annotated[Moment | None, Field(alias="to")] = None

    def filter(self, region: str) -> AuditFilter:
        """The store's filter, within an auditor's region."""
        return AuditFilter(
            region=region,
            action=self.action,
            about=self.about,
            actor=self.actor,
            since=self.since,
            until=self.until,
        )


class AuditListQuery(PageQuery, AuditQuery):
    """The same, page by page."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class AuditExportQuery(AuditQuery):
    """The same, in a format: `format` if given, else what `Accept` asks for, else NDJSON."""

    format: Literal["ndjson", "csv"] | None = None


class AuditedAct(BaseModel):
    """Who did what, about what; `strand` and `sequence` are its place in the log."""

    at: datetime
    action: str
    actor: str
    role: str
    about: str
    detail: dict[str, JsonValue]
    strand: int
    sequence: int
    hash: str


class AuditedActs(BaseModel):
    """A page of the log, oldest first; `next_cursor` None at its end."""

    items: list[AuditedAct]
    next_cursor: str | None


@router.get(
    "",
    response_model=AuditedActs,
    responses=documented(401, 403, 422, 503),
    summary="Read the audit log",
)
async def list_acts(
    caller: Auditor, query: Annotated[AuditListQuery, Query()], deps: Deps
) -> AuditedActs:
    """Oldest first. An auditor of a region reads of its journeys, trainees and their events.

    A page whose filter few lines fit may hold fewer than `limit`, or none, and yet have a next one.
    """
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        page = await list_lines(connection, query.filter(caller.region), query.limit, query.cursor)
    return AuditedActs(items=[_act(line) for line in page.items], next_cursor=page.next_cursor)


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Every line that fits, oldest first. A line's `hash` is SHA-256 of the "
            "bytes of `before` and of the JSON array [strand, sequence, microseconds since 1970, "
            "action, actor, role, about, detail] as Python's `json.dumps` writes it in UTF-8; "
            "`before` is the hash of the line before it on its strand",
            "content": {kind: {"schema": {"type": "string"}} for kind in _FORMATS.values()},
        },
        **documented(401, 403, 422, 503),
    },
    summary="Export the audit log, to be verified elsewhere",
)
async def export_acts(
    caller: Auditor,
    query: Annotated[AuditExportQuery, Query()],
    deps: Deps,
    accept: Annotated[str, Header()] = "",
) -> StreamingResponse:
    """What was written until now; the export is written into the log before it begins."""
    chosen = query.format or ("csv" if CSV in accept and NDJSON not in accept else "ndjson")
    now = deps.clock()
    wanted = query.filter(caller.region)
    wanted = wanted.model_copy(update={"until": min(wanted.until or now, now)})
    narrowed = wanted.model_dump(mode="json", exclude_none=True)
    line = AuditLine(
        action=AuditAction.AUDIT_EXPORTED,
        by=caller.actor,
        about="audit",
        detail={"format": chosen, **narrowed},
    )
    async with transaction(deps.engine, deps.limits.database_answer) as connection:
        await append(connection, line)
    lines = every_line(deps.engine, wanted, deps.limits.database_answer)
    return StreamingResponse(
        _as_csv(lines) if chosen == "csv" else _as_ndjson(lines),
        media_type=_FORMATS[chosen],
        headers={"Content-Disposition": f'attachment; filename="audit.{chosen}"'},
    )


def _act(line: Line) -> AuditedAct:
    return AuditedAct(
        at=line.at,
        action=line.action,
        actor=line.actor_id,
        role=line.actor_role,
        about=line.about,
        detail=orjson.loads(line.detail),
        strand=line.strand,
        sequence=line.sequence,
        hash=line.hash.hex(),
    )


def _exported(chained: ChainedLine) -> dict[str, Any]:
    """A line as it is exported: `detail` as the very text that was hashed."""
    line = chained.line
    return {
        "strand": line.strand,
        "sequence": line.sequence,
        "at": line.at.isoformat(timespec="microseconds"),
        "action": line.action,
        "actor": line.actor_id,
        "role": line.actor_role,
        "about": line.about,
        "detail": line.detail,
        "before": chained.before.hex(),
        "hash": line.hash.hex(),
    }


async def _as_ndjson(lines: AsyncIterator[ChainedLine]) -> AsyncIterator[bytes]:
    def write(batch: list[dict[str, Any]]) -> bytes:
        return b"".join(orjson.dumps(line) + b"\n" for line in batch)

    async for piece in _pieces(lines, write):
        yield piece


async def _as_csv(lines: AsyncIterator[ChainedLine]) -> AsyncIterator[bytes]:
    columns = (
        "strand", "sequence", "at", "action", "actor", "role", "about", "detail", "before", "hash"
    )  # fmt: skip

    def write(batch: list[dict[str, Any]]) -> bytes:
        written = io.StringIO(newline="")
        csv.DictWriter(written, columns).writerows(batch)
        return written.getvalue().encode()

    yield (",".join(columns) + "\r\n").encode()
    async for piece in _pieces(lines, write):
        yield piece


async def _pieces(
    lines: AsyncIterator[ChainedLine], write: Callable[[list[dict[str, Any]]], bytes]
) -> AsyncIterator[bytes]:
    batch = []
    async for chained in lines:
        batch.append(_exported(chained))
        if len(batch) == _SENT_AT_ONCE:
            yield write(batch)
            batch = []
    if batch:
        yield write(batch)
