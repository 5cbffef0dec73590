"""Cohorts in the store, as the tests of store and relay use them."""

import secrets
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from store.caseload import Scope
from store.cohorts import CheckedRow, CohortView, Sent, find_cohort, receive_cohort
from tests.api.people import a_journey
from tests.store.samples import CASEWORKER, now
from tests.vault import VAULT


def good_rows(count: int) -> list[CheckedRow]:
    """Rows that nothing is wrong with, each for a person of her own."""
    return [
        CheckedRow.model_validate({"line": line, "body": a_journey()})
        for line in range(2, count + 2)
    ]


async def sent(
    engine: AsyncEngine,
    rows: Sequence[CheckedRow],
    content_hash: str | None = None,
    region: str = "44",
) -> tuple[CohortView, bool]:
    """A cohort, committed, and whether it is new."""
    file = Sent(
        region=region,
        name="",
        form="text/csv",
        content_hash=content_hash or secrets.token_hex(),
        by=CASEWORKER,
    )
    async with engine.begin() as connection:
        return await receive_cohort(connection, VAULT, file, rows, now())


async def as_it_stands(engine: AsyncEngine, cohort: CohortView) -> CohortView:
    """The cohort as it stands now; its counts add up and are those of its rows."""
    at_once = engine.execution_options(isolation_level="REPEATABLE READ")
    async with at_once.connect() as connection:
        found = await find_cohort(connection, Scope(region=""), cohort.cohort_id)
        counted = await connection.execute(
            text(
                "SELECT outcome, count(*) AS rows FROM cohort_rows WHERE cohort_id = :id GROUP BY 1"
            ),
            {"id": cohort.cohort_id},
        )
        counts = {row.outcome: row.rows for row in counted}
    assert found is not None
    assert found.rows == sum(counts.values())
    for outcome in ("waiting", "opened", "refused", "canceled"):
        assert getattr(found, outcome) == counts.get(outcome, 0), outcome
    assert (found.done_at is None) == (found.waiting > 0)
    return found
