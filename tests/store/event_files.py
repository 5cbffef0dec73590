"""Files of events in the store, as the tests of store and relay use them."""

import hashlib

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.event_file import check_file
from domain.file_mappings import DEFAULTS
from store.event_files import FileView, SentFile, find_file, receive_file
from tests.store.samples import PROVIDER, now
from tests.vault import VAULT


def attendance(rows: int, of: str = "enr", wrong: int | None = None) -> bytes:
    """A file with a row for each of so many enrollments; one may be wrong, by its place."""
    lines = [
        f"{of}-{place},2026-05,{'many' if place == wrong else 40},38.5" for place in range(rows)
    ]
    return "\n".join(("enrollment_ref,period,hours_planned,hours_attended", *lines)).encode()


async def sent(
    engine: AsyncEngine, content: bytes, partner: str = PROVIDER
) -> tuple[FileView, bool]:
    """A file, committed, and whether it is new."""
    mapping = DEFAULTS["attendance"]
    checked = check_file(content, mapping, 100_000)
    file = SentFile(
        partner=partner,
        source=f"/partners/{partner}",
        kind="attendance",
        mapping=mapping,
        named=checked.named,
        content_hash=hashlib.sha256(content).hexdigest(),
        rows=checked.rows,
    )
    async with engine.begin() as connection:
        return await receive_file(connection, VAULT, file, content, now())


async def as_it_stands(engine: AsyncEngine, file: FileView, partner: str = PROVIDER) -> FileView:
    """The file as it stands now; its counts add up and are those of its rows."""
    at_once = engine.execution_options(isolation_level="REPEATABLE READ")
    async with at_once.connect() as connection:
        found = await find_file(connection, partner, file.file_id)
        counted = await connection.execute(
            text(
                "SELECT outcome, count(*) AS rows FROM event_file_rows WHERE file_id = :id "
                "GROUP BY 1"
            ),
            {"id": file.file_id},
        )
        counts = {row.outcome: row.rows for row in counted}
        sealed = await connection.scalar(
            text("SELECT sealed IS NOT NULL FROM event_files WHERE file_id = :id"),
            {"id": file.file_id},
        )
    assert found is not None
    assert found.rows == found.waiting + sum(counts.values())
    for outcome in ("sent", "repeated", "refused"):
        assert getattr(found, outcome) == counts.get(outcome, 0), outcome
    assert (found.done_at is None) == (found.waiting > 0) == sealed
    return found


async def inbox_of(engine: AsyncEngine) -> int:
    """How many events there are."""
    async with engine.connect() as connection:
        return int(await connection.scalar(text("SELECT count(*) FROM inbox")) or 0)
