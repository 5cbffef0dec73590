"""Reads the catalog's files: divisions, occupations, modules, programs."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from domain.catalog import Catalog, CatalogOccupation, Division, Program
from domain.model import Word
from policies.modules import ModuleRules
from policies.reading import Problem, problems_of, read_mapping, shown

CATALOG_FOLDER = Path(__file__).parent / "catalog"
DIVISIONS = "divisions.csv"
OCCUPATIONS = "occupations.csv"
MODULES = "modules.yaml"
PROGRAMS = "programs.yaml"

Row = TypeVar("Row", Division, CatalogOccupation)


class _Programs(Word):
    programs: Annotated[dict[str, Program], Field(min_length=1)]


def read_catalog(folder: Path) -> tuple[Catalog, list[Problem]]:
    """The catalog in a folder, and what is wrong with its files; with problems it is incomplete."""
    divisions, wrong_divisions = _rows(folder / DIVISIONS, Division)
    occupations, wrong_occupations = _rows(folder / OCCUPATIONS, CatalogOccupation)
    programs, wrong_programs = _programs(folder / PROGRAMS)
    rules, wrong_modules = _modules(folder / MODULES, {row.code for row in occupations})
    catalog = Catalog(divisions, occupations, programs, rules.modules_for)
    return catalog, wrong_divisions + wrong_occupations + wrong_programs + wrong_modules


def _rows(path: Path, kind: type[Row]) -> tuple[list[Row], list[Problem]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return [], [_problem(path, "", "", f"cannot be read as UTF-8 text: {error}")]
    reader = csv.DictReader(io.StringIO(text), strict=True)
    expected = list(kind.model_fields)
    if reader.fieldnames != expected:
        reason = f"the header must be {','.join(expected)}"
        return [], [_problem(path, "line 1", shown(reader.fieldnames), reason)]
    rows: dict[str, Row] = {}
    problems: list[Problem] = []
    for line, data in enumerate(reader, start=2):
        try:
            row = kind.model_validate(data)
        except ValidationError as error:
            problems += [
                found.model_copy(update={"key": f"line {line} {found.key}"})
                for found in problems_of(error, lambda _: path.name)
            ]
            continue
        if row.code in rows:
            problems.append(_problem(path, f"line {line} code", shown(row.code), "is given twice"))
        rows[row.code] = row
    return list(rows.values()), problems


def _programs(path: Path) -> tuple[list[Program], list[Problem]]:
    data, problems = read_mapping(path)
    named = {code: _with_code(code, entry) for code, entry in _entries(data, "programs")}
    try:
        read = _Programs.model_validate({**data, "programs": named} if named else data)
    except ValidationError as error:
        return [], problems + problems_of(error, lambda _: path.name)
    return list(read.programs.values()), problems


def _entries(data: dict[str, object], key: str) -> Iterator[tuple[str, object]]:
    entries = data.get(key)
    if isinstance(entries, dict):
        yield from entries.items()


def _with_code(code: str, program: object) -> object:
    return {**program, "code": code} if isinstance(program, dict) else program


def _modules(path: Path, occupations: set[str]) -> tuple[ModuleRules, list[Problem]]:
    data, problems = read_mapping(path)
    try:
        rules = TypeAdapter(ModuleRules).validate_python(data)
    except ValidationError as error:
        return ModuleRules(), problems + problems_of(error, lambda _: path.name)
    problems += [
        _problem(path, f"occupations.{code}", "", "is no occupation of the catalog")
        for code in rules.occupations
        if code not in occupations
    ]
    return rules, problems


def _problem(path: Path, key: str, value: str, reason: str) -> Problem:
    return Problem(file=path.name, key=key, value=value, reason=reason)
