"""Promise 17: the audit log can't be altered unseen, whoever alters it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.commands import Actor
from store.audit import AuditAction, AuditLine, append
from store.audit_chain import BEGINNING, Line, Seal, line_hash
from store.audit_findings import Finding, Kind
from store.audit_seals import newest_seal, seal_what_grew
from store.audit_tables import audit_log
from store.audit_verify import Verification
from tests.vault import VAULT

CLERK = Actor(id="staff-7", role="caseworker")
LATER = timedelta(minutes=2)


def a_line(number: int, **others: object) -> AuditLine:
    fields: dict[str, object] = {
        "action": AuditAction.JOURNEY_OPENED,
        "by": CLERK,
        "about": f"jn_{number}",
        "detail": {"number": number},
    }
    return AuditLine.model_validate(fields | others)


async def write(engine: AsyncEngine, *numbers: int) -> None:
    for number in numbers:
        async with engine.begin() as connection:
            await append(connection, a_line(number))


async def seal(engine: AsyncEngine) -> Seal:
    async with engine.begin() as connection:
        await seal_what_grew(connection, VAULT, datetime.now(UTC))
        newest = await newest_seal(connection)
    assert newest is not None
    return newest


async def verify(
    engine: AsyncEngine, *anchors: Seal, after: timedelta = timedelta(0)
) -> list[Finding]:
    async with engine.connect() as connection:
        verification = Verification(
            connection,
            VAULT,
            datetime.now(UTC) + after,
            anchors={anchor.number: anchor.mac for anchor in anchors},
        )
        return [finding async for finding in verification.findings()]


def places(findings: list[Finding]) -> list[tuple[Kind, int | None, int | None]]:
    return [(finding.kind, finding.strand, finding.sequence) for finding in findings]


@pytest.fixture
async def log(engine: AsyncEngine) -> AsyncEngine:
    """A strand of ten lines: five under the first seal, five under the second."""
    await write(engine, *range(1, 6))
    await seal(engine)
    await write(engine, *range(6, 11))
    await seal(engine)
    return engine


@pytest.fixture
def forger(owner_engine: AsyncEngine) -> AsyncEngine:
    return owner_engine


@asynccontextmanager
async def forging(forger: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction of the tables' owner, a superuser who has switched the triggers off."""
    async with forger.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        yield connection


async def rehash(connection: AsyncConnection, first: int) -> None:
    """Compute the hashes of strand 1 anew from a line on, as the function does."""
    rows = (
        await connection.execute(
            select(audit_log).where(audit_log.c.strand == 1).order_by(audit_log.c.sequence)
        )
    ).all()
    before = BEGINNING
    for row in rows:
        line = Line(*row)
        if line.sequence >= first:
            before = line_hash(before, line)
            await connection.execute(
                audit_log.update()
                .where(audit_log.c.strand == 1, audit_log.c.sequence == line.sequence)
                .values(hash=before)
            )
        else:
            before = line.hash


async def test_an_untouched_log_is_whole(log: AsyncEngine) -> None:
    assert await verify(log, await seal(log), after=LATER) == []


async def test_an_empty_log_is_whole(engine: AsyncEngine) -> None:
    assert await verify(engine, after=LATER) == []


async def test_what_is_hashed_is_told_apart_from_anything_that_looks_alike(
    engine: AsyncEngine,
) -> None:
    odd = '\x1f\x01\x7f "quoted" \\ back \n\r\t\b\f / 中文 \U0001f600 \u2028'
    async with engine.begin() as connection:
        await append(connection, a_line(1, about=odd, detail={"odd": odd, "n": 1.5, "no": None}))
        await append(connection, a_line(2, by=Actor(id="a", role="b\x1fc"), about=""))
    await seal(engine)
    assert await verify(engine, after=LATER) == []


@pytest.mark.parametrize(
    "change",
    [
        "action = 'journey.commanded'",
        "actor_id = 'staff-8'",
        "actor_role = 'supervisor'",
        "about = 'jn_99'",
        "detail = '{}'",
        "at = at + interval '1 microsecond'",
        "hash = sha256('x')",
    ],
)
@pytest.mark.parametrize("sequence", [1, 5, 10])
async def test_an_edited_line_is_found(
    log: AsyncEngine, forger: AsyncEngine, change: str, sequence: int
) -> None:
    async with forging(forger) as connection:
        await connection.execute(text(f"UPDATE audit_log SET {change} WHERE sequence = {sequence}"))
    found = await verify(log)
    assert (Kind.EDITED, 1, sequence) in places(found)
    assert {finding.sequence for finding in found} == {sequence}


@pytest.mark.parametrize("sequence", [1, 4, 5])
async def test_a_deleted_line_is_found(
    log: AsyncEngine, forger: AsyncEngine, sequence: int
) -> None:
    async with forging(forger) as connection:
        await connection.execute(text(f"DELETE FROM audit_log WHERE sequence = {sequence}"))
    assert places(await verify(log)) == [(Kind.MISSING, 1, sequence)]


