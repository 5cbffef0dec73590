"""How events meet states: repeated, early, late, contradictory, corrected, or not the sender's."""

from datetime import timedelta
from typing import Any

import pytest

from domain.commands import Hold, Resume
from domain.events import Delivery
from domain.journal import ReceiptStatus
from domain.stages import Outcome, Pathway, State
from tests.workflows.carrying import CENTERS, ISSUER, PROVIDERS, REGISTRY, Trainee, World
from tests.workflows.sittings import booked, report, schedule, sit


async def at_sitting(world: World) -> tuple[Trainee, str]:
    """A trainee by recognition only who waits for her results."""
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    ref = await booked(trainee)
    await schedule(trainee, ref, "theory", "practical")
    await trainee.until(State.AWAITING_RESULTS)
    return trainee, ref


def theory(trainee: Trainee, ref: str, event_id: str | None = None, **data: Any) -> Delivery:
    return trainee.event(
        "assessment.result",
        {"component": "theory", **data},
        partner=CENTERS[0],
        about=ref,
        event_id=event_id,
    )


def statuses(trainee: Trainee, *events: Delivery) -> list[ReceiptStatus]:
    return [trainee.receipt(event) for event in events]


def applied(trainee: Trainee) -> int:
    return sum("theory:" in entry.detail for entry in trainee.timeline)


async def test_one_event_delivered_again_is_applied_once(world: World) -> None:
    trainee, ref = await at_sitting(world)
    event = theory(trainee, ref, raw=70)
    await trainee.deliver(event, event)
    await trainee.deliver(event)
    await trainee.until_receipt(event, ReceiptStatus.APPLIED)
    await report(trainee, "result", ref, "practical", raw=70)
    await trainee.until(State.CERTIFICATE_PENDING)
    await trainee.deliver(event)
    await trainee.certify()
    await trainee.until(State.REFERRED)
    assert applied(trainee) == 1
    assert trainee.receipt(event) is ReceiptStatus.APPLIED


async def test_one_result_46_times_is_one_move(world: World) -> None:
    trainee, ref = await at_sitting(world)
    events = [theory(trainee, ref, "r-1", raw=70) for _ in range(46)]
    for some in (events[:20], events[20:21], events[21:]):
        await trainee.deliver(*some)
    await trainee.until_receipt(events[-1], ReceiptStatus.DUPLICATE)
    found = statuses(trainee, *events)
    assert found == [ReceiptStatus.APPLIED] + [ReceiptStatus.DUPLICATE] * 45
    assert applied(trainee) == 1


async def test_equal_values_under_new_ids_are_duplicates(world: World) -> None:
    trainee, ref = await at_sitting(world)
    events = [theory(trainee, ref, raw=70, attempt=1) for _ in range(46)]
    await trainee.deliver(*events)
    await trainee.until_receipt(events[-1], ReceiptStatus.DUPLICATE)
    found = statuses(trainee, *events)
    assert found == [ReceiptStatus.APPLIED] + [ReceiptStatus.DUPLICATE] * 45
    assert applied(trainee) == 1


async def test_other_values_without_supersedes_are_a_conflict_and_change_nothing(
    world: World,
) -> None:
    trainee, ref = await at_sitting(world)
    first = theory(trainee, ref, raw=58)
    await trainee.deliver(first)
    await trainee.until_receipt(first, ReceiptStatus.APPLIED)
    other = theory(trainee, ref, raw=85)
    await trainee.deliver(other)
    await trainee.until_receipt(other, ReceiptStatus.CONFLICT)
    assert trainee.kinds.count("conflict_found") == 1
    await report(trainee, "result", ref, "practical", raw=70)
    await trainee.choose(first)
    await booked(trainee, 2)
    assert "resit_granted" in trainee.kinds


async def test_a_correction_replaces_what_still_waits(world: World) -> None:
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    ref = await booked(trainee)
    first = theory(trainee, ref, "r-1", raw=58)
    await trainee.deliver(first)
    await trainee.until_receipt(first, ReceiptStatus.BUFFERED)
    second = theory(trainee, ref, "r-2", raw=62, supersedes="r-1")
    await trainee.deliver(second)
    await trainee.until_receipt(first, ReceiptStatus.SUPERSEDED)
    await schedule(trainee, ref, "theory", "practical")
    await trainee.until_receipt(second, ReceiptStatus.APPLIED)
    assert "theory: 62, passed" in [entry.detail for entry in trainee.timeline]


