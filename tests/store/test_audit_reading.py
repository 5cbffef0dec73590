"""Reading the audit log where few lines fit: page by page, without looking at all of it."""

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.commands import Actor
from store.audit import append
from store.audit_reading import AuditFilter, list_lines
from tests.store.test_audit import a_line


async def test_few_lines_that_fit_are_found_over_many_pages(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        for number in range(25):
            by = Actor(id="staff-8" if number in (3, 24) else "staff-7", role="caseworker")
            await append(connection, a_line(number, by=by))
    wanted = AuditFilter(actor="staff-8")
    found, pages, cursor = [], 0, None
    async with engine.connect() as connection:
        while pages == 0 or cursor:
            page = await list_lines(connection, wanted, 10, cursor, looked_at=5)
            found += [line.about for line in page.items]
            pages, cursor = pages + 1, page.next_cursor
    assert found == ["jn_3", "jn_24"]
    assert pages == 6, "five lines a page, and an end without any"


async def test_a_page_without_a_filter_or_about_one_thing_looks_to_the_end(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as connection:
        for number in range(25):
            await append(connection, a_line(number))
    async with engine.connect() as connection:
        everything = await list_lines(connection, AuditFilter(), 50, None, looked_at=5)
        one = await list_lines(connection, AuditFilter(about="jn_24"), 50, None, looked_at=5)
    assert (len(everything.items), everything.next_cursor) == (25, None)
    assert (len(one.items), one.next_cursor) == (1, None)
