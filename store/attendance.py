"""Attendance: measurements folded here, by enrollment, period and module; no journey is woken.

The same rules as for every fact (`domain.md`, How events meet states): equal values again are a
duplicate, other values without `supersedes` a conflict, and a correction stands in whichever order
it and what it corrects arrive.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError
from sqlalchemy import RowMapping, Text, any_, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.events import AttendanceSummary
from domain.journal import ReceiptStatus
from store.inbox import erase_events
from store.intake_tables import TO_FOLD, inbox
from store.pauses import GOES_ON
from store.person_tables import persons
from store.sealed_events import Unreadable, put_away, read_data
from store.tables import attendance, journeys, shared_references
from store.vault import Vault

Key = tuple[str, str, str, str]
"""Partner, enrollment reference, period, module."""


@dataclass(frozen=True)
class Measured:
    """One report of attendance, in hours."""

    key: Key
    journey_id: str
    hours_planned: float
    hours_attended: float
    source: str
    event_id: str
    supersedes: str | None
    receipt: str

    def same_values(self, other: "Measured") -> bool:
        """Whether both report the same hours."""
        return (self.hours_planned, self.hours_attended) == (
            other.hours_planned,
            other.hours_attended,
        )

    def corrects(self, other: "Measured") -> bool:
        """Whether it replaces the other: it names it, or only it is a correction at all."""
        return self.supersedes is not None and (
            self.supersedes == other.event_id or other.supersedes is None
        )


@dataclass(frozen=True)
class Verdict:
    """What became of one report, and the receipt of the one that took its place."""

    receipt: str
    status: ReceiptStatus
    reason: str
    superseded_by: str | None = None


_ONE_AT_A_TIME = select(func.pg_try_advisory_xact_lock(func.hashtextextended("attendance", 2)))
_OLDEST = (
    select(inbox)
    .where(text(TO_FOLD), text(GOES_ON))
    .order_by(inbox.c.arrival)
    .limit(bindparam("at_most"))
    .subquery()
)
_WAITING = (
    select(
        _OLDEST.c.receipt,
        _OLDEST.c.journey_id,
        _OLDEST.c.subject,
        _OLDEST.c.partner,
        _OLDEST.c.source,
        _OLDEST.c.event_id,
        _OLDEST.c.sealed,
        journeys.c.closed_at,
        persons.c.erased_at,
    )
    .join(journeys, journeys.c.journey_id == _OLDEST.c.journey_id)
    .join(persons, persons.c.person_ref == journeys.c.person_ref, isouter=True)
    .order_by(_OLDEST.c.arrival)
)
_HELD = select(attendance).where(
    attendance.c.enrollment_ref == any_(bindparam("enrollments", type_=ARRAY(Text)))
)
_SHARED = select(shared_references).where(
    shared_references.c.journey_id == any_(bindparam("journeys", type_=ARRAY(Text)))
)
_new = insert(attendance)
_KEEP = _new.on_conflict_do_update(
    index_elements=[column.name for column in attendance.primary_key],
    set_={
        column.name: _new.excluded[column.name] for column in attendance.c if not column.primary_key
    },
)
_SETTLE = (
    update(inbox)
    .where(inbox.c.receipt == bindparam("of"))
    .values(
        status=bindparam("became"),
        reason=bindparam("why"),
        superseded_by=bindparam("by"),
        settled_at=func.now(),
    )
)
_SUM_UP = text(
    """
    UPDATE journeys SET hours_planned = summed.planned, hours_attended = summed.attended
    FROM (
        SELECT journey_id, sum(hours_planned) AS planned, sum(hours_attended) AS attended
        FROM attendance WHERE journey_id = ANY(:journeys) GROUP BY journey_id ORDER BY journey_id
    ) AS summed
    WHERE journeys.journey_id = summed.journey_id
    """
).bindparams(bindparam("journeys", type_=ARRAY(Text)))


async def fold(connection: AsyncConnection, vault: Vault, at_most: int) -> int:
    """Settle the oldest reports of attendance, within the caller's transaction; returns how many.

    One relay folds at a time; 0 where another is at it. What can't be unsealed or read goes into
    quarantine as `undeliverable`. What a report says of an erased person is forgotten.
    """
    if not (await connection.execute(_ONE_AT_A_TIME)).scalar_one():
        return 0
    waiting = (await connection.execute(_WAITING, {"at_most": at_most})).all()
    verdicts: list[Verdict] = []
    reports: list[Measured] = []
    for row in waiting:
        try:
            report = _read(vault, row._mapping)
        except Unreadable as unreadable:
            await put_away(connection, row.receipt, str(unreadable))
            continue
        if isinstance(report, Measured):
            reports.append(report)
        else:
            verdicts.append(report)
    strangers = await _of_strangers(connection, reports)
    verdicts += strangers.values()
    reports = [report for report in reports if report.receipt not in strangers]
    held = await _held(connection, reports)
    known = dict(held)
    for report in reports:
        verdicts.extend(_weigh(known, report))
    await _write(
        connection,
        [report for key, report in known.items() if held.get(key) is not report],
        verdicts,
    )
    erased = {row.journey_id for row in waiting if row.erased_at is not None}
    if erased:
        await erase_events(connection, erased)
    return len(waiting)


def _read(vault: Vault, row: RowMapping) -> Measured | Verdict:
    receipt = str(row["receipt"])
    if row["closed_at"] is not None:
        return Verdict(receipt, ReceiptStatus.LATE, "the journey had ended; nothing changes")
    try:
        summary = AttendanceSummary.model_validate(read_data(vault, receipt, row["sealed"]))
    except ValidationError as error:
        why = "; ".join(found["msg"] for found in error.errors(include_input=False))
        raise Unreadable(why) from None
    return Measured(
        key=(
            row["partner"],
            _enrollment(row, summary),
            summary.period,
            summary.module,
        ),
        journey_id=row["journey_id"],
        hours_planned=summary.hours_planned,
        hours_attended=summary.hours_attended,
        source=row["source"],
        event_id=row["event_id"],
        supersedes=summary.supersedes,
        receipt=receipt,
    )


def _enrollment(row: RowMapping, summary: AttendanceSummary) -> str:
    """The reference that a report came under, as for any event; else the one that it states."""
    came_under = str(row["subject"])
    is_journey = came_under == row["journey_id"]
    return (summary.enrollment_ref or came_under) if is_journey else came_under


async def _of_strangers(
    connection: AsyncConnection, reports: Sequence[Measured]
) -> dict[str, Verdict]:
    """Reports of an enrollment that is shared with other partners only, by receipt (rule 4)."""
    if not reports:
        return {}
    journeys_meant = sorted({report.journey_id for report in reports})
    partners_of: dict[tuple[str, str], set[str]] = {}
    for row in await connection.execute(_SHARED, {"journeys": journeys_meant}):
        partners_of.setdefault((row.journey_id, row.ref), set()).add(row.partner)
    told = "event.not_yours: this enrollment was not asked of this partner"
    return {
        report.receipt: Verdict(report.receipt, ReceiptStatus.REJECTED, told)
        for report in reports
        if (partners := partners_of.get((report.journey_id, report.key[1])))
        and report.key[0] not in partners
    }


async def _held(connection: AsyncConnection, reports: Sequence[Measured]) -> dict[Key, Measured]:
    if not reports:
        return {}
    rows = await connection.execute(
        _HELD, {"enrollments": sorted({report.key[1] for report in reports})}
    )
    held = {}
    for row in rows:
        fields = dict(row._mapping)
        key = (
            fields.pop("partner"),
            fields.pop("enrollment_ref"),
            fields.pop("period"),
            fields.pop("module"),
        )
        held[key] = Measured(key=key, **fields)
    return held


def _weigh(known: dict[Key, Measured], report: Measured) -> list[Verdict]:
    """Put a report beside what is known; `known` is changed where it wins."""
    held = known.get(report.key)
    if held is not None and held.corrects(report):
        return [
            Verdict(
                report.receipt,
                ReceiptStatus.SUPERSEDED,
                "a correction came before it",
                held.receipt,
            )
        ]
    if held is not None and not report.corrects(held):
        if report.same_values(held):
            return [Verdict(report.receipt, ReceiptStatus.DUPLICATE, "reported before")]
        return [
            Verdict(
                report.receipt,
                ReceiptStatus.CONFLICT,
                "other hours were reported before; a correction names them in data.supersedes",
            )
        ]
    known[report.key] = report
    applied = Verdict(report.receipt, ReceiptStatus.APPLIED, "counted")
    if held is None:
        return [applied]
    return [
        Verdict(held.receipt, ReceiptStatus.SUPERSEDED, "corrected", report.receipt),
        applied,
    ]


async def _write(
    connection: AsyncConnection, changed: Sequence[Measured], verdicts: Sequence[Verdict]
) -> None:
    if changed:
        await connection.execute(_KEEP, [_row(report) for report in changed])
        await connection.execute(
            _SUM_UP, {"journeys": sorted({report.journey_id for report in changed})}
        )
    final = {verdict.receipt: verdict for verdict in verdicts}
    if final:
        await connection.execute(
            _SETTLE,
            [
                {
                    "of": verdict.receipt,
                    "became": verdict.status,
                    "why": verdict.reason,
                    "by": verdict.superseded_by,
                }
                for verdict in final.values()
            ],
        )


def _row(report: Measured) -> dict[str, object]:
    partner, enrollment_ref, period, module = report.key
    return {
        "partner": partner,
        "enrollment_ref": enrollment_ref,
        "period": period,
        "module": module,
        "journey_id": report.journey_id,
        "hours_planned": report.hours_planned,
        "hours_attended": report.hours_attended,
        "source": report.source,
        "event_id": report.event_id,
        "supersedes": report.supersedes,
        "receipt": report.receipt,
    }