async def test_a_deleted_last_line_is_found(log: AsyncEngine, forger: AsyncEngine) -> None:
    async with forging(forger) as connection:
        await connection.execute(text("DELETE FROM audit_log WHERE sequence = 10"))
    assert places(await verify(log)) == [(Kind.CUT_OFF, 1, 9)]


async def test_lines_that_close_a_gap_are_found(log: AsyncEngine, forger: AsyncEngine) -> None:
    async with forging(forger) as connection:
        await connection.execute(text("DELETE FROM audit_log WHERE sequence = 4"))
        for sequence in range(5, 11):
            await connection.execute(
                text(f"UPDATE audit_log SET sequence = {sequence - 1} WHERE sequence = {sequence}")
            )
    found = places(await verify(log))
    assert {sequence for kind, _, sequence in found if kind is Kind.MOVED} == {5, 6, 7, 8, 9}
    assert {(Kind.EDITED, 1, 4), (Kind.REWRITTEN, 1, 5), (Kind.CUT_OFF, 1, 9)} <= set(found)


@pytest.mark.parametrize(("one", "other"), [(2, 3), (2, 8), (1, 10), (9, 10)])
async def test_two_swapped_lines_are_found(
    log: AsyncEngine, forger: AsyncEngine, one: int, other: int
) -> None:
    async with forging(forger) as connection:
        for here, there in ((one, 99), (other, one), (99, other)):
            await connection.execute(
                text(f"UPDATE audit_log SET sequence = {there} WHERE sequence = {here}")
            )
    found = await verify(log)
    moved = {finding.sequence for finding in found if finding.kind is Kind.MOVED}
    assert moved == {one, other}
    assert {finding.sequence for finding in found} == {one, other}


async def test_a_line_moved_to_another_strand_is_found(
    log: AsyncEngine, forger: AsyncEngine
) -> None:
    async with forging(forger) as connection:
        await connection.execute(
            text("UPDATE audit_log SET strand = 2, sequence = 1 WHERE sequence = 10")
        )
    assert places(await verify(log)) == [(Kind.CUT_OFF, 1, 9), (Kind.EDITED, 2, 1)]


async def test_a_truncated_strand_is_found(log: AsyncEngine, forger: AsyncEngine) -> None:
    async with forging(forger) as connection:
        await connection.execute(text("DELETE FROM audit_log WHERE sequence > 3"))
    assert places(await verify(log)) == [(Kind.CUT_OFF, 1, 3)]


async def test_a_truncated_strand_that_grew_again_is_found(
    log: AsyncEngine, forger: AsyncEngine
) -> None:
    async with forging(forger) as connection:
        await connection.execute(text("DELETE FROM audit_log WHERE sequence > 3"))
    await write(log, *range(4, 20))
    found = places(await verify(log))
    assert found == [(Kind.REWRITTEN, 1, 5), (Kind.REWRITTEN, 1, 10)]


async def test_an_edit_with_every_hash_computed_anew_is_found(
    log: AsyncEngine, forger: AsyncEngine
) -> None:
    async with forging(forger) as connection:
        await connection.execute(text("UPDATE audit_log SET about = 'jn_99' WHERE sequence = 7"))
        await rehash(connection, 7)
    assert places(await verify(log)) == [(Kind.REWRITTEN, 1, 10)]


async def test_a_deleted_strand_is_found(log: AsyncEngine, forger: AsyncEngine) -> None:
    async with log.begin() as first, log.begin() as second:
        await append(first, a_line(11))
        await append(second, a_line(12))
    await seal(log)
    async with forging(forger) as connection:
        await connection.execute(text("DELETE FROM audit_log WHERE strand = 2"))
    assert places(await verify(log)) == [(Kind.CUT_OFF, 2, 1)]


async def test_an_emptied_log_is_found(log: AsyncEngine, forger: AsyncEngine) -> None:
    async with forging(forger) as connection:
        await connection.execute(text("TRUNCATE audit_log"))
    assert places(await verify(log)) == [(Kind.CUT_OFF, 1, 1)]


async def test_an_emptied_log_without_seals_is_found_by_its_anchor(
    log: AsyncEngine, forger: AsyncEngine
) -> None:
    anchor = await seal(log)
    async with forging(forger) as connection:
        await connection.execute(text("TRUNCATE audit_log, audit_seals"))
    (found,) = await verify(log, anchor)
    assert (found.kind, found.seal) == (Kind.SEALS_CUT_OFF, 2)


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "4000-01-01 BC", "20000-01-01"])
async def test_a_time_that_we_can_not_hold_is_an_edit(
    log: AsyncEngine, forger: AsyncEngine, moment: str
) -> None:
    async with forging(forger) as connection:
        await connection.execute(text(f"UPDATE audit_log SET at = '{moment}' WHERE sequence = 3"))
        await connection.execute(
            text(f"UPDATE audit_seals SET sealed_at = '{moment}' WHERE number = 2")
        )
    found = [(one.kind, one.sequence or one.seal) for one in await verify(log)]
    assert found == [(Kind.SEAL_FORGED, 2), (Kind.EDITED, 3)]


