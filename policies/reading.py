"""Reads the files of this room strictly: no duplicate keys, and every error says where it is."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import cast

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from domain.model import Word

Key = tuple[str, ...]
"""Where a value stands: the names from the top of a file down to it."""

SHOWN = 80
"""Longest part of a value that an error repeats, in characters."""


class Problem(Word):
    """One thing that is wrong: in which file, at which dotted key, with which value, and why."""

    file: str
    key: str
    value: str
    reason: str

    def __str__(self) -> str:
        key = f" {self.key}" if self.key else ""
        value = f" = {self.value}" if self.value else ""
        return f"{self.file}:{key}{value}: {self.reason}"


class PolicyError(Exception):
    """The files do not make a policy or catalog; `problems` holds everything that is wrong."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def shown(value: object) -> str:
    """A value as an error repeats it: one line, at most 80 characters."""
    text = repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def read_mapping(path: Path) -> tuple[dict[str, object], list[Problem]]:
    """What a YAML file says, with the keys that it gives twice as problems.

    A file that is no YAML, or no mapping at its top, is a problem and reads as empty.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return {}, [_problem(path, reason=f"cannot be read as UTF-8 text: {error}")]
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        data = loader.construct_document(node) if node else None
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}" if mark else ""
        return {}, [_problem(path, key=line, reason=f"is no YAML: {_first_line(error)}")]
    finally:
        loader.dispose()
    problems = [
        _problem(path, key=".".join(key), value=shown(value), reason=f"is given twice, {where}")
        for key, value, where in _repeated(node, (), set())
    ]
    if not isinstance(data, dict):
        problems.append(
            _problem(path, value=shown(data), reason="must be a mapping of keys to values")
        )
        return {}, problems
    return cast(dict[str, object], _plain(data)), problems


def problems_of(error: ValidationError, file_of: Callable[[Key], str]) -> list[Problem]:
    """What pydantic found, each in the file that `file_of` names for its key."""
    found = []
    for detail in error.errors(include_url=False):
        key = tuple(str(part) for part in detail["loc"] if part != "[key]")
        found.append(
            Problem(
                file=file_of(key),
                key=".".join(key),
                value=_value(detail),
                reason=_reason(detail),
            )
        )
    return found


def _value(detail: ErrorDetails) -> str:
    value = detail["input"]
    whole_section = isinstance(value, dict) and len(repr(value)) > SHOWN
    return "" if detail["type"] == "missing" or whole_section else shown(value)


def _reason(detail: ErrorDetails) -> str:
    if detail["type"] == "missing":
        return "is missing and has no default"
    if detail["type"] == "extra_forbidden":
        return "is no known key"
    if detail.get("ctx", {}).get("class_name") == "Duration":
        return "is no duration: write it as text, such as `3 working days`"
    return detail["msg"].removeprefix("Value error, ")


def _problem(path: Path, *, key: str = "", value: str = "", reason: str) -> Problem:
    return Problem(file=path.name, key=key, value=value, reason=reason)


def _first_line(error: Exception) -> str:
    return str(getattr(error, "problem", None) or error).splitlines()[0]


def _plain(value: object) -> object:
    """Keys as text; dates and the like stay what YAML made of them."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def _repeated(
    node: yaml.Node | None, above: Key, seen: set[int]
) -> Iterator[tuple[Key, object, str]]:
    """Keys that a mapping gives twice; YAML readers let the second win in silence."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for inner in node.value:
            yield from _repeated(inner, above, seen)
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            if key in first:
                where = f"in line {first[key]} and again in line {line}"
                yield (*above, key), value_node.value, where
            first.setdefault(key, line)
            yield from _repeated(value_node, (*above, key), seen)
