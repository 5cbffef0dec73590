"""Commands from staff: carried out and answered once recorded, or refused by a named rule."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import JsonValue
from temporalio.service import RPCError

from domain.commands import (
    Actor,
    Approve,
    ChangePlan,
    Choice,
    Command,
    Decide,
    ExtendDeadline,
    Hold,
    PartnerKind,
    RecordEvidence,
    Resume,
    RetryNow,
    Switch,
    Withdraw,
)
from domain.events import EventType
from domain.lifecycle import EntryKind
from domain.stages import Outcome, Stage, State
from tests.workflows.carrying import CASEWORKER, PROVIDERS, REGISTRY, Trainee, World
from tests.workflows.timelines import line_of, told, unbroken
from workflows.durations import RECORD_LOCALLY

SUPERVISOR = Actor(id="st_wang", role="supervisor")


async def waiting(world: World) -> Trainee:
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY, awaiting="eligibility.decided")
    return trainee


async def enrolling(world: World) -> Trainee:
    trainee = await waiting(world)
    await trainee.decide_eligible()
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    return trainee


@pytest.mark.parametrize(
    ("command", "rule"),
    [
        (Approve(), "plan.awaits_approval"),
        (ChangePlan(reason="wish"), "plan.before_agreement"),
        (Resume(), "resume.on_hold"),
        (Switch(kind=PartnerKind.PROVIDER, reason="wish"), "switch.provider"),
        (Switch(kind=PartnerKind.CENTER, reason="wish"), "switch.center"),
        (Switch(kind=PartnerKind.VACANCY, reason="wish"), "switch.vacancy"),
        (Decide(choice=Choice.REPEAT_TRAINING, reason="wish"), "decision.awaited"),
        (Decide(choice=Choice.CLOSE_PLACED, reason="wish"), "decision.awaited"),
        (RetryNow(), "retry.something_failed"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
async def test_a_command_that_the_state_forbids_names_its_rule_and_changes_nothing(
    world: World, command: Command, rule: str
) -> None:
    trainee = await waiting(world)
    before, case = trainee.timeline, trainee.case
    refusal = await trainee.refused(command)
    assert (refusal.rule, refusal.stage, refusal.state) == (rule, Stage.NEED, State.ELIGIBILITY)
    assert refusal.detail
    assert refusal.sequence == case.sequence
    assert (trainee.timeline, trainee.case) == (before, case)


async def test_an_answer_tells_where_the_journey_is_and_its_line(world: World) -> None:
    trainee = await waiting(world)
    answer = await trainee.command(Hold(reason="in hospital"), by=SUPERVISOR)
    assert (answer.stage, answer.state) == (Stage.NEED, State.ELIGIBILITY)
    line = line_of(trainee, EntryKind.HELD)
    assert (answer.sequence, line.by) == (line.sequence, SUPERVISOR)


# -- more time ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [timedelta(0), timedelta(seconds=-1), timedelta(days=-400)])
async def test_a_deadline_is_never_brought_forward(world: World, shift: timedelta) -> None:
    trainee = await waiting(world)
    due = trainee.case.due_at
    assert due is not None
    refusal = await trainee.refused(ExtendDeadline(until=due + shift, reason="wish"))
    assert refusal.rule == "deadline.later"
    assert trainee.case.due_at == due


async def test_the_farthest_deadline_leaves_the_journey_running(world: World) -> None:
    trainee = await waiting(world)
    farthest = datetime.fromisoformat("2200-12-31T23:59:59-12:00")
    await trainee.command(ExtendDeadline(until=farthest, reason="never mind"))
    assert trainee.case.due_at == farthest
    await trainee.command(Hold(reason="she travels"))


async def test_an_overdue_deadline_is_extended_beyond_now_only(world: World) -> None:
    trainee = await waiting(world)
    due = trainee.case.due_at
    assert due is not None
    await world.skip(timedelta(days=10))
    await trainee.until_said("stuck")
    past = ExtendDeadline(until=due + timedelta(days=1), reason="wish")
    assert (await trainee.refused(past)).rule == "deadline.later"
    later = await world.now() + timedelta(days=1)
    await trainee.command(ExtendDeadline(until=later, reason="they promised"))
    assert (trainee.case.due_at, trainee.case.stuck_cause) == (later, None)


async def test_no_deadline_can_be_extended_where_none_runs(world: World) -> None:
    world.registry.hang()
    trainee = await world.start()
    await trainee.until(State.ELIGIBILITY)
    later = await world.now() + timedelta(days=30)
    refusal = await trainee.refused(ExtendDeadline(until=later, reason="wish"))
    assert refusal.rule == "deadline.running"


async def test_more_time_for_a_provider_keeps_it_from_losing_the_trainee(world: World) -> None:
    trainee = await enrolling(world)
    until = await world.now() + timedelta(days=20)
    await trainee.command(ExtendDeadline(until=until, reason="holidays"))
    await world.skip(timedelta(days=19))
    assert trainee.case.partner == PROVIDERS[0]
    await world.skip(timedelta(days=1, minutes=1))
    await trainee.until_said("next_provider_chosen")


# -- evidence -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event", [EventType.ENROLLMENT_CONFIRMED, EventType.CERTIFICATE_ISSUED, EventType.CLAIM_DECIDED]
)
async def test_evidence_of_what_is_not_awaited_is_refused(world: World, event: EventType) -> None:
    trainee = await waiting(world)
    evidence = RecordEvidence(type=event, data={"number": "C1"}, reason="seen")
    refusal = await trainee.refused(evidence)
    assert refusal.rule == "evidence.awaited"
    assert "eligibility.decided" in refusal.detail


@pytest.mark.parametrize("data", [{}, {"outcome": "perhaps"}, {"outcome": ["eligible"]}])
async def test_evidence_that_does_not_fit_its_schema_is_refused(
    world: World, data: dict[str, JsonValue]
) -> None:
    trainee = await waiting(world)
    before = trainee.timeline
    evidence = RecordEvidence(type=EventType.ELIGIBILITY_DECIDED, data=data, reason="seen")
    refusal = await trainee.refused(evidence)
    assert (refusal.rule, refusal.detail.startswith("outcome")) == ("evidence.schema", True)
    assert trainee.timeline == before


async def test_evidence_stands_on_the_timeline_by_who_recorded_it(world: World) -> None:
    trainee = await enrolling(world)
    evidence = RecordEvidence(
        type=EventType.ENROLLMENT_REJECTED, data={"reason": "full"}, reason="by phone"
    )
    answer = await trainee.command(evidence, by=SUPERVISOR)
    recorded = line_of(trainee, EntryKind.EVIDENCE_RECORDED)
    assert (recorded.by, recorded.detail) == (SUPERVISOR, "enrollment.rejected: by phone")
    assert answer.sequence >= recorded.sequence
    failed = line_of(trainee, EntryKind.PROVIDER_FAILED)
    assert (failed.by, failed.receipt) == (SUPERVISOR, None)
    assert failed.sequence > recorded.sequence


async def test_evidence_clears_a_journey_stuck_on_a_silent_partner(world: World) -> None:
    trainee = await waiting(world)
    await world.skip(timedelta(days=4))
    await trainee.until_said("stuck")
    await trainee.command(
        RecordEvidence(
            type=EventType.ELIGIBILITY_DECIDED, data={"outcome": "eligible"}, reason="letter"
        )
    )
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert trainee.case.stuck_cause is None


# -- at once ------------------------------------------------------------------------------------


async def outcome_of(trainee: Trainee, command: Command) -> str:
    """`done`, or the rule by which it was refused."""
    try:
        refusal = await trainee.refused(command)
    except AssertionError:
        return "done"
    return refusal.rule


@pytest.mark.parametrize(
    ("command", "rule", "kind"),
    [
        (Hold(reason="in hospital"), "hold.once", EntryKind.HELD),
        (Withdraw(reason="moved"), "journey.closed", EntryKind.WITHDRAWN),
    ],
)
async def test_of_two_equal_commands_at_once_one_is_carried_out(
    world: World, command: Command, rule: str, kind: EntryKind
) -> None:
    trainee = await enrolling(world)
    told_both = await asyncio.gather(outcome_of(trainee, command), outcome_of(trainee, command))
    assert sorted(told_both) == ["done", rule]
    if isinstance(command, Withdraw):
        await trainee.result()
    assert told(trainee, kind) == [kind]


async def test_two_approvals_at_once_agree_the_plan_once(world: World) -> None:
    world.planning.needs_approval = True
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.PLANNING, awaiting="plan.approval")
    both = await asyncio.gather(outcome_of(trainee, Approve()), outcome_of(trainee, Approve()))
    assert sorted(both) == ["done", "plan.awaits_approval"]
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert told(trainee, EntryKind.PLAN_AGREED) == [EntryKind.PLAN_AGREED]


async def test_two_switches_at_once_leave_one_request_open(world: World) -> None:
    trainee = await enrolling(world)
    switches = [
        Switch(kind=PartnerKind.PROVIDER, to=provider, reason="wish") for provider in PROVIDERS[1:]
    ]
    await asyncio.gather(*(outcome_of(trainee, switch) for switch in switches))
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    await world.journal.until(
        lambda: len(world.enrollment.canceled) == trainee.kinds.count("partner_switched")
    )
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert trainee.last_ref() not in world.enrollment.canceled
    unbroken(trainee)


async def test_an_approval_beside_a_hold_waits_for_nothing(world: World) -> None:
    world.planning.needs_approval = True
    trainee = await world.start()
    await trainee.decide_eligible()
    await trainee.until(State.PLANNING, awaiting="plan.approval")
    hold, approval = await asyncio.gather(
        outcome_of(trainee, Hold(reason="ill")), outcome_of(trainee, Approve())
    )
    assert approval in ("done", "hold.resume_first")
    assert hold == "done"
    unbroken(trainee)


# -- closed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [Hold(reason="late"), Withdraw(reason="late"), RetryNow()])
async def test_a_closed_journey_takes_no_command(world: World, command: Command) -> None:
    trainee = await waiting(world)
    await trainee.tell("eligibility.decided", {"outcome": "ineligible"}, partner=REGISTRY)
    assert (await trainee.result()).outcome is Outcome.INELIGIBLE
    before = trainee.timeline
    with pytest.raises(RPCError):
        await trainee.command(command)
    assert trainee.timeline == before


# -- PostgreSQL away ----------------------------------------------------------------------------


async def until_remote(world: World) -> None:
    """Until the local tries are used up and the record has become a remote activity's."""
    await world.journal.until(lambda: world.journal.turned_away > RECORD_LOCALLY.maximum_attempts)


