"""One JSON line per event on standard error: ids and figures, and no personal data.

A line holds `time` (UTC), `level`, `process`, `logger`, `event`, and the ids in hand: `request_id`,
`journey`, `event_id`, `receipt`. Libraries that log by the standard library end up here as well.
"""

import logging
import re
import sys
import traceback
from typing import Final

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger
from temporalio import activity, workflow
from temporalio.service import RPCError

_ID_NUMBER_OR_PHONE: Final = re.compile(
    rb"\d(?<![0-9A-Za-z].)(?:\d{16}[\dXx]|(?<=1)[3-9]\d{9})(?![0-9A-Za-z])"
)
"""Begins with a digit, which is quickly looked for: each line that is written passes here."""
_SAFE_WORDS: Final = (OSError, RPCError)
"""Faults whose words name addresses and not rows; of all others only type and place are told."""
_QUIET: Final = ("httpx", "httpcore", "uvicorn.access")
"""Loggers that would tell every address called, with its query."""


def configure_logging(process: str, level: str = "info") -> None:
    """Route this process's log lines, ours and the libraries', to standard error as JSON.

    Args:
        process: which process writes, such as `api`.
        level: the least level that is written: `debug`, `info`, `warning` or `error`.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]

    def name_process(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
        line["process"] = process
        return line

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        name_process,
    ]
    structlog.configure(
        processors=[*shared, _tell_fault, _render],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name, _tell_engine],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _tell_fault,
                _render_text,
            ],
            keep_exc_info=False,
        )
    )
    logging.basicConfig(handlers=[handler], level=threshold, force=True)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in _QUIET:
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    workflow.logger.workflow_info_on_message = False
    activity.logger.activity_info_on_message = False


def _tell_engine(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """The ids that Temporal's SDK adds to a record; of asyncio's complaints the first line."""
    record = line.get("_record")
    for name in ("temporal_workflow", "temporal_activity"):
        for key, value in (getattr(record, name, None) or {}).items():
            if key in ("workflow_type", "activity_type", "attempt"):
                line[key] = value
            elif key == "workflow_id":
                line["journey"] = value
    if getattr(record, "name", "") == "asyncio":
        line["event"] = str(line["event"]).partition("\n")[0]
    return line


def _tell_fault(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """A fault by type and place: its words can quote a row, and with it a person."""
    fault = _fault_of(line.pop("exc_info", None))
    line.pop("stack_info", None)
    if fault is None:
        return line
    line["fault"] = [_named(cause) for cause in _chain(fault)]
    frames = traceback.extract_tb(fault.__traceback__)[-8:]
    line["place"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return line


def _fault_of(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return sys.exc_info()[1] if exc_info else None


def _chain(fault: BaseException) -> list[BaseException]:
    chain = [fault]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) and cause not in chain:
        chain.append(cause)
    return chain


def _named(fault: BaseException) -> str:
    kind = type(fault).__qualname__
    return f"{kind}: {fault}" if isinstance(fault, _SAFE_WORDS) else kind


def _render(_logger: WrappedLogger, _method: str, line: EventDict) -> bytes:
    rendered = orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS)
    return _ID_NUMBER_OR_PHONE.sub(b"0", rendered)  # a number, so that the line stays JSON


def _render_text(logger: WrappedLogger, method: str, line: EventDict) -> str:
    return _render(logger, method, line).decode()
