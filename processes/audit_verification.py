"""`journeyman audit verify`: reads the whole audit log, and tells what does not fit."""

import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from processes.faults import CommandFailed
from processes.settings import Settings
from processes.stores import engine_of, with_database
from processes.vaults import vault_of
from store.audit_verify import Verification

TOLD_EVERY = 2.0
"""Seconds between two words on how far it came."""

_ANCHOR = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


async def verify_audit(settings: Settings, anchors: Sequence[str], console: Console) -> int:
    """Read every line and seal, print each finding; the exit code, 1 where there is one.

    Args:
        anchors: seals known from outside the database, `number:mac` or files that hold some.
        console: what is found goes there; how far it came as well, where that is a terminal.

    Raises:
        CommandFailed: an anchor can't be read, or PostgreSQL does not answer.
    """
    known = {number: mac for given in anchors for number, mac in _anchors_in(given).items()}
    settings = with_database(settings)
    engine = engine_of(settings)
    found = 0
    try:
        vault = await vault_of(settings, engine)
        single = engine.execution_options(isolation_level="AUTOCOMMIT")
        async with single.connect() as connection:
            reading = Verification(
                connection, vault, datetime.now(UTC), anchors=known, progress=_progress(console)
            )
            async for finding in reading.findings():
                found += 1
                place = (
                    f"seal {finding.seal}"
                    if finding.seal is not None
                    else f"strand {finding.strand}, line {finding.sequence}"
                )
                _say(console, f"{place}: {finding.kind}: {finding.words}")
    except (OSError, SQLAlchemyError) as fault:
        raise CommandFailed(
            f"PostgreSQL could not be read ({type(fault).__name__}): see `journeyman doctor`"
        ) from None
    finally:
        await engine.dispose()
    _say(
        console,
        f"lines {reading.lines}, strands {reading.strands}, seals {reading.seals}: "
        + (f"findings {found}" if found else "whole"),
    )
    if reading.newest is not None and not found:
        _say(console, f"anchor {reading.newest.number}:{reading.newest.mac.hex()}")
    return int(found > 0)


def _anchors_in(given: str) -> dict[int, bytes]:
    """The seals that an argument names, or that a file holds: one a line, or a relay's log."""
    if match := _ANCHOR.fullmatch(given):
        return {int(match[1]): bytes.fromhex(match[2])}
    try:
        lines = Path(given).read_text(encoding="utf-8", errors="replace").splitlines()
    except (OSError, ValueError):
        raise CommandFailed(
            f"--anchor {given}: write NUMBER:MAC as an earlier verification printed it, or name a "
            "file of such lines or of a relay's log"
        ) from None
    found = dict(filter(None, map(_anchor_of, lines)))
    if not found:
        raise CommandFailed(f"--anchor {given}: there is no anchor in this file")
    return found


def _anchor_of(line: str) -> tuple[int, bytes] | None:
    if match := _ANCHOR.fullmatch(line.strip().removeprefix("anchor ")):
        return int(match[1]), bytes.fromhex(match[2])
    if '"audit_sealed"' not in line:
        return None
    try:
        told = orjson.loads(line)
        return int(told["number"]), bytes.fromhex(told["mac"])
    except (ValueError, KeyError, TypeError):
        return None


def _progress(console: Console) -> Callable[[int], None]:
    told_at = time.monotonic()

    def tell(lines: int) -> None:
        nonlocal told_at
        if console.is_terminal and time.monotonic() - told_at > TOLD_EVERY:
            told_at = time.monotonic()
            _say(console, f"{lines:,} lines read ...")

    return tell


def _say(console: Console, words: str) -> None:
    console.print(words, markup=False, highlight=False, soft_wrap=True)