async def test_what_was_corrected_before_it_came_changes_nothing(world: World) -> None:
    trainee, ref = await at_sitting(world)
    second = theory(trainee, ref, "r-2", raw=62, supersedes="r-1")
    first = theory(trainee, ref, "r-1", raw=58)
    await trainee.deliver(second)
    await trainee.until_receipt(second, ReceiptStatus.APPLIED)
    await trainee.deliver(first)
    await trainee.until_receipt(first, ReceiptStatus.SUPERSEDED)
    assert applied(trainee) == 1


@pytest.mark.parametrize(
    "order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
)
async def test_the_last_of_a_chain_of_corrections_counts(
    world: World, order: tuple[int, ...]
) -> None:
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.decide_eligible()
    ref = await booked(trainee)
    chain = [
        theory(trainee, ref, "r-1", raw=10),
        theory(trainee, ref, "r-2", raw=20, supersedes="r-1"),
        theory(trainee, ref, "r-3", raw=61, supersedes="r-2"),
    ]
    await trainee.deliver(*(chain[place] for place in order))
    await schedule(trainee, ref, "theory", "practical")
    await trainee.until_receipt(chain[2], ReceiptStatus.APPLIED)
    assert applied(trainee) == 1
    assert all(trainee.receipt(event).final for event in chain)


async def test_two_corrections_of_one_event_contradict_each_other(world: World) -> None:
    trainee, ref = await at_sitting(world)
    first = theory(trainee, ref, "r-2", raw=62, supersedes="r-1")
    same = theory(trainee, ref, "r-3", raw=62, supersedes="r-1")
    other = theory(trainee, ref, "r-4", raw=20, supersedes="r-1")
    await trainee.deliver(first, same, other)
    await trainee.until_receipt(other, ReceiptStatus.CONFLICT)
    await trainee.choose(first)
    await trainee.until_receipt(first, ReceiptStatus.APPLIED)
    assert statuses(trainee, first, same) == [ReceiptStatus.APPLIED, ReceiptStatus.DUPLICATE]


async def test_nobody_corrects_another_partner_s_event(world: World) -> None:
    trainee, ref = await at_sitting(world)
    first = theory(trainee, ref, "r-1", raw=58)
    await trainee.deliver(first)
    await trainee.until_receipt(first, ReceiptStatus.APPLIED)
    foreign = await report(
        trainee, "result", ref, "theory", center=CENTERS[1], raw=99, supersedes="r-1"
    )
    await trainee.until_receipt(foreign, ReceiptStatus.REJECTED)
    assert applied(trainee) == 1


async def test_center_a_on_center_b_s_booking_is_refused_and_changes_nothing(world: World) -> None:
    trainee, ref = await at_sitting(world)
    foreign = await report(trainee, "result", ref, "theory", center=CENTERS[1], raw=99)
    await trainee.until_receipt(foreign, ReceiptStatus.REJECTED)
    assert any(entry.rule == "event.not_yours" for entry in trainee.timeline)
    own = await report(trainee, "result", ref, "theory", raw=99)
    await trainee.until_receipt(own, ReceiptStatus.APPLIED)


async def test_a_stranger_who_guesses_a_reference_early_is_refused_too(world: World) -> None:
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.until(State.ELIGIBILITY)
    guessed = f"bk_{len(world.exam.effects) + 1}"
    foreign = await report(trainee, "result", guessed, "theory", center=CENTERS[1], raw=61)
    await trainee.until_receipt(foreign, ReceiptStatus.BUFFERED)
    await trainee.decide_eligible()
    ref = await booked(trainee)
    assert ref == guessed
    await trainee.until_receipt(foreign, ReceiptStatus.REJECTED)
    await schedule(trainee, ref, "theory", "practical")
    own = await report(trainee, "result", ref, "theory", raw=61)
    await trainee.until_receipt(own, ReceiptStatus.APPLIED)


async def test_a_stranger_who_names_the_journey_only_is_refused(world: World) -> None:
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY, awaiting="eligibility.decided")
    foreign = await trainee.tell(
        "eligibility.decided", {"outcome": "eligible"}, partner="registry-x"
    )
    await trainee.until_receipt(foreign, ReceiptStatus.REJECTED)
    assert trainee.case.state is State.ELIGIBILITY
    await trainee.tell("eligibility.decided", {"outcome": "eligible"}, partner=REGISTRY)
    await trainee.until(State.ENROLLING)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("assessment.result", {"component": "theory", "raw": "many"}),
        ("assessment.result", {"component": ["theory"], "raw": 5}),
        ("assessment.result", {"component": "singing", "raw": 5}),
        ("assessment.result", {"raw": 5}),
        ("assessment.result", {"component": "theory", "raw": 5, "supersedes": "\u0000"}),
        ("assessment.scheduled", {"component": "theory", "at": "yesterday"}),
        ("certificate.issued", {"number": {"deep": [1, 2, 3]}}),
        ("employment.started", {"date": "2025-02-30"}),
        ("training.completed", {"attendance_pct": 101}),
    ],
)
async def test_unreadable_data_is_refused_and_the_journey_goes_on(
    world: World, name: str, data: dict[str, Any]
) -> None:
    trainee, ref = await at_sitting(world)
    event = await trainee.tell(name, data, partner=CENTERS[0], about=ref)
    await trainee.until_receipt(event, ReceiptStatus.REJECTED)
    assert any(entry.rule == "event.schema" for entry in trainee.timeline)
    for component in ("theory", "practical"):
        await report(trainee, "result", ref, component, raw=70)
    await trainee.until(State.CERTIFICATE_PENDING)


