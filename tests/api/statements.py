"""What the database is asked while something is done: counted, so that it can be compared."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine


@contextmanager
def statements(engine: AsyncEngine) -> Iterator[list[str]]:
    """The statements that the engine sends meanwhile, without their values."""
    asked: list[str] = []

    def remember(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", remember)
    try:
        yield asked
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", remember)
