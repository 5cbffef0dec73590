"""Reading a CSV file that somebody sends: its encoding, its lines, and the columns of its header.

What is wrong with the file as a whole refuses it, told by line, column or byte.
"""

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from api.problems import FieldError, MalformedBody, Unprocessable
from api.validation import shown

CSV = "text/csv"
CELLS_RULE = "file.cells"

_OTHER_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_IDEOGRAPH = re.compile("[\u4e00-\u9fff]")
_SURELY_UTF8 = 3
"""So many Chinese characters before the first wrong byte are no accident of another encoding."""
_MOST_ERRORS = 50


def lines_of(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Each line that is not empty, with the number of the one where it begins; cells are stripped.

    The text is UTF-8, with or without a byte order mark, or GB18030.

    Raises:
        MalformedBody: it can't be decoded, or is no CSV; names line and byte.
    """
    text = io.TextIOWrapper(io.BytesIO(content), encoding=_encoding_of(content), newline="")
    reader = csv.reader(text, strict=True)
    begins = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise MalformedBody(f"no CSV file: line {begins}: {error}") from None
        cells = [cell.strip() for cell in cells]
        if any(cells):
            yield begins, cells
        begins = reader.line_num + 1


def columns_of(
    header: Sequence[str], known: Mapping[str, Sequence[str]], needed: Collection[str]
) -> list[str]:
    """The field that each column of a header stands for.

    Args:
        known: each field with the names that its column may have, the first one first.
        needed: fields without which no file is read.

    Raises:
        Unprocessable: a column is unknown, given twice, or missing; names line and column.
    """
    field_of = {name: field for field, names in known.items() for name in names}
    fields = [field_of.get(cell) for cell in header]
    errors = [
        FieldError(field=str(shown(cell) or f"column {place}"), message=wrong)
        for place, cell in enumerate(header, 1)
        if (wrong := _wrong_in_header(place, fields, known))
    ]
    errors += [
        FieldError(field=names[0], message=_lacking(names))
        for field, names in known.items()
        if field in needed and field not in fields
    ]
    if errors:
        raise refused_file(errors[:_MOST_ERRORS])
    return [field for field in fields if field is not None]


def cells_error(columns: Sequence[str], cells: Sequence[str]) -> FieldError | None:
    """What is wrong with the form of a row alone; None where it can be read."""
    if len(cells) != len(columns):
        told = f"has {len(cells)} cells where the header has {len(columns)}"
        return FieldError(field="", message=told, rule=CELLS_RULE)
    for column, cell in zip(columns, cells, strict=True):
        if "\0" in cell:
            return FieldError(field=column, message="holds a NUL character", rule=CELLS_RULE)
    return None


def must_hold_rows(count: int) -> None:
    """Refuse a file without rows."""
    if count == 0:
        raise refused_file([FieldError(field="rows", message="there is none")])


def must_not_be_too_many(count: int, most: int) -> None:
    """Refuse a file with more rows than are taken at once."""
    if count > most:
        told = f"at most {most} are taken at once; send the others in another file"
        raise refused_file([FieldError(field="rows", message=told)])


def refused_file(errors: Sequence[FieldError]) -> Unprocessable:
    """The problem with a file of which no row is taken."""
    return Unprocessable("the file can't be taken as a whole; see errors", errors=errors)


def wants_csv(accept: str) -> bool:
    """Whether an `Accept` header asks for a table instead of JSON."""
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return CSV in kinds and "application/json" not in kinds


def _encoding_of(content: bytes) -> str:
    for mark, encoding in _OTHER_ENCODINGS.items():
        if content.startswith(mark):
            raise MalformedBody(f"the file is {encoding}: save it as UTF-8 or GB18030")
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        broken_at = error.start
    else:
        return "utf-8-sig"
    before = content[:broken_at].decode("utf-8", errors="ignore")
    if not content.startswith(b"\xef\xbb\xbf") and (len(_IDEOGRAPH.findall(before)) < _SURELY_UTF8):
        try:
            content.decode("gb18030")
        except UnicodeDecodeError as error:
            broken_at = max(broken_at, error.start)
        else:
            return "gb18030"
    line = content.count(b"\n", 0, broken_at) + 1
    raise MalformedBody(
        f"the text is neither UTF-8 nor GB18030: line {line}, byte {broken_at + 1} of the file"
    )


def _wrong_in_header(
    place: int, fields: Sequence[str | None], known: Mapping[str, Sequence[str]]
) -> str:
    field = fields[place - 1]
    if field is None:
        names = ", ".join(names[0] for names in known.values())
        return f"line 1, column {place}: there is no such column; there are {names}"
    first = fields.index(field) + 1
    return f"line 1, column {place}: the same as column {first}" if first != place else ""


def _lacking(names: Sequence[str]) -> str:
    others = f" ({', '.join(names[1:])})" if names[1:] else ""
    return f"line 1: the header lacks this column{others}"
