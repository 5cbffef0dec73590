"""Reading a cohort's file: CSV or JSON into rows, each the body of `POST /v1/journeys`.

What is wrong with the file as a whole refuses it, told by line and column. What is wrong with a row
is left to that row.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from api.bodies import read_json
from api.problems import FieldError, MalformedBody, Unprocessable
from api.validation import shown

CSV = "text/csv"
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

CELLS_RULE = "cohort.cells"
_NAMED = {chinese: name for name, others in COLUMNS.items() for chinese in others}
_OTHER_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_IDEOGRAPH = re.compile("[\u4e00-\u9fff]")
_SURELY_UTF8 = 3
"""So many Chinese characters before the first wrong byte are no accident of another encoding."""


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
    lines = _lines(_decoded(content))
    try:
        header = next(lines, (1, []))[1]
        columns = _columns(header)
        rows: list[GivenRow] = []
        for line, cells in lines:
            _must_not_be_too_many(len(rows) + 1, most_rows)
            rows.append(_given(line, columns, cells))
    except csv.Error as error:
        raise MalformedBody(f"no CSV file: {error}") from None
    _must_hold_rows(len(rows))
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
        raise _envelope(errors)
    _must_hold_rows(len(rows))
    _must_not_be_too_many(len(rows), most_rows)
    return CohortFile(JSON, name, tuple(_given_json(line, row) for line, row in enumerate(rows, 1)))


def _decoded(content: bytes) -> str:
    for mark, encoding in _OTHER_ENCODINGS.items():
        if content.startswith(mark):
            raise MalformedBody(f"the file is {encoding}: save it as UTF-8 or GB18030")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        broken_at = error.start
    before = content[:broken_at].decode("utf-8", errors="ignore")
    if not content.startswith(b"\xef\xbb\xbf") and (len(_IDEOGRAPH.findall(before)) < _SURELY_UTF8):
        try:
            return content.decode("gb18030")
        except UnicodeDecodeError as error:
            broken_at = max(broken_at, error.start)
    line = content.count(b"\n", 0, broken_at) + 1
    raise MalformedBody(
        f"the text is neither UTF-8 nor GB18030: line {line}, byte {broken_at + 1} of the file"
    )


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line where it begins."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    begins = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise csv.Error(f"line {begins}: {error}") from None
        if any(cell.strip() for cell in cells):
            yield begins, [cell.strip() for cell in cells]
        begins = reader.line_num + 1


def _columns(header: list[str]) -> list[str]:
    """Each column by its English name."""
    names = [_NAMED.get(cell, cell) for cell in header]
    errors = []
    for place, name in enumerate(names, 1):
        wrong = _wrong_in_header(place, name, names)
        if wrong:
            errors.append(FieldError(field=str(shown(name) or f"column {place}"), message=wrong))
    errors += [
        FieldError(field=name, message=f"line 1: the header lacks this column ({others[0]})")
        for name, others in COLUMNS.items()
        if name in NEEDED and name not in names
    ]
    if errors:
        raise _envelope(errors[:50])
    return names


def _wrong_in_header(place: int, name: str, names: list[str]) -> str:
    if name not in COLUMNS:
        known = ", ".join(COLUMNS)
        return f"line 1, column {place}: there is no such column; there are {known}"
    first = names.index(name) + 1
    return f"line 1, column {place}: the same as column {first}" if first != place else ""


def _given(line: int, columns: list[str], cells: list[str]) -> GivenRow:
    if len(cells) != len(columns):
        told = f"has {len(cells)} cells where the header has {len(columns)}"
        return GivenRow(line, None, FieldError(field="", message=told, rule=CELLS_RULE))
    given = {name: cell for name, cell in zip(columns, cells, strict=True) if cell}
    for name, cell in given.items():
        if "\0" in cell:
            told = "holds a NUL character"
            return GivenRow(line, None, FieldError(field=name, message=told, rule=CELLS_RULE))
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


def _must_hold_rows(count: int) -> None:
    if count == 0:
        raise _envelope([FieldError(field="rows", message="there is none")])


def _must_not_be_too_many(count: int, most: int) -> None:
    if count > most:
        told = f"at most {most} are taken at once; send the others as another cohort"
        raise _envelope([FieldError(field="rows", message=told)])


def _envelope(errors: list[FieldError]) -> Unprocessable:
    return Unprocessable("the file can't be taken as a whole; see errors", errors=errors)
