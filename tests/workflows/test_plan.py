"""The plan: drawn from what is required less what is proven, agreed by a person where needed."""

from datetime import timedelta

from domain.commands import JOURNEYMAN, Approve, ChangePlan, Switch
from domain.commands import PartnerKind as Kind
from domain.journal import ReceiptStatus
from domain.lifecycle import EntryKind
from domain.plan import ModuleCredit
from domain.stages import Pathway, State, StuckCause, Turn
from partners.requests import BookSitting, RequestEnrollment
from tests.workflows.carrying import CASEWORKER, CENTERS, MODULES, PROVIDERS, Trainee, World
from tests.workflows.timelines import line_of, told, unbroken

BODY = "issuer-gd"
ALL_MODULES = tuple(module.code for module in MODULES)


async def planned(world: World) -> Trainee:
    """A trainee whose plan awaits approval."""
    world.planning.needs_approval = True
    trainee = await world.start(subsidized=True)
    await trainee.decide_eligible()
    await trainee.until(State.PLANNING, awaiting="plan.approval")
    return trainee


async def recognize(trainee: Trainee, *modules: str) -> None:
    event = await trainee.tell(
        "credit.recognized", {"modules": list(modules), "source_credential": "c"}, partner=BODY
    )
    await trainee.until_receipt(event, ReceiptStatus.APPLIED)


async def test_a_plan_that_needs_no_approval_is_agreed_by_itself(world: World) -> None:
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    agreed = line_of(trainee, EntryKind.PLAN_AGREED)
    assert (agreed.by, agreed.rule) == (JOURNEYMAN, "plan.approval")
    assert world.enrollment.last(RequestEnrollment).modules == ALL_MODULES
    assert "3 modules of 120 h" in line_of(trainee, EntryKind.PLAN_DRAWN).detail


async def test_a_subsidized_plan_waits_for_staff(world: World) -> None:
    trainee = await planned(world)
    case = trainee.case
    assert case.awaited[0] == "plan.approval"
    assert (case.turn, case.partner, case.stuck_cause) == (Turn.STAFF, None, None)
    assert case.due_at is not None
    assert timedelta(days=5) <= case.due_at - line_of(trainee, EntryKind.PLAN_DRAWN).at
    assert world.enrollment.calls == []


async def test_the_caseworker_approves_and_training_opens(world: World) -> None:
    trainee = await planned(world)
    answer = await trainee.command(Approve())
    agreed = line_of(trainee, EntryKind.PLAN_AGREED)
    assert (agreed.by, agreed.before, agreed.state) == (CASEWORKER, State.PLANNING, State.AGREED)
    assert answer.sequence >= agreed.sequence
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert line_of(trainee, EntryKind.TRAINING_OPENED).before is State.AGREED


async def test_an_undecided_plan_is_stuck_for_idle_staff(world: World) -> None:
    trainee = await planned(world)
    await world.skip(timedelta(days=5, hours=1))
    await trainee.until_said("stuck")
    assert trainee.case.stuck_cause is StuckCause.STAFF_IDLE
    await trainee.command(Approve())
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert trainee.case.stuck_cause is None
    line_of(trainee, EntryKind.CLEARED)


async def test_the_partners_are_asked_in_the_order_that_was_chosen(world: World) -> None:
    trainee = await planned(world)
    chosen = (PROVIDERS[2], PROVIDERS[0])
    answer = await trainee.command(
        ChangePlan(providers=chosen, centers=(CENTERS[1],), reason="nearer to home")
    )
    assert answer.state is State.PLANNING
    changed = line_of(trainee, EntryKind.PLAN_CHANGED)
    assert changed.by == CASEWORKER
    assert changed.detail.startswith("nearer to home")
    assert all(partner in changed.detail for partner in (*chosen, CENTERS[1]))
    await trainee.command(Approve())
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert world.enrollment.last(RequestEnrollment).partner == PROVIDERS[2]
    await trainee.tell("enrollment.rejected", partner=PROVIDERS[2], about=trainee.last_ref())
    await trainee.until_said("next_provider_chosen")
    ref = await trainee.enroll(PROVIDERS[0])
    await trainee.complete(ref, PROVIDERS[0])
    await trainee.until(State.REGISTERING, awaiting="assessment.scheduled")
    assert world.exam.last(BookSitting).partner == CENTERS[1]


async def test_a_later_change_or_credit_keeps_the_chosen_order(world: World) -> None:
    trainee = await planned(world)
    await trainee.command(ChangePlan(providers=(PROVIDERS[1],), reason="asked for by the trainee"))
    await trainee.command(ChangePlan(centers=(CENTERS[1],), reason="nearer"))
    await recognize(trainee, "m1")
    await trainee.until(awaiting="plan.approval")
    await trainee.command(
        ChangePlan(recognize=(ModuleCredit(module="m2", source="license"),), reason="seen")
    )
    await trainee.command(Approve())
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    asked = world.enrollment.last(RequestEnrollment)
    assert (asked.partner, asked.modules) == (PROVIDERS[1], ("m3",))


