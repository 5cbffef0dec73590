"""Log lines: JSON, with the ids in hand and without personal data."""

import json
import subprocess
import sys
from typing import Any

BEGIN = """
import asyncio, logging, structlog
from processes.logs import configure_logging
configure_logging("api")
log = structlog.get_logger("journeyman.api")
"""


def lines_of(code: str) -> list[dict[str, Any]]:
    """What a process that runs this code writes, line by line."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_line_says_when_who_and_about_what() -> None:
    (line,) = lines_of(
        "structlog.contextvars.bind_contextvars(request_id='r1', journey='jn_1')\n"
        "log.info('answered', status=201)"
    )
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "process": "api",
        "event": "answered",
        "request_id": "r1",
        "journey": "jn_1",
        "status": 201,
    }


def test_id_numbers_and_phones_are_taken_out_wherever_they_stand() -> None:
    lines = lines_of(
        "log.info('seen 44030519900307123X', deep={'phone': ['13912345678']}, bare=13912345678)\n"
        "logging.getLogger('lib').warning('called %s', '13912345678')"
    )
    assert len(lines) == 2
    assert "44030519900307123X" not in str(lines)
    assert "13912345678" not in str(lines)


def test_ids_that_contain_such_digits_stay() -> None:
    (line,) = lines_of("log.info('x', journey='jn_a13912345678b', at=1790000000123)")
    assert line["journey"] == "jn_a13912345678b"
    assert line["at"] == 1790000000123


def test_a_fault_is_told_by_type_and_place_and_not_by_its_words() -> None:
    (line,) = lines_of(
        "def fail():\n"
        "    raise ValueError('Key (name)=(李雷) already exists')\n"
        "try:\n"
        "    fail()\n"
        "except ValueError:\n"
        "    log.exception('bad')"
    )
    assert line["fault"] == ["ValueError"]
    assert line["place"][-1].endswith(" fail")
    assert "李雷" not in str(line)


def test_an_address_that_refused_is_told() -> None:
    (line,) = lines_of(
        "try:\n"
        "    raise ConnectionRefusedError(111, 'refused', '127.0.0.1:8702')\n"
        "except OSError as error:\n"
        "    log.warning('away', exc_info=error)"
    )
    assert "127.0.0.1:8702" in line["fault"][0]


def test_a_failed_activity_names_its_journey() -> None:
    (line,) = lines_of(
        "extra = {'temporal_activity': {'workflow_id': 'jn_1', 'activity_type': 'record',\n"
        "         'attempt': 3, 'task_token': b'x'}}\n"
        "logging.getLogger('temporalio.activity').warning('failed', extra=extra)"
    )
    assert line["journey"] == "jn_1"
    assert line["activity_type"] == "record"
    assert line["attempt"] == 3
    assert line["logger"] == "temporalio.activity"


def test_a_forgotten_task_does_not_spell_out_its_fault() -> None:
    lines = lines_of(
        "async def fail():\n"
        "    raise ValueError('李雷')\n"
        "async def main():\n"
        "    asyncio.create_task(fail())\n"
        "    await asyncio.sleep(0)\n"
        "asyncio.run(main())"
    )
    assert lines[0]["event"] == "Task exception was never retrieved"
    assert "李雷" not in str(lines)


def test_addresses_called_are_not_logged() -> None:
    lines = lines_of(
        "logging.getLogger('httpx').info('HTTP Request: GET http://x/?phone=1')\n"
        "logging.getLogger('uvicorn.access').info('GET /?phone=1')\n"
        "logging.getLogger('uvicorn.error').info('Started')"
    )
    assert [line["event"] for line in lines] == ["Started"]
