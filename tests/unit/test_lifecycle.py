"""The lifecycle table: whole, free of contradictions, and what the workflows go by."""

import ast
from pathlib import Path

import pytest

from domain.lifecycle import BEFORE_CERTIFICATE, MOVES, EntryKind, ForbiddenMove, move
from domain.stages import STAGE_OF, Outcome, Stage, State

ROOT = Path(__file__).resolve().parents[2]
LATER_PATHWAYS = {
    EntryKind.PLAN_REOPENED,
    EntryKind.LEARNING_CREDITED,
    EntryKind.CONVERSION_AWAITED,
    EntryKind.CONVERSION_CONFIRMED,
    EntryKind.CONVERSION_CLOSED,
    EntryKind.BUSINESS_REGISTERED,
    EntryKind.TRANSFERRED_OUT,
    EntryKind.TERMINATED_FRAUD,
    EntryKind.DECEASED,
}
"""Moves that stand in the table and that no pathway offered today makes."""


def test_every_state_has_one_stage() -> None:
    assert set(STAGE_OF) == set(State)


def test_every_state_is_reached_and_left() -> None:
    assert {m.after for m in MOVES} == set(State) - {State.INTAKE}
    assert {m.before for m in MOVES} == set(State) - {State.CLOSED}


def test_every_outcome_has_a_way_and_only_closing_moves_have_one() -> None:
    assert {m.outcome for m in MOVES if m.outcome} == set(Outcome)
    assert all((m.outcome is None) == (m.after is not State.CLOSED) for m in MOVES)


def test_an_entry_names_one_move_out_of_a_state() -> None:
    named = [(m.before, m.entry) for m in MOVES]
    assert len(named) == len(set(named))


def test_a_trainee_may_withdraw_until_the_certificate_and_not_after() -> None:
    assert {m.before for m in MOVES if m.entry is EntryKind.WITHDRAWN} == set(BEFORE_CERTIFICATE)
    assert State.CERTIFICATE_PENDING in BEFORE_CERTIFICATE
    assert State.CERTIFIED not in BEFORE_CERTIFICATE
    assert not any(STAGE_OF[state] is Stage.PLACEMENT for state in BEFORE_CERTIFICATE)


@pytest.mark.parametrize("before", list(State))
def test_what_the_table_does_not_allow_is_refused(before: State) -> None:
    allowed = {m.entry for m in MOVES if m.before is before}
    for entry in EntryKind:
        if entry not in allowed:
            with pytest.raises(ForbiddenMove):
                move(before, entry)


def test_every_move_of_the_table_is_made_by_a_workflow_or_belongs_to_a_later_pathway() -> None:
    named = set()
    for path in (ROOT / "workflows").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "EntryKind":
                named.add(EntryKind[node.attr])
    assert {m.entry for m in MOVES} - named == LATER_PATHWAYS