@pytest.mark.parametrize("name", ["lottery.won", "", "claim.decided", "x" * 5000])
async def test_an_unknown_type_is_late_and_the_journey_goes_on(world: World, name: str) -> None:
    trainee, ref = await at_sitting(world)
    event = await trainee.tell(name, {"a": 1}, partner=CENTERS[0])
    await trainee.until_receipt(event, ReceiptStatus.LATE)
    for component in ("theory", "practical"):
        await report(trainee, "result", ref, component, raw=70)
    await trainee.until(State.CERTIFICATE_PENDING)


async def test_events_for_later_states_are_kept_and_applied_in_turn(world: World) -> None:
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY)
    seat = f"en_{len(world.enrollment.effects) + 1}"
    ref = f"bk_{len(world.exam.effects) + 1}"
    early = [
        trainee.event("certificate.issued", {"number": "C-1"}, partner=ISSUER),
        theory(trainee, ref, raw=70),
        trainee.event(
            "assessment.result",
            {"component": "practical", "raw": 70},
            partner=CENTERS[0],
            about=ref,
        ),
        *(
            trainee.event(
                "assessment.scheduled", {"component": part}, partner=CENTERS[0], about=ref
            )
            for part in ("practical", "theory")
        ),
        trainee.event(
            "training.completed", {"attendance_pct": 90}, partner=PROVIDERS[0], about=seat
        ),
        trainee.event("enrollment.confirmed", {}, partner=PROVIDERS[0], about=seat),
    ]
    await trainee.deliver(*early)
    for event in early:
        await trainee.until_receipt(event, ReceiptStatus.BUFFERED)
    await trainee.decide_eligible()
    await trainee.until(State.REFERRED)
    assert statuses(trainee, *early) == [ReceiptStatus.APPLIED] * len(early)
    moves = [kind for kind in trainee.kinds if kind in MOVES_IN_TURN]
    assert moves == list(MOVES_IN_TURN)


MOVES_IN_TURN = (
    "eligibility_confirmed",
    "enrollment_confirmed",
    "training_completed",
    "sitting_scheduled",
    "assessment_passed",
    "certificate_issued",
)


async def test_what_waited_30_days_goes_to_a_supervisor(world: World) -> None:
    trainee, ref = await at_sitting(world)
    early = await trainee.tell("certificate.issued", {"number": "C-1"}, partner=ISSUER)
    await trainee.until_receipt(early, ReceiptStatus.BUFFERED)
    await world.skip(timedelta(days=29))
    assert trainee.receipt(early) is ReceiptStatus.BUFFERED
    await world.skip(timedelta(days=2))
    await trainee.until_receipt(early, ReceiptStatus.QUARANTINED)
    assert "its turn did not come in time" in world.journal.receipts[early.receipt].reason
    warned = [entry for entry in trainee.timeline if entry.rule == "event.kept_early"]
    assert [entry.receipt for entry in warned] == [early.receipt]
    for component in ("theory", "practical"):
        await report(trainee, "result", ref, component, raw=70)
    await trainee.until(State.CERTIFICATE_PENDING)
    again = await trainee.tell("certificate.issued", {"number": "C-1"}, partner=ISSUER)
    await trainee.until_receipt(again, ReceiptStatus.APPLIED)


async def test_what_waited_30_days_is_taken_up_when_a_supervisor_releases_it(world: World) -> None:
    trainee, ref = await at_sitting(world)
    early = await trainee.tell("certificate.issued", {"number": "C-1"}, partner=ISSUER)
    await world.skip(timedelta(days=31))
    await trainee.until_receipt(early, ReceiptStatus.QUARANTINED)
    for component in ("theory", "practical"):
        await report(trainee, "result", ref, component, raw=70)
    await trainee.until(State.CERTIFICATE_PENDING)
    world.journal.released(early.receipt)
    await trainee.deliver(early)
    await trainee.until_receipt(early, ReceiptStatus.APPLIED)


