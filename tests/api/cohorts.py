"""Cohorts to send: rows as a caseworker's table has them."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from api.cohort_file import COLUMNS
from tests.api.people import a_person

Cells = dict[str, str]


def a_row(**others: str) -> Cells:
    """The cells of a row that nothing is wrong with, of a person of her own."""
    cells = {name: str(value) for name, value in a_person().items()}
    return (
        cells
        | {
            "program": "demo",
            "occupation": "4-02-06-01",
            "level": "intermediate",
            "pathway": "job",
            "home_region": "440305",
            "groups": "unemployed;migrant_worker",
        }
        | others
    )


def a_csv(rows: Iterable[Mapping[str, str]], header: Sequence[str] = tuple(COLUMNS)) -> str:
    """A file of these rows."""
    out = io.StringIO()
    writer = csv.DictWriter(out, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


CSV_HEADERS = {"content-type": "text/csv"}