@pytest.mark.parametrize(
    ("strand", "sequence"), [(-1, 1), (0, 0), (0, 1), (1, 0), (1, -(2**63) + 1)]
)
async def test_a_line_before_the_first_is_found(
    log: AsyncEngine, forger: AsyncEngine, strand: int, sequence: int
) -> None:
    async with forging(forger) as connection:
        await connection.execute(
            text(
                f"INSERT INTO audit_log SELECT {strand}, {sequence}, at, action, actor_id, "
                "actor_role, about, detail, hash FROM audit_log WHERE sequence = 1"
            )
        )
    assert places(await verify(log)) == [(Kind.ADDED, strand, sequence)]


@pytest.mark.parametrize("number", [0, -3])
async def test_a_seal_before_the_first_is_found(
    log: AsyncEngine, forger: AsyncEngine, number: int
) -> None:
    async with forging(forger) as connection:
        await connection.execute(
            text(
                f"INSERT INTO audit_seals SELECT {number}, 99, sequence, hash, sealed_at, mac "
                "FROM audit_seals WHERE number = 1"
            )
        )
    (found,) = await verify(log)
    assert (found.kind, found.seal) == (Kind.SEAL_FORGED, number)


@pytest.mark.parametrize("number", [1, 2])
async def test_a_deleted_seal_is_found(log: AsyncEngine, forger: AsyncEngine, number: int) -> None:
    await write(log, 11)
    await seal(log)
    async with forging(forger) as connection:
        await connection.execute(text(f"DELETE FROM audit_seals WHERE number = {number}"))
    (found,) = await verify(log)
    assert (found.kind, found.seal) == (Kind.SEAL_MISSING, number)


async def test_deleted_last_seals_are_found_by_an_anchor_and_by_unsealed_lines(
    log: AsyncEngine, forger: AsyncEngine
) -> None:
    anchor = await seal(log)
    async with forging(forger) as connection:
        await connection.execute(text("DELETE FROM audit_seals WHERE number > 1"))
    (cut_off,) = await verify(log, anchor)
    assert (cut_off.kind, cut_off.seal) == (Kind.SEALS_CUT_OFF, 2)
    assert places(await verify(log, after=LATER)) == [(Kind.UNSEALED, 1, 6)]


async def test_seals_made_anew_over_other_lines_are_found_by_an_anchor(
    log: AsyncEngine, forger: AsyncEngine
) -> None:
    anchor = await seal(log)
    async with forging(forger) as connection:
        await connection.execute(text("DELETE FROM audit_seals WHERE number > 1"))
        await connection.execute(text("UPDATE audit_log SET about = 'jn_99' WHERE sequence = 7"))
        await rehash(connection, 7)
    await seal(log)
    assert await verify(log) == [], "our own sealer was fooled"
    (found,) = await verify(log, anchor)
    assert (found.kind, found.seal) == (Kind.SEAL_FORGED, 2)


@pytest.mark.parametrize(
    "change",
    [
        "strand = 7",
        "sequence = 4",
        "hash = sha256('x')",
        "sealed_at = sealed_at + interval '1 s'",
        "mac = sha256('x')",
    ],
)
async def test_an_edited_seal_is_found(log: AsyncEngine, forger: AsyncEngine, change: str) -> None:
    async with forging(forger) as connection:
        await connection.execute(text(f"UPDATE audit_seals SET {change} WHERE number = 1"))
    (found,) = await verify(log)
    assert (found.kind, found.seal) == (Kind.SEAL_FORGED, 1)


async def test_a_seal_without_the_key_is_found(log: AsyncEngine, forger: AsyncEngine) -> None:
    async with forging(forger) as connection:
        await connection.execute(text("UPDATE audit_log SET about = 'jn_99' WHERE sequence = 10"))
        await rehash(connection, 10)
        await connection.execute(
            text(
                "UPDATE audit_seals SET hash = (SELECT hash FROM audit_log WHERE sequence = 10), "
                "mac = sha256('guessed') WHERE number = 2"
            )
        )
    (found,) = await verify(log)
    assert (found.kind, found.seal) == (Kind.SEAL_FORGED, 2)


async def test_lines_that_nobody_seals_are_found_after_a_minute(engine: AsyncEngine) -> None:
    await write(engine, 1, 2)
    assert await verify(engine) == []
    assert places(await verify(engine, after=LATER)) == [(Kind.UNSEALED, 1, 1)]
