"""Reading the audit log where few lines fit: page by page, without looking at all of it."""

from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.commands import Actor
from store.audit import append
from store.audit_reading import AuditFilter, every_line, list_lines
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


async def test_lines_about_one_thing_are_looked_at_page_by_page_for_a_region(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as connection:
        for number in range(25):
            await append(connection, a_line(number, about="persons" if number % 2 else "audit"))
    wanted = AuditFilter(region="4403", about="persons")
    pages, cursor = 0, None
    async with engine.connect() as connection:
        while pages == 0 or cursor:
            page = await list_lines(connection, wanted, 10, cursor, looked_at=5)
            assert page.items == ()
            pages, cursor = pages + 1, page.next_cursor
    assert pages == 3, "twelve lines about it, five a page"


async def test_an_export_looks_at_as_many_lines_in_one_go(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        for number in range(25):
            by = Actor(id="staff-8" if number in (3, 24) else "staff-7", role="caseworker")
            await append(connection, a_line(number, by=by))
    wanted = AuditFilter(actor="staff-8")
    lines = every_line(engine, wanted, timedelta(seconds=10), looked_at=5)
    assert [each.line.about async for each in lines] == ["jn_3", "jn_24"]


async def test_an_export_does_not_wait_for_a_page_for_ever(engine: AsyncEngine) -> None:
    with pytest.raises(TimeoutError):
        _ = [line async for line in every_line(engine, AuditFilter(), timedelta(0))]