async def test_a_chosen_order_can_be_widened_again(world: World) -> None:
    trainee = await planned(world)
    await trainee.command(ChangePlan(providers=(PROVIDERS[1],), reason="first thought"))
    await trainee.command(ChangePlan(providers=(PROVIDERS[2], PROVIDERS[0]), reason="second"))
    await trainee.command(Approve())
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert world.enrollment.last(RequestEnrollment).partner == PROVIDERS[2]


async def test_a_partner_that_the_plan_does_not_offer_is_refused(world: World) -> None:
    trainee = await planned(world)
    before = len(trainee.timeline)
    for change in (
        ChangePlan(providers=(PROVIDERS[0], "provider-9"), reason="wish"),
        ChangePlan(centers=("center-9",), reason="wish"),
        ChangePlan(providers=(), reason="none at all"),
    ):
        refusal = await trainee.refused(change)
        assert (refusal.rule, refusal.state) == ("plan.partner_offered", State.PLANNING)
    assert len(trainee.timeline) == before
    await trainee.command(Approve())
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert world.enrollment.last(RequestEnrollment).partner == PROVIDERS[0]


async def test_modules_that_staff_recognize_are_not_taken_again(world: World) -> None:
    trainee = await planned(world)
    await trainee.command(
        ChangePlan(recognize=(ModuleCredit(module="m1", source="license"),), reason="seen")
    )
    assert "m1" in line_of(trainee, EntryKind.PLAN_CHANGED).detail
    await trainee.command(Approve())
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert world.enrollment.last(RequestEnrollment).modules == ("m2", "m3")
    credited = [c.module for batch in world.journal.batches for c in batch.module_credits]
    assert credited == ["m1"]


async def test_a_credit_before_planning_counts_in_the_plan(world: World) -> None:
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY, awaiting="eligibility.decided")
    event = await trainee.tell("credit.recognized", {"modules": ["m2"]}, partner=BODY)
    await trainee.until_receipt(event, ReceiptStatus.BUFFERED)
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert trainee.receipt(event) is ReceiptStatus.APPLIED
    assert world.enrollment.last(RequestEnrollment).modules == ("m1", "m3")
    assert line_of(trainee, EntryKind.FACT_RECORDED).by.id == BODY


async def test_a_credit_while_planning_draws_the_plan_anew(world: World) -> None:
    world.planning.warnings = ("2 of 5 years of service",)
    trainee = await planned(world)
    await recognize(trainee, "m1", "m3")
    await trainee.until_said("plan_drawn", times=2)
    await trainee.command(Approve())
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert world.enrollment.last(RequestEnrollment).modules == ("m2",)
    assert told(trainee, EntryKind.WARNED) == [EntryKind.WARNED]


async def test_a_credit_after_the_agreement_comes_too_late(world: World) -> None:
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    event = await trainee.tell("credit.recognized", {"modules": ["m2"]}, partner=BODY)
    await trainee.until_receipt(event, ReceiptStatus.LATE)
    assert line_of(trainee, EntryKind.EVENT_LATE).receipt == event.receipt
    assert trainee.case.state is State.ENROLLING


async def test_no_module_left_leads_to_assessment_without_enrollment(world: World) -> None:
    trainee = await world.start()
    await trainee.tell("credit.recognized", {"modules": list(ALL_MODULES)}, partner=BODY)
    await trainee.decide_eligible()
    await trainee.until(State.REGISTERING, awaiting="assessment.scheduled")
    recognized = line_of(trainee, EntryKind.LEARNING_RECOGNIZED)
    assert (recognized.before, recognized.state) == (State.AGREED, State.RECOGNIZED)
    assert recognized.rule == "plan.zero_modules"
    assert line_of(trainee, EntryKind.ASSESSMENT_OPENED).before is State.RECOGNIZED
    assert world.enrollment.calls == []


async def test_recognition_only_needs_its_approval_too(world: World) -> None:
    world.planning.needs_approval = True
    trainee = await world.start(pathway=Pathway.RPL_ONLY, subsidized=True)
    await trainee.decide_eligible()
    await trainee.until(State.PLANNING, awaiting="plan.approval")
    await trainee.command(Approve())
    await trainee.until(State.REGISTERING, awaiting="assessment.scheduled")
    assert world.enrollment.calls == []


async def test_an_agreed_plan_is_not_changed_or_approved_again(world: World) -> None:
    trainee = await planned(world)
    await trainee.command(Approve())
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert (await trainee.refused(Approve())).rule == "plan.awaits_approval"
    change = ChangePlan(providers=(PROVIDERS[1],), reason="late wish")
    assert (await trainee.refused(change)).rule == "plan.before_agreement"
    unbroken(trainee)


async def test_nothing_is_switched_before_the_plan_is_agreed(world: World) -> None:
    trainee = await planned(world)
    refusal = await trainee.refused(Switch(kind=Kind.PROVIDER, reason="wish"))
    assert (refusal.rule, refusal.state) == ("switch.provider", State.PLANNING)


async def test_a_plan_waits_for_postgresql_to_come_back(world: World) -> None:
    world.planning.away_for = 5
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert told(trainee, EntryKind.PLAN_DRAWN) == [EntryKind.PLAN_DRAWN]
