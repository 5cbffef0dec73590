"""Reads a cohort of trainees from a CSV file; everything wrong with it is named at once.

The trainees of `cohort.csv` are invented: their telephone numbers begin with a prefix that is given
to nobody, their identity numbers are drawn by lot.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, ValidationError

from api.identity import id_number_error
from domain.catalog import Catalog, Group
from domain.levels import SkillLevel
from domain.model import Ref, Word
from domain.stages import OFFERED_PATHWAYS, Pathway

COHORT_FILE = Path(__file__).parent / "cohort.csv"
PERSONAL = ("name", "id_number", "phone")
"""Columns whose values an error does not repeat in full."""
SHOWN = 60
_FORMS = {
    "phone": "is no telephone number",
    "employer": "is no partner's id: printable ASCII without a space",
}
_OTHER_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class CohortProblem(Word):
    """What is wrong, in which line (from 1, the header's) and column, with which value."""

    line: int
    column: str = ""
    value: str = ""
    reason: str

    def __str__(self) -> str:
        column = f", {self.column}" if self.column else ""
        value = f" = {self.value}" if self.value else ""
        return f"line {self.line}{column}{value}: {self.reason}"


class CohortError(Exception):
    """The file is no cohort; `problems` holds everything that is wrong with it."""

    def __init__(self, problems: Iterable[CohortProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def _identity_number(value: str) -> str:
    wrong = id_number_error(value)
    if wrong:
        raise ValueError(wrong)
    return value


class CohortRow(Word):
    """One trainee and the journey to open for her; its fields are the file's columns."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    id_number: Annotated[str, AfterValidator(_identity_number)]
    phone: Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 -]{4,19}$")]
    program: str
    occupation: str
    level: SkillLevel
    pathway: Pathway
    home_region: str
    delivery_region: str | None = None
    job_region: str | None = None
    groups: tuple[Group, ...] = ()
    years_of_service: Annotated[float, Field(ge=0, le=70)] | None = None
    employer: Ref | None = None

    def request(self) -> dict[str, JsonValue]:
        """The body of `POST /v1/journeys` that opens this journey."""
        body: dict[str, JsonValue] = self.model_dump(
            mode="json", exclude={*PERSONAL, "occupation"}, exclude_none=True
        )
        return {
            "person": {"name": self.name, "id_number": self.id_number, "phone": self.phone},
            "occupation": {"scheme": "gbm", "code": self.occupation},
            **body,
        }


COLUMNS = tuple(CohortRow.model_fields)


def read_cohort(source: Path | bytes, catalog: Catalog) -> list[CohortRow]:
    """The trainees of a CSV file: UTF-8, with or without BOM, or GB18030.

    The header names each column once, in any order; an empty cell is a value that is not given;
    groups are separated by `;`.

    Raises:
        CohortError: naming line, column and value of everything that is wrong.
    """
    text = _decoded(source.read_bytes() if isinstance(source, Path) else source)
    lines = _lines(text)
    try:
        header = next(lines, (1, []))[1]
        wrong = list(_header_problems(header))
        if wrong:
            raise CohortError(wrong)
        rows, problems = _rows(lines, header, catalog)
    except csv.Error as error:
        raise CohortError([CohortProblem(line=1, reason=f"is no CSV file: {error}")]) from None
    if not rows and not problems:
        problems = [CohortProblem(line=2, reason="the file holds no trainee")]
    if problems:
        raise CohortError(problems)
    return rows


def _decoded(content: bytes) -> str:
    for mark, encoding in _OTHER_ENCODINGS.items():
        if content.startswith(mark):
            reason = f"the file is {encoding}: save it as UTF-8 or GB18030"
            raise CohortError([CohortProblem(line=1, reason=reason)])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        utf8_fails_at = error.start
    try:
        return content.decode("gb18030")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, max(utf8_fails_at, error.start)) + 1
        reason = "the text is neither UTF-8 nor GB18030"
        raise CohortError([CohortProblem(line=line, reason=reason)]) from None


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line where it begins; empty lines are passed over."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    begins = 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield begins, [cell.strip() for cell in cells]
        begins = reader.line_num + 1


def _header_problems(header: list[str]) -> Iterator[CohortProblem]:
    for name in dict.fromkeys(header):
        if name not in COLUMNS:
            reason = f"is no column of a cohort; its columns are {','.join(COLUMNS)}"
            yield CohortProblem(line=1, column=_cut(name), reason=reason)
        elif header.count(name) > 1:
            yield CohortProblem(line=1, column=name, reason="the header names it twice")
    for name in COLUMNS:
        if name not in header:
            yield CohortProblem(line=1, column=name, reason="the header lacks this column")


def _rows(
    lines: Iterable[tuple[int, list[str]]], header: list[str], catalog: Catalog
) -> tuple[list[CohortRow], list[CohortProblem]]:
    rows: list[CohortRow] = []
    problems: list[CohortProblem] = []
    first: dict[tuple[str, str, SkillLevel], int] = {}
    for line, cells in lines:
        if len(cells) != len(header):
            reason = f"has {len(cells)} cells where the header has {len(header)}"
            problems.append(CohortProblem(line=line, reason=reason))
            continue
        given = {name: cell for name, cell in zip(header, cells, strict=True) if cell}
        problems += _unknown(line, given, catalog)
        try:
            row = CohortRow.model_validate({**given, "groups": _listed(given.get("groups", ""))})
        except ValidationError as error:
            problems += _misfits(line, given, error)
            continue
        before = first.setdefault((row.id_number, row.occupation, row.level), line)
        if before != line:
            reason = f"same person, occupation and level as in line {before}"
            problems.append(CohortProblem(line=line, column="id_number", reason=reason))
        rows.append(row)
    return rows, sorted(problems, key=lambda problem: problem.line)


def _listed(cell: str) -> tuple[str, ...]:
    return tuple(tag for tag in (part.strip() for part in cell.split(";")) if tag)


def _misfits(line: int, given: dict[str, str], error: ValidationError) -> Iterator[CohortProblem]:
    for detail in error.errors(include_url=False):
        column = str(detail["loc"][0])
        value = _shown(column, given.get(column, "")) if column in given else ""
        reason = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "missing":
            reason = "is missing"
        elif detail["type"] == "string_pattern_mismatch":
            reason = _FORMS[column]
        yield CohortProblem(line=line, column=column, value=value, reason=reason)


def _unknown(line: int, given: dict[str, str], catalog: Catalog) -> Iterator[CohortProblem]:
    known = {
        "program": catalog.programs,
        "occupation": catalog.occupations,
        "home_region": catalog.divisions,
        "delivery_region": catalog.divisions,
        "job_region": catalog.divisions,
    }
    for column, codes in known.items():
        if column in given and given[column] not in codes:
            value = _shown(column, given[column])
            yield CohortProblem(
                line=line, column=column, value=value, reason="is not in the catalog"
            )
    pathway = given.get("pathway")
    if pathway in list(Pathway) and pathway not in OFFERED_PATHWAYS:
        reason = f"is not offered yet; offered are {', '.join(OFFERED_PATHWAYS)}"
        yield CohortProblem(line=line, column="pathway", value=repr(pathway), reason=reason)


def _shown(column: str, value: str) -> str:
    if column not in PERSONAL:
        return repr(_cut(value))
    masked = value[:2] + "*" * (len(value) - 4) + value[-2:] if len(value) > 6 else "*" * len(value)
    return repr(_cut(masked))


def _cut(value: str) -> str:
    return value if len(value) <= SHOWN else value[: SHOWN - 1] + "…"