async def test_a_command_is_answered_only_once_it_is_recorded(world: World) -> None:
    trainee = await waiting(world)
    world.journal.away = True
    asked = asyncio.ensure_future(trainee.command(Hold(reason="in hospital")))
    await until_remote(world)
    assert not asked.done()
    assert "held" not in trainee.kinds
    world.journal.away = False
    await world.skip(timedelta(seconds=30))
    answer = await asked
    line = line_of(trainee, EntryKind.HELD)
    assert (answer.sequence, line.by) == (line.sequence, CASEWORKER)


async def test_nothing_is_lost_while_postgresql_is_away(world: World) -> None:
    trainee = await waiting(world)
    world.journal.away = True
    first = await trainee.tell("eligibility.decided", {"outcome": "eligible"}, partner=REGISTRY)
    second = await trainee.tell(
        "enrollment.confirmed", {"cohort": "c"}, partner=PROVIDERS[0], about="en_1"
    )
    await until_remote(world)
    await world.skip(timedelta(hours=2))
    world.journal.away = False
    await world.skip(timedelta(seconds=30))
    await trainee.until(State.IN_PROGRESS, awaiting="training.completed")
    statuses: dict[str, Any] = {ref: kept.status for ref, kept in world.journal.receipts.items()}
    assert statuses == {first.receipt: "applied", second.receipt: "applied"}
    assert len(world.enrollment.effects) == 1
    assert told(trainee, EntryKind.STUCK) == []
