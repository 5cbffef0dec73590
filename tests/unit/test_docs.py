"""The documents that are rendered from code say what the code says."""

from domain.lifecycle import MOVES
from domain.stages import State
from processes.render_docs import (
    ENVIRONMENT_FILE,
    GUIDE_FILE,
    LIFECYCLE_FILE,
    environment,
    lifecycle,
)
from processes.render_partner_guide import partner_guide
from processes.settings import PREFIX, Settings, load_settings


def test_the_lifecycle_document_is_the_one_rendered_from_the_table() -> None:
    assert LIFECYCLE_FILE.read_text(encoding="utf-8") == lifecycle(), "run `make docs`"


def test_every_state_and_every_entry_of_a_drawn_move_stands_in_the_diagram() -> None:
    document = LIFECYCLE_FILE.read_text(encoding="utf-8")
    open_from_many = {"withdrawn", "contact_lost", "transferred_out", "terminated_fraud"}
    drawn = {move.entry for move in MOVES} - open_from_many - {"deceased"}
    assert [state for state in State if state not in document] == []
    assert sorted(entry for entry in drawn if f": {entry}" not in document) == []


def test_the_partner_guide_is_the_one_rendered_from_the_models() -> None:
    assert GUIDE_FILE.read_text(encoding="utf-8") == partner_guide(), "run `make docs`"


def test_the_environment_file_is_the_one_rendered_from_the_settings() -> None:
    assert ENVIRONMENT_FILE.read_text(encoding="utf-8") == environment(), "run `make docs`"


def test_the_environment_file_names_every_setting_and_its_defaults_are_taken() -> None:
    lines = ENVIRONMENT_FILE.read_text(encoding="utf-8").splitlines()
    given = dict(line.removeprefix("#").split("=", 1) for line in lines if f"#{PREFIX}" in line)
    assert {name.removeprefix(PREFIX).lower() for name in given} == set(Settings.model_fields)
    assert load_settings(given) == Settings()
