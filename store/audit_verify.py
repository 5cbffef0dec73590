"""Verifying the audit log: every line and every seal computed anew, in order, page by page."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, bindparam, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from store.audit_chain import BEGINNING, Line, Seal, line_hash, seal_mac
from store.audit_findings import Finding, Kind, Misfit, told_apart
from store.audit_tables import audit_log, audit_seals
from store.tables import MOMENT
from store.vault import Vault

PAGE = 5_000
SEALED_WITHIN = timedelta(minutes=1)
"""A line that waits longer for its seal is a finding: seals were taken away, or no relay runs."""

_BEFORE_ALL = -(2**63)
"""Reading begins before line 1 of strand 1, and before seal 1: nobody writes there but a forger."""
_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


def _readable(table: Table) -> list[ColumnElement[Any]]:
    """The columns; a moment that Python can't hold is drawn back, and then fits no hash."""
    return [
        func.least(func.greatest(column, _FIRST), _LAST).label(column.name)
        if column.type is MOMENT
        else column
        for column in table.c
    ]


_LINES = (
    select(*_readable(audit_log))
    .where(
        tuple_(audit_log.c.strand, audit_log.c.sequence)
        > tuple_(bindparam("strand"), bindparam("sequence"))
    )
    .order_by(audit_log.c.strand, audit_log.c.sequence)
    .limit(PAGE)
)
_SEALS = (
    select(*_readable(audit_seals), audit_log.c.hash.label("held"))
    .join_from(
        audit_seals,
        audit_log,
        and_(
            audit_log.c.strand == audit_seals.c.strand,
            audit_log.c.sequence == audit_seals.c.sequence,
        ),
        isouter=True,
    )
    .where(audit_seals.c.number > bindparam("after"))
    .order_by(audit_seals.c.number)
    .limit(PAGE)
)


@dataclass
class _Strand:
    """How far a strand was read; `before` is the hash of the last line."""

    number: int
    read: int = 0
    before: bytes = BEGINNING


class Verification:
    """One reading of the whole log.

    Args:
        connection: sees each page as of its reading (READ COMMITTED): both tables only grow, and
            seals are read first, so what is written meanwhile is no finding.
        vault: holds the key of the seals.
        now: the current time, with an offset.
        anchors: seals known from outside the database, number → mac.
        progress: told after each page how many lines were read.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        vault: Vault,
        now: datetime,
        *,
        anchors: Mapping[int, bytes] | None = None,
        progress: Callable[[int], None] = lambda _lines: None,
    ) -> None:
        self._connection = connection
        self._vault = vault
        self._now = now
        self._anchors = anchors or {}
        self._progress = progress
        self._sealed: dict[int, int] = {}
        self.lines = 0
        self.strands = 0
        self.seals = 0
        self.newest: Seal | None = None
        """The last seal: the anchor to keep for the next time."""

    async def findings(self) -> AsyncIterator[Finding]:
        """Everything that is wrong, as it is found; nothing for a log that is whole."""
        async for finding in self._seal_findings():
            yield finding
        strand: _Strand | None = None
        misfits: list[Misfit] = []
        async for line in self._read_lines():
            if strand is None or line.strand != strand.number:
                for finding in self._strand_ended(strand, misfits):
                    yield finding
                strand, misfits = _Strand(line.strand), []
                self.strands += 1
            for finding in self._line_findings(strand, line, misfits):
                yield finding
        for finding in self._strand_ended(strand, misfits):
            yield finding
        for number, sealed in sorted(self._sealed.items()):
            words = f"the whole strand is gone; {sealed} lines of it were sealed"
            yield Finding(Kind.CUT_OFF, words, number, 1)

    async def _read_lines(self) -> AsyncIterator[Line]:
        place = {"strand": _BEFORE_ALL, "sequence": _BEFORE_ALL}
        while rows := (await self._connection.execute(_LINES, place)).all():
            for row in rows:
                yield Line(*row)
            place = {"strand": rows[-1].strand, "sequence": rows[-1].sequence}
            self.lines += len(rows)
            self._progress(self.lines)

    def _line_findings(self, strand: _Strand, line: Line, misfits: list[Misfit]) -> list[Finding]:
        if line.strand < 1 or line.sequence < 1:
            words = "strands and their lines are counted from 1: somebody put it there"
            return [Finding(Kind.ADDED, words, line.strand, line.sequence)]
        findings = []
        follows = line.sequence == strand.read + 1
        if not follows:
            gone = f"lines {strand.read + 1} to {line.sequence - 1} are missing"
            findings.append(Finding(Kind.MISSING, gone, strand.number, strand.read + 1))
        elif line_hash(strand.before, line) != line.hash:
            misfits.append(Misfit(line, strand.before))
        sealed = self._sealed.get(strand.number, 0)
        if line.sequence == sealed + 1 and line.at < self._now - SEALED_WITHIN:
            words = "no seal vouches for it and what follows: seals were removed, or no relay runs"
            findings.append(Finding(Kind.UNSEALED, words, strand.number, line.sequence))
        strand.read, strand.before = line.sequence, line.hash
        return findings

    def _strand_ended(self, strand: _Strand | None, misfits: list[Misfit]) -> list[Finding]:
        if strand is None:
            return []
        findings = list(told_apart(misfits))
        sealed = self._sealed.pop(strand.number, 0)
        if sealed > strand.read:
            words = f"it ends here; line {sealed} was sealed"
            findings.append(Finding(Kind.CUT_OFF, words, strand.number, strand.read))
        return findings

    async def _seal_findings(self) -> AsyncIterator[Finding]:
        place, last = _BEFORE_ALL, 0
        befores = [BEGINNING]  # the mac that stands before, and what it should be
        while rows := (await self._connection.execute(_SEALS, {"after": place})).all():
            place = rows[-1].number
            for row in rows:
                seal = Seal(*row[:-1])
                if seal.number < 1:
                    words = "seals are counted from 1: somebody put it there"
                    yield Finding(Kind.SEAL_FORGED, words, seal=seal.number)
                    continue
                if seal.number != last + 1:
                    words = f"seals {last + 1} to {seal.number - 1} are missing"
                    yield Finding(Kind.SEAL_MISSING, words, seal=last + 1)
                    befores = []
                for finding in self._one_seal(seal, befores, row.held):
                    yield finding
                befores = [seal.mac, *(seal_mac(self._vault, mac, seal) for mac in befores[:1])]
                last, self.newest = seal.number, seal
                self.seals += 1
        for number in sorted(self._anchors):
            if number > last:
                words = f"seal {number} is known from outside; the last one here is {last}"
                yield Finding(Kind.SEALS_CUT_OFF, words, seal=number)

    def _one_seal(self, seal: Seal, befores: list[bytes], held: bytes | None) -> list[Finding]:
        findings = []
        known = self._anchors.get(seal.number, seal.mac)
        if befores and all(seal_mac(self._vault, mac, seal) != seal.mac for mac in befores):
            words = "its mac does not follow from what it says and from the seal before it"
            findings.append(Finding(Kind.SEAL_FORGED, words, seal=seal.number))
        elif known != seal.mac:
            words = "it is not the seal of this number that is known from outside"
            findings.append(Finding(Kind.SEAL_FORGED, words, seal=seal.number))
        else:
            self._sealed[seal.strand] = max(seal.sequence, self._sealed.get(seal.strand, 0))
            if held not in (None, seal.hash):
                words = f"its hash is not the one that seal {seal.number} vouches for"
                findings.append(Finding(Kind.REWRITTEN, words, seal.strand, seal.sequence))
        return findings
