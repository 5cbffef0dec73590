"""Small tables and checks of the door: identity numbers, senders, next steps, problems."""

import pytest

from api.identity import check_character, id_number_error
from api.next_steps import AFTER, next_step
from api.problems import Problem
from domain.events import EventType
from domain.senders import SENDERS_OF, SenderKind, may_send
from domain.stages import State


@pytest.mark.parametrize("number", ["11010519491231002X", "440524188001010014"[:6] + "19800101001"])
def test_the_standards_own_example_is_an_identity_number(number: str) -> None:
    whole = number if len(number) == 18 else number + check_character(number)

    assert id_number_error(whole) is None


@pytest.mark.parametrize(
    "number",
    [
        "",
        "11010519491231002x",
        "110105194912310021",
        "11010519491331002X",
        "11010518491231002X",
        "01010519491231002X",
        " 11010519491231002X",
        "11010519491231002X\n",
        "1" * 19,
        "١١٠١٠٥١٩٤٩١٢٣١٠٠٢٣",
    ],
)
def test_what_breaks_the_standard_is_told_without_repeating_it(number: str) -> None:
    wrong = id_number_error(number)

    assert wrong is not None
    assert not number.strip() or number.strip() not in wrong


def test_every_type_of_event_has_a_sender() -> None:
    assert set(SENDERS_OF) == set(EventType)
    assert all(SENDERS_OF.values())


@pytest.mark.parametrize(
    ("kind", "event_type", "may"),
    [
        (SenderKind.PROVIDER, EventType.ATTENDANCE_SUMMARY, True),
        (SenderKind.CENTER, EventType.ATTENDANCE_SUMMARY, False),
        (SenderKind.CENTER, EventType.ASSESSMENT_RESULT, True),
        (SenderKind.EMPLOYER, EventType.ASSESSMENT_RESULT, True),
        (SenderKind.PROVIDER, EventType.ASSESSMENT_RESULT, False),
        (SenderKind.ISSUER, EventType.CERTIFICATE_ISSUED, True),
        (SenderKind.CENTER, EventType.CERTIFICATE_ISSUED, False),
        (SenderKind.PROVIDER, EventType.ELIGIBILITY_DECIDED, False),
        (SenderKind.EMPLOYER, EventType.CLAIM_DECIDED, False),
    ],
)
def test_a_partner_speaks_only_of_its_own_business(
    kind: SenderKind, event_type: EventType, may: bool
) -> None:
    assert may_send(kind, event_type) is may


def test_every_state_says_what_comes_next() -> None:
    assert set(AFTER) == set(State)
    assert all(next_step(state).endswith(".") for state in State)


def test_every_problem_has_a_code_of_its_own() -> None:
    kinds = Problem.__subclasses__()

    assert len({kind.code for kind in kinds}) == len(kinds)
    assert all(400 <= kind.status < 600 and kind.title for kind in kinds)