async def test_time_on_hold_does_not_count_for_what_is_kept(world: World) -> None:
    trainee, ref = await at_sitting(world)
    await trainee.command(Hold(reason="flood"))
    events = [
        await report(trainee, "result", ref, part, raw=70) for part in ("theory", "practical")
    ]
    for event in events:
        await trainee.until_receipt(event, ReceiptStatus.BUFFERED)
    await world.skip(timedelta(days=45))
    await trainee.command(Resume())
    await trainee.until(State.CERTIFICATE_PENDING)
    assert statuses(trainee, *events) == [ReceiptStatus.APPLIED] * 2


async def test_what_is_early_when_a_hold_ends_is_told_to_be_kept(world: World) -> None:
    trainee, _ = await at_sitting(world)
    await trainee.command(Hold(reason="flood"))
    early = await trainee.tell("certificate.issued", {"number": "C-1"}, partner=ISSUER)
    await trainee.command(Resume())
    await trainee.until_receipt(early, ReceiptStatus.BUFFERED)


async def test_a_correction_that_waited_too_long_may_be_sent_again(world: World) -> None:
    trainee = await world.start(pathway=Pathway.RPL_ONLY)
    await trainee.until(State.ELIGIBILITY, awaiting="eligibility.decided")
    ref = f"bk_{len(world.exam.effects) + 1}"
    first = theory(trainee, ref, "r-2", raw=62, supersedes="r-1")
    await trainee.deliver(first)
    await trainee.until_receipt(first, ReceiptStatus.BUFFERED)
    await world.skip(timedelta(days=31))
    await trainee.until_receipt(first, ReceiptStatus.QUARANTINED)
    again = theory(trainee, ref, "r-3", raw=62, supersedes="r-1")
    await trainee.deliver(again)
    await trainee.until_receipt(again, ReceiptStatus.BUFFERED)
    await trainee.decide_eligible()
    assert await booked(trainee) == ref
    await schedule(trainee, ref, "theory", "practical")
    await trainee.until_receipt(again, ReceiptStatus.APPLIED)


async def test_what_its_state_no_longer_wants_is_late(world: World) -> None:
    trainee, _ = await at_sitting(world)
    again = await trainee.tell("eligibility.decided", {"outcome": "ineligible"}, partner=REGISTRY)
    await trainee.until_receipt(again, ReceiptStatus.LATE)
    assert trainee.case.state is State.AWAITING_RESULTS
    told = next(entry for entry in trainee.timeline if entry.receipt == again.receipt)
    assert told.rule == "event.late"


async def test_two_decisions_in_one_batch_end_one_applied_and_one_late(world: World) -> None:
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY, awaiting="eligibility.decided")
    events = [
        trainee.event(
            "eligibility.decided", {"outcome": "eligible", "rule_ids": [rule]}, partner=REGISTRY
        )
        for rule in ("a", "b")
    ]
    await trainee.deliver(*events)
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert sorted(statuses(trainee, *events)) == [ReceiptStatus.APPLIED, ReceiptStatus.LATE]


async def test_events_of_an_ended_request_are_late(world: World) -> None:
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    ref = trainee.last_ref()
    waits = await trainee.tell(
        "training.completed", {"attendance_pct": 90}, partner=PROVIDERS[0], about=ref
    )
    await trainee.until_receipt(waits, ReceiptStatus.BUFFERED)
    await trainee.tell("enrollment.rejected", {"reason": "full"}, partner=PROVIDERS[0], about=ref)
    await trainee.until_receipt(waits, ReceiptStatus.LATE)
    after = await trainee.tell("enrollment.confirmed", {}, partner=PROVIDERS[0], about=ref)
    await trainee.until_receipt(after, ReceiptStatus.LATE)
    assert trainee.case.state is State.ENROLLING


async def test_what_waits_at_the_end_is_late_and_each_event_has_its_final_receipt(
    world: World,
) -> None:
    trainee, ref = await at_sitting(world)
    early = await trainee.tell("certificate.issued", {"number": "C-1"}, partner=ISSUER)
    unknown = await trainee.tell("offer.made", {}, partner="employer-1", about="rf_elsewhere")
    for nth in (1, 2, 3):
        if nth > 1:
            await sit(trainee, nth, theory=1, practical=1)
        else:
            for part in ("theory", "practical"):
                await report(trainee, "result", ref, part, raw=0)
    assert (await trainee.result()).outcome is Outcome.EXHAUSTED
    assert statuses(trainee, early, unknown) == [ReceiptStatus.LATE] * 2
    assert trainee.timeline[-1].sequence == len(trainee.timeline)
    assert [entry.sequence for entry in trainee.timeline] == list(
        range(1, len(trainee.timeline) + 1)
    )
    assert all(update.status.final for update in world.journal.receipts.values())
