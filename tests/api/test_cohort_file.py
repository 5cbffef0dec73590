"""A cohort's table: the same rows, however it is written."""

import pytest

from api.cohort_file import COLUMNS, read_csv
from api.problems import Problem
from tests.api.cohorts import a_csv, a_row

ROWS = [
    a_row(
        name="欧阳春梅",
        employer="employer-1",
        years_of_service="1.5",
        vacancy_ref="v-1",
        delivery_region="440306",
        job_region="4403",
    )
]


def bodies_of(content: str | bytes) -> list[object]:
    read = content if isinstance(content, bytes) else content.encode()
    return [row.body for row in read_csv(read, 10).rows]


def test_a_row_is_the_body_of_an_opening() -> None:
    [row] = ROWS
    assert bodies_of(a_csv(ROWS)) == [
        {
            "person": {name: row[name] for name in ("name", "id_number", "phone")},
            "occupation": {"code": "4-02-06-01"},
            "program": "demo",
            "level": "intermediate",
            "pathway": "job",
            "home_region": "440305",
            "delivery_region": "440306",
            "job_region": "4403",
            "groups": ["unemployed", "migrant_worker"],
            "years_of_service": "1.5",
            "employer": "employer-1",
            "vacancy_ref": "v-1",
        }
    ]


@pytest.mark.parametrize("column", [name for names in COLUMNS.values() for name in names])
def test_each_chinese_name_stands_for_its_column(column: str) -> None:
    english = next(name for name, others in COLUMNS.items() if column in others)
    header = tuple(column if name == english else name for name in COLUMNS)
    rows = [{column if name == english else name: cell for name, cell in ROWS[0].items()}]
    assert bodies_of(a_csv(rows, header)) == bodies_of(a_csv(ROWS))


def test_columns_come_in_any_order_and_those_not_needed_may_lack() -> None:
    assert bodies_of(a_csv(ROWS, tuple(reversed(COLUMNS)))) == bodies_of(a_csv(ROWS))
    few = [{name: cell for name, cell in ROWS[0].items() if name != "employer"}]
    [body] = bodies_of(a_csv(few, tuple(name for name in COLUMNS if name != "employer")))
    assert isinstance(body, dict)
    assert "employer" not in body


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_encodings_and_line_ends_make_no_difference(encoding: str, ends: str) -> None:
    content = a_csv(ROWS).replace("\n", ends)
    assert bodies_of(content.encode(encoding)) == bodies_of(a_csv(ROWS))


def test_a_broken_utf8_file_is_not_taken_for_another_encoding() -> None:
    content = a_csv(ROWS).encode() + "尉迟晨".encode()[:-1] + b"\n"
    with pytest.raises(Problem, match="line 3"):
        bodies_of(content)
