"""Reading a cohort's file: CSV or JSON into rows, each the body of `POST /v1/journeys`.

What is wrong with the file as a whole refuses it, told by line and column. What is wrong with a row
is left to that row.
"""

import re
from dataclasses import dataclass

from pydantic import JsonValue

from api.bodies import read_json
from api.csv_files import (
    CELLS_RULE,
    CSV,
    cells_error,
    columns_of,
    lines_of,
    must_hold_rows,
    must_not_be_too_many,
    refused_file,
)
from api.problems import FieldError, MalformedBody

JSON = "application/json"

COLUMNS = {
    "name": ("姓名",),
    "id_number": ("身份证号", "身份证号码", "公民身份号码"),
    "phone": ("手机号", "手机号码", "联系电话", "电话"),
    "program": ("培训项目", "项目"),
    "occupation": ("职业代码", "职业", "职业工种"),
    "level": ("技能等级", "等级"),
    "pathway": ("路径", "培养路径"),
    "home_region": ("户籍地区", "户籍地"),
    "delivery_region": ("培训地区", "培训地"),
    "job_region": ("就业地区", "就业地"),
    "groups": ("人员类别", "重点群体"),
    "years_of_service": ("工作年限", "工龄"),
    "employer": ("用人单位", "单位"),
    "vacancy_ref": ("岗位编号", "岗位"),
}
"""The columns of a CSV file, each with the Chinese names that stand for it."""
NEEDED = tuple(COLUMNS)[:8]
"""Columns that no file lacks; of the others an empty cell is a value that is not given."""
PERSON = ("name", "id_number", "phone")

_KNOWN = {name: (name, *others) for name, others in COLUMNS.items()}


@dataclass(frozen=True)
class GivenRow:
    """A row as it was sent; `body` None where its form alone is wrong, with the reason.

    `line` is where it begins: the header of a CSV file is line 1; in JSON the first row is.
    """

    line: int
    body: dict[str, JsonValue] | None
    wrong: FieldError | None = None


@dataclass(frozen=True)
class CohortFile:
    """A file that can be read; `form` is its media type, `name` what its sender calls it."""

    form: str
    name: str
    rows: tuple[GivenRow, ...]


def read_csv(content: bytes, most_rows: int) -> CohortFile:
    """The rows of a CSV file: UTF-8, with or without a byte order mark, or GB18030.

    The header names each column once, in any order, in English or Chinese; groups are parted by
    `;`; empty lines are passed over.

    Raises:
        MalformedBody: it can't be decoded, or is no CSV; names line and byte.
        Unprocessable: naming what is wrong with the header, or that there are no or too many rows.
    """
    lines = lines_of(content)
    columns = columns_of(next(lines, (1, []))[1], _KNOWN, NEEDED)
    rows: list[GivenRow] = []
    for line, cells in lines:
        must_not_be_too_many(len(rows) + 1, most_rows)
        rows.append(_given(line, columns, cells))
    must_hold_rows(len(rows))
    return CohortFile(CSV, "", tuple(rows))


def read_rows(content: bytes, most_rows: int) -> CohortFile:
    """The rows of a JSON object with `rows` and, if its sender likes, `name`.

    Raises:
        MalformedBody: it is no JSON object; see `api.bodies.read_json`.
        Unprocessable: naming what is wrong with it, or that there are no or too many rows.
    """
    given = read_json(content)
    if not isinstance(given, dict):
        raise MalformedBody("the body must be a JSON object")
    errors = [
        FieldError(field=name[:120], message="there is no such field")
        for name in given
        if name not in ("name", "rows")
    ]
    name, rows = given.get("name", ""), given.get("rows")
    if not isinstance(name, str):
        errors.append(FieldError(field="name", message="must be a text"))
    if not isinstance(rows, list):
        errors.append(FieldError(field="rows", message="must be a list of journeys"))
    if errors or not isinstance(rows, list) or not isinstance(name, str):
        raise refused_file(errors)
    must_hold_rows(len(rows))
    must_not_be_too_many(len(rows), most_rows)
    return CohortFile(JSON, name, tuple(_given_json(line, row) for line, row in enumerate(rows, 1)))


def _given(line: int, columns: list[str], cells: list[str]) -> GivenRow:
    wrong = cells_error(columns, cells)
    if wrong is not None:
        return GivenRow(line, None, wrong)
    given = {name: cell for name, cell in zip(columns, cells, strict=True) if cell}
    person: dict[str, JsonValue] = {name: given.pop(name) for name in PERSON if name in given}
    occupation: dict[str, JsonValue] = (
        {"code": given.pop("occupation")} if "occupation" in given else {}
    )
    body: dict[str, JsonValue] = {"person": person, "occupation": occupation, **given}
    if "groups" in given:
        tags = (tag.strip() for tag in re.split("[;；]", given["groups"]))
        body["groups"] = [tag for tag in tags if tag]
    return GivenRow(line, body)


def _given_json(line: int, row: JsonValue) -> GivenRow:
    if isinstance(row, dict):
        return GivenRow(line, row)
    told = FieldError(field="", message="must be a JSON object", rule=CELLS_RULE)
    return GivenRow(line, None, told)
