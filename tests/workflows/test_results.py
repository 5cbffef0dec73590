"""Results: due 14 days after the sitting; corrected only by name, until the certificate."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.commands import PartnerKind, RecordEvidence, Switch
from domain.events import EventType
from domain.journal import ReceiptStatus
from domain.plan import Component
from domain.stages import Outcome, Pathway, State, StuckCause
from partners.requests import BookSitting
from tests.workflows.carrying import CENTERS, Trainee, World
from tests.workflows.sittings import booked, bookings, report, schedule, sit


async def sitting(world: World, at: datetime | None = None) -> tuple[Trainee, str]:
    """A trainee by recognition only with both components scheduled, and the booking."""
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    ref = await booked(trainee)
    await schedule(trainee, ref, "theory", "practical", at=at)
    await trainee.until(State.SCHEDULED, State.AWAITING_RESULTS)
    return trainee, ref


async def test_results_are_overdue_14_days_after_the_day_sat(world: World) -> None:
    sat_at = await world.now() + timedelta(days=20)
    trainee, ref = await sitting(world, sat_at)
    assert trainee.case.state is State.SCHEDULED
    assert trainee.case.due_at == sat_at + timedelta(days=14)
    await world.skip(timedelta(days=33))
    await trainee.until(State.AWAITING_RESULTS)
    assert trainee.case.stuck_cause is None
    await world.skip(timedelta(days=2))
    await trainee.until_said("stuck")
    assert trainee.case.stuck_cause is StuckCause.PARTNER_SILENT
    assert trainee.case.partner == CENTERS[0]
    await report(trainee, "result", ref, "theory", raw=80)
    await report(trainee, "result", ref, "practical", raw=80)
    await trainee.until(State.CERTIFICATE_PENDING)
    assert trainee.case.stuck_cause is None
    assert "cleared" in trainee.kinds


async def test_each_component_s_result_is_due_by_its_own_day(world: World) -> None:
    now = await world.now()
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    ref = await booked(trainee)
    first, second = now + timedelta(days=1), now + timedelta(days=30)
    await schedule(trainee, ref, "theory", at=first)
    await schedule(trainee, ref, "practical", at=second)
    await trainee.until(State.SCHEDULED)
    await world.skip(timedelta(days=2))
    await trainee.until(State.AWAITING_RESULTS)
    assert trainee.case.due_at == first + timedelta(days=14)
    event = await report(trainee, "result", ref, "theory", raw=80)
    await trainee.until_receipt(event, ReceiptStatus.APPLIED)
    assert trainee.case.due_at == second + timedelta(days=14)


async def test_the_sitting_begins_with_its_hour(world: World) -> None:
    trainee, _ = await sitting(world, await world.now() + timedelta(hours=5))
    assert trainee.case.state is State.SCHEDULED
    await world.skip(timedelta(hours=4))
    assert trainee.case.state is State.SCHEDULED
    await world.skip(timedelta(hours=2))
    await trainee.until(State.AWAITING_RESULTS)


async def test_staff_record_a_result_in_a_silent_center_s_place(world: World) -> None:
    trainee, ref = await sitting(world)
    await report(trainee, "result", ref, "theory", raw=80)
    await trainee.until(State.AWAITING_RESULTS)
    await trainee.command(
        RecordEvidence(
            type=EventType.ASSESSMENT_RESULT,
            data={"component": "practical", "raw": 61},
            reason="the center's letter",
        )
    )
    await trainee.until(State.CERTIFICATE_PENDING)


async def test_what_a_silent_center_did_not_report_is_sat_elsewhere(world: World) -> None:
    trainee, ref = await sitting(world)
    event = await report(trainee, "result", ref, "theory", raw=80)
    await trainee.until_receipt(event, ReceiptStatus.APPLIED)
    await trainee.command(Switch(kind=PartnerKind.CENTER, reason="no answer for weeks"))
    await booked(trainee, 2)
    asked = world.exam.last(BookSitting)
    assert (asked.partner, asked.components, asked.attempt) == (
        CENTERS[1],
        (Component.PRACTICAL,),
        1,
    )
    late = await report(trainee, "result", ref, "practical", raw=90)
    await trainee.until_receipt(late, ReceiptStatus.LATE)


async def test_a_failure_stands_when_a_silent_center_is_left(world: World) -> None:
    trainee, ref = await sitting(world)
    event = await report(trainee, "result", ref, "theory", raw=30)
    await trainee.until_receipt(event, ReceiptStatus.APPLIED)
    await trainee.command(Switch(kind=PartnerKind.CENTER, reason="no answer for weeks"))
    await booked(trainee, 2)
    assert world.exam.last(BookSitting).attempt == 2


@pytest.mark.parametrize("original_first", [True, False])
async def test_a_correction_of_an_open_round_counts_in_either_order(
    world: World, original_first: bool
) -> None:
    trainee, ref = await sitting(world)
    original: dict[str, Any] = {"event_id": "r-1", "raw": 58}
    correction: dict[str, Any] = {"event_id": "r-2", "raw": 62, "supersedes": "r-1"}
    for told in (original, correction) if original_first else (correction, original):
        await report(trainee, "result", ref, "theory", **told)
    await report(trainee, "result", ref, "practical", raw=70)
    await trainee.until(State.CERTIFICATE_PENDING)
    assert len(bookings(trainee)) == 1


async def test_a_failure_corrected_after_its_round_ends_the_resit(world: World) -> None:
    trainee, ref = await sitting(world)
    await report(trainee, "result", ref, "theory", raw=58, event_id="r-1")
    await report(trainee, "result", ref, "practical", raw=70)
    resit = await booked(trainee, 2)
    event = await report(trainee, "result", ref, "theory", raw=85, supersedes="r-1")
    await trainee.until(State.CERTIFICATE_PENDING)
    await trainee.until_receipt(event, ReceiptStatus.APPLIED)
    assert world.exam.canceled == {resit}


async def test_a_failure_corrected_while_its_resit_is_scheduled_ends_the_resit(
    world: World,
) -> None:
    trainee, ref = await sitting(world)
    await report(trainee, "result", ref, "theory", raw=58, event_id="r-1")
    await report(trainee, "result", ref, "practical", raw=70)
    resit = await booked(trainee, 2)
    await schedule(trainee, resit, "theory", at=await world.now() + timedelta(days=9))
    await trainee.until(State.SCHEDULED)
    await report(trainee, "result", ref, "theory", raw=85, supersedes="r-1")
    await trainee.until(State.CERTIFICATE_PENDING)
    assert world.exam.canceled == {resit}


async def test_a_failure_corrected_during_retraining_is_not_sat_again(world: World) -> None:
    trainee = await world.start()
    await trainee.reach_assessment()
    await sit(trainee, theory=58, practical=75)
    ref = await booked(trainee, 2)
    await schedule(trainee, ref, "theory")
    await report(trainee, "result", ref, "theory", raw=50, event_id="r-1")
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    event = await report(trainee, "result", ref, "theory", raw=65, supersedes="r-1")
    await trainee.until_receipt(event, ReceiptStatus.BUFFERED)
    await trainee.complete(await trainee.enroll())
    await trainee.until(State.CERTIFICATE_PENDING)
    assert len(bookings(trainee)) == 2


@pytest.mark.parametrize("raw", [59, 65])
async def test_a_correction_that_comes_with_the_certificate_counts_before_it(
    world: World, raw: int
) -> None:
    trainee, ref = await sitting(world)
    await report(trainee, "result", ref, "theory", raw=61, event_id="r-1")
    await report(trainee, "result", ref, "practical", raw=70)
    await trainee.until(State.CERTIFICATE_PENDING)

    certificate = trainee.event("certificate.issued", {"number": "S-1"}, partner="issuer-1")
    said = {"component": "theory", "raw": raw, "supersedes": "r-1"}
    correction = trainee.event("assessment.result", said, partner=CENTERS[0], about=ref)
    await trainee.deliver(certificate, correction)

    await trainee.until_receipt(correction, ReceiptStatus.APPLIED)
    if raw < 60:
        await booked(trainee, 2)
        assert trainee.receipt(certificate) is ReceiptStatus.BUFFERED
    else:
        await trainee.until_receipt(certificate, ReceiptStatus.APPLIED)


async def test_a_pass_lowered_before_the_certificate_is_sat_again(world: World) -> None:
    trainee, ref = await sitting(world)
    await report(trainee, "result", ref, "theory", raw=61, event_id="r-1")
    await report(trainee, "result", ref, "practical", raw=70)
    await trainee.until(State.CERTIFICATE_PENDING)
    await report(trainee, "result", ref, "theory", raw=59, supersedes="r-1")
    await booked(trainee, 2)
    asked = world.exam.last(BookSitting)
    assert (asked.components, asked.attempt) == ((Component.THEORY,), 2)
    await sit(trainee, 2, theory=60)
    await trainee.until(State.CERTIFICATE_PENDING)


async def test_a_pass_voided_before_the_certificate_is_sat_again_and_uses_no_attempt(
    world: World,
) -> None:
    trainee, ref = await sitting(world)
    await report(trainee, "result", ref, "theory", raw=61, event_id="r-1")
    await report(trainee, "result", ref, "practical", raw=70)
    await trainee.until(State.CERTIFICATE_PENDING)
    await report(trainee, "voided", ref, "theory", supersedes="r-1")
    await booked(trainee, 2)
    asked = world.exam.last(BookSitting)
    assert (asked.components, asked.attempt) == ((Component.THEORY,), 1)
    assert "resit_granted" not in trainee.kinds


async def test_a_failure_corrected_after_its_resit_was_passed_leaves_the_pass(
    world: World,
) -> None:
    trainee, ref = await sitting(world)
    await report(trainee, "result", ref, "theory", raw=50, event_id="r-1")
    await report(trainee, "result", ref, "practical", raw=70)
    await sit(trainee, 2, theory=75)
    await trainee.until(State.CERTIFICATE_PENDING)
    event = await report(trainee, "result", ref, "theory", raw=55, supersedes="r-1")
    await trainee.until_receipt(event, ReceiptStatus.APPLIED)
    await trainee.certify()
    await trainee.until(State.REFERRED)
    lost = [each for batch in world.journal.batches for each in batch.lost_credits]
    assert lost == []


async def test_a_component_is_no_credit_any_more_once_its_pass_was_corrected(
    world: World,
) -> None:
    trainee, ref = await sitting(world)
    await report(trainee, "result", ref, "theory", raw=61, event_id="r-1")
    await report(trainee, "result", ref, "practical", raw=70)
    await trainee.until(State.CERTIFICATE_PENDING)
    await report(trainee, "result", ref, "theory", raw=59, supersedes="r-1")
    await booked(trainee, 2)
    batches = world.journal.batches
    credited = [each for batch in batches for each in batch.component_credits]
    lost = [each for batch in batches for each in batch.lost_credits]
    assert [each.component for each in lost] == [Component.THEORY]
    assert lost[0] in credited


async def test_a_corrected_date_counts_before_the_result_that_comes_with_it(world: World) -> None:
    now = await world.now()
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    ref = await booked(trainee)
    days = {days: (now + timedelta(days=days)).isoformat() for days in (5, 9)}
    first = await report(trainee, "scheduled", ref, "theory", at=days[5], event_id="d-1")
    await report(trainee, "scheduled", ref, "practical", at=days[5])
    await trainee.until(State.SCHEDULED)
    said = {"component": "theory", "at": days[9], "supersedes": "d-1"}
    moved = trainee.event("assessment.scheduled", said, partner=CENTERS[0], about=ref)
    told = {"component": "theory", "raw": 61}
    result = trainee.event("assessment.result", told, partner=CENTERS[0], about=ref)
    await trainee.deliver(result, moved)
    await trainee.until_receipt(result, ReceiptStatus.APPLIED)
    assert trainee.receipt(moved) is ReceiptStatus.APPLIED
    assert world.journal.receipts[first.receipt].superseded_by == moved.receipt


async def test_a_lowered_third_attempt_exhausts(world: World) -> None:
    trainee, _ = await sitting(world)
    for component in ("theory", "practical"):
        await report(trainee, "result", bookings(trainee)[0], component, raw=1)
    await sit(trainee, 2, theory=2, practical=70)
    ref = await booked(trainee, 3)
    await schedule(trainee, ref, "theory")
    await report(trainee, "result", ref, "theory", raw=60, event_id="r-1")
    await trainee.until(State.CERTIFICATE_PENDING)
    await report(trainee, "result", ref, "theory", raw=6, supersedes="r-1")
    assert (await trainee.result()).outcome is Outcome.EXHAUSTED


async def test_a_date_is_moved_by_a_correction_only(world: World) -> None:
    now = await world.now()
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    ref = await booked(trainee)
    at = {days: (now + timedelta(days=days)).isoformat() for days in (5, 9, 12)}
    await report(trainee, "scheduled", ref, "theory", at=at[5], event_id="d-1")
    await report(trainee, "scheduled", ref, "practical", at=at[5], event_id="d-2")
    await trainee.until(State.SCHEDULED)
    other = await report(trainee, "scheduled", ref, "theory", at=at[12])
    await trainee.until_receipt(other, ReceiptStatus.CONFLICT)
    await trainee.choose(other)
    await trainee.until_receipt(other, ReceiptStatus.APPLIED)
    for name, component in (("d-1", "theory"), ("d-2", "practical")):
        moved = await report(trainee, "scheduled", ref, component, at=at[9], supersedes=name)
        await trainee.until_receipt(moved, ReceiptStatus.APPLIED)
    await world.skip(timedelta(days=6))
    assert trainee.case.state is State.SCHEDULED
    await world.skip(timedelta(days=4))
    await trainee.until(State.AWAITING_RESULTS)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "9999-12-31T23:59:59-12:00"])
async def test_an_absurd_day_stops_no_journey(world: World, day: str) -> None:
    trainee, ref = await sitting(world)
    await report(trainee, "result", ref, "theory", raw=80, sat_at=day)
    await report(trainee, "result", ref, "practical", raw=20)
    resit = await booked(trainee, 2)
    at = day if "T" in day else f"{day}T00:00:00Z"
    event = await report(trainee, "scheduled", resit, "practical", at=at)
    await trainee.until_receipt(event, ReceiptStatus.APPLIED)


async def test_the_same_moment_written_in_another_zone_is_the_same_date(world: World) -> None:
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    ref = await booked(trainee)
    first = await report(trainee, "scheduled", ref, "theory", at="2031-05-06T01:00:00Z")
    await trainee.until_receipt(first, ReceiptStatus.APPLIED)

    again = await report(trainee, "scheduled", ref, "theory", at="2031-05-06T09:00:00+08:00")

    await trainee.until_receipt(again, ReceiptStatus.DUPLICATE)
