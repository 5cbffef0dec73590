"""What arrives between a journey's last line and the end of its run."""

from datetime import UTC, datetime

from domain.events import Delivery
from domain.journal import ReceiptStatus
from domain.stages import State
from policies.loader import load_catalog, load_policies
from workflows.journal import Journal
from workflows.mail import Mailroom
from workflows.memory import JourneyMemory

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def told(number: int, kind: str, **data: object) -> Delivery:
    return Delivery.model_validate(
        {
            "receipt": f"rc_{number}",
            "source": "/partners/center-1",
            "event_id": f"ev-{number}",
            "partner": "center-1",
            "type": kind,
            "about": "bk_1",
            "data": {"component": "theory", "attempt": 1, **data},
        }
    )


def test_an_event_after_the_last_line_is_late_even_where_it_contradicts_a_fact() -> None:
    catalog = load_catalog()
    program = catalog.program("demo")
    assert program is not None
    policy = load_policies(catalog=catalog).for_region("440305", program)
    memory = JourneyMemory(state=State.AWAITING_RESULTS)
    journal = Journal("jn_1", memory, lambda: NOW)
    mail = Mailroom(memory, journal, policy, in_service=False)
    mail.sort(told(1, "assessment.result", raw=70, max=100), NOW)
    memory.state = State.CLOSED

    mail.sort(told(2, "assessment.voided", reason="power failure"), NOW)

    (verdict,) = journal.take_batch(None).receipts
    assert (verdict.receipt, verdict.status) == ("rc_2", ReceiptStatus.LATE)
    assert memory.conflicts == []
