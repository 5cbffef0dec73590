"""A cell that is no figure or date of ours is refused, never taken for another one."""

import pytest

from api.event_file import FileReader, RowRefused
from api.partner_book import Sender
from domain.file_mappings import DEFAULTS, FileMapping, faults_in
from domain.senders import SenderKind
from store.inbox import Arrival
from tests.vault import VAULT


def read(**cells: str) -> Arrival | RowRefused:
    """What becomes of a row of results."""
    row = {"booking_ref": "b-1", "component": "theory", "raw": "75"} | cells
    table = "\n".join((",".join(row), ",".join(row.values())))
    sender = Sender("center-1", SenderKind.CENTER, ())
    reader = FileReader(
        table.encode(), DEFAULTS["results"], "/partners/center-1", sender, VAULT, 8192
    )
    [(line, found)] = reader.rows(after=1)
    assert line == 2
    return found


@pytest.mark.parametrize(
    ("cells", "field"),
    [
        ({"sat_at": "20260516"}, "sat_at"),
        ({"sat_at": "2026"}, "sat_at"),
        ({"sat_at": "46158"}, "sat_at"),
        ({"sat_at": "46158.375"}, "sat_at"),
        ({"raw": "7_5"}, "raw"),
        ({"raw": "true"}, "raw"),
        ({"raw": "nan"}, "raw"),
        ({"raw": "=1+1"}, "raw"),
        ({"raw": "101"}, "raw"),
        ({"raw": "1", "max": "1e309"}, "max"),
        ({"raw": "60", "max": "50"}, "raw"),
        ({"raw": ""}, "raw"),
        ({"attempt": "1.5"}, "attempt"),
        ({"attempt": "0"}, "attempt"),
    ],
)
def test_a_cell_that_could_be_misread_is_refused_by_its_field(
    cells: dict[str, str], field: str
) -> None:
    refused = read(**cells)

    assert isinstance(refused, RowRefused)
    assert [error.field for error in refused.errors] == [field]


@pytest.mark.parametrize(
    ("cell", "read_as"),
    [
        ("2026-05-16", "2026-05-16"),
        ("2026/5/16", "2026-05-16"),
        ("2026-05-16 09:00", "2026-05-16T09:00:00+08:00"),
        ("2026-05-16T09:00:00", "2026-05-16T09:00:00+08:00"),
        ("2026/5/16 9:00", "2026-05-16T09:00:00+08:00"),
        ("2026-05-16T01:00:00Z", "2026-05-16T01:00:00Z"),
        ("2026-05-16T09:00:00+0800", "2026-05-16T09:00:00+08:00"),
    ],
)
def test_a_time_without_offset_is_chinas(cell: str, read_as: str) -> None:
    arrival = read(sat_at=cell)

    assert isinstance(arrival, Arrival)
    assert arrival.data["sat_at"] == read_as


@pytest.mark.parametrize("cell", ["75", "75.0", "+75", "7.5e1", "75."])
def test_a_figure_may_be_written_in_several_ways(cell: str) -> None:
    arrival = read(raw=cell)

    assert isinstance(arrival, Arrival)
    assert arrival.data["raw"] == 75


def test_a_fixed_value_of_a_mapping_is_of_its_fields_kind() -> None:
    given = {
        "type": "assessment.result",
        "columns": {"subject": "ref", "raw": "raw", "component": "component"},
    }
    for fixed in (20260516, "20260516"):
        mapping = FileMapping.model_validate(given | {"constants": {"sat_at": fixed}})
        assert [field for field, _ in faults_in(mapping)] == ["constants.sat_at"]
    mapping = FileMapping.model_validate(given | {"constants": {"max": True}})
    assert [field for field, _ in faults_in(mapping)] == ["constants.max"]
    mapping = FileMapping.model_validate(given | {"constants": {"sat_at": "2026-05-16"}})
    assert not list(faults_in(mapping))
