"""The ladder: reminder at 80 %, stuck at 100 %, supervisor at 150 %, the level above at 200 %."""

from datetime import timedelta

from temporalio.testing import WorkflowEnvironment

from domain.commands import JOURNEYMAN, ExtendDeadline
from domain.lifecycle import EntryKind
from domain.stages import State, StuckCause, Turn
from tests.workflows.carrying import CASEWORKER, REGISTRY, Trainee, World, default_policy
from tests.workflows.timelines import line_of, told, unbroken

RUNGS = (
    EntryKind.REMINDED,
    EntryKind.STUCK,
    EntryKind.ESCALATED,
    EntryKind.ESCALATED_ABOVE,
)
A_MINUTE = timedelta(minutes=1)
TEN_DAYS = default_policy(eligibility={"decided_within": "10 days"})


async def waiting(world: World) -> Trainee:
    """A trainee who waits ten days for the registry."""
    trainee = await world.start(policy=TEN_DAYS)
    await trainee.until(State.ELIGIBILITY, awaiting="eligibility.decided")
    return trainee


async def climb(trainee: Trainee, *rungs: EntryKind) -> None:
    """The timeline comes to show exactly these rungs."""
    await trainee.world.journal.until(lambda: all(rung.value in trainee.kinds for rung in rungs))
    assert told(trainee, *RUNGS) == list(rungs)


async def test_each_rung_is_climbed_at_its_share_of_the_deadline(world: World) -> None:
    trainee = await waiting(world)
    due = trainee.case.due_at
    assert due is not None
    await world.skip(timedelta(days=8) - A_MINUTE)
    await climb(trainee)
    await world.skip(2 * A_MINUTE)
    await climb(trainee, *RUNGS[:1])
    assert trainee.case.stuck_cause is None
    await world.skip(timedelta(days=2) - 2 * A_MINUTE)
    await climb(trainee, *RUNGS[:1])
    await world.skip(2 * A_MINUTE)
    await climb(trainee, *RUNGS[:2])
    assert trainee.case.stuck_cause is StuckCause.PARTNER_SILENT
    await world.skip(timedelta(days=5))
    await climb(trainee, *RUNGS[:3])
    await world.skip(timedelta(days=5))
    await climb(trainee, *RUNGS)
    begun = due - timedelta(days=10)
    for rung, share in zip(RUNGS, (0.8, 1, 1.5, 2), strict=True):
        line = line_of(trainee, rung)
        moment = begun + timedelta(days=10) * share
        assert moment <= line.at < moment + A_MINUTE
        assert (line.by, line.rule) == (JOURNEYMAN, "escalation.ladder")
        assert (line.partner, line.state) == (REGISTRY, State.ELIGIBILITY)
    assert trainee.case.due_at == due


async def test_no_rung_is_climbed_twice_however_long_it_lasts(world: World) -> None:
    trainee = await waiting(world)
    await world.skip(timedelta(days=20, minutes=1))
    await climb(trainee, *RUNGS)
    await world.skip(timedelta(days=400))
    await trainee.tell("offer.made", partner="employer-1")
    await climb(trainee, *RUNGS)


async def test_a_stuck_journey_says_why_since_when_and_whose_turn_it_is(world: World) -> None:
    trainee = await waiting(world)
    await world.skip(timedelta(days=10, minutes=1))
    await climb(trainee, *RUNGS[:2])
    case, stuck = trainee.case, line_of(trainee, EntryKind.STUCK)
    assert (case.stuck_cause, case.stuck_since) == (StuckCause.PARTNER_SILENT, stuck.at)
    assert (case.turn, case.partner) == (Turn.PARTNER, REGISTRY)
    assert "eligibility.decided" in case.awaited
    assert "PARTNER_SILENT" in stuck.detail


async def test_what_comes_at_last_clears_the_journey(world: World) -> None:
    trainee = await waiting(world)
    await world.skip(timedelta(days=15, minutes=1))
    await climb(trainee, *RUNGS[:3])
    await trainee.tell("eligibility.decided", {"outcome": "eligible"}, partner=REGISTRY)
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert (trainee.case.stuck_cause, trainee.case.stuck_since) == (None, None)
    assert told(trainee, EntryKind.CLEARED) == [EntryKind.CLEARED]
    await climb(trainee, *RUNGS[:3])


async def test_what_comes_in_time_leaves_nothing_to_clear(world: World) -> None:
    trainee = await waiting(world)
    await trainee.tell("eligibility.decided", {"outcome": "eligible"}, partner=REGISTRY)
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    assert told(trainee, *RUNGS, EntryKind.CLEARED) == []


async def test_each_rung_once_though_the_workers_restart(
    time_skipping: WorkflowEnvironment,
) -> None:
    forgetful = {"worker_journeys_cached": 0}
    with time_skipping.auto_time_skipping_disabled():
        world = World(time_skipping.client, time_skipping)
        async with world.working(**forgetful):
            trainee = await waiting(world)
            await world.skip(timedelta(days=8, minutes=1))
            await climb(trainee, *RUNGS[:1])
        for climbed, days in ((2, 2), (3, 5), (4, 5)):
            async with world.working(**forgetful):
                await world.skip(timedelta(days=days))
                await climb(trainee, *RUNGS[:climbed])
        async with world.working(**forgetful):
            await world.skip(timedelta(days=30))
            await trainee.tell("eligibility.decided", {"outcome": "eligible"}, partner=REGISTRY)
            await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
            await climb(trainee, *RUNGS)
            assert len(world.registry.calls) == 1


async def test_the_next_deadline_has_a_ladder_of_its_own(world: World) -> None:
    world.planning.providers = world.planning.providers[:1]
    trainee = await waiting(world)
    await world.skip(timedelta(days=10, minutes=1))
    await climb(trainee, *RUNGS[:2])
    await trainee.tell("eligibility.decided", {"outcome": "eligible"}, partner=REGISTRY)
    await trainee.until(State.ENROLLING, awaiting="enrollment.confirmed")
    await world.skip(timedelta(days=5, minutes=1))
    await trainee.until_said("stuck", times=2)
    assert told(trainee, *RUNGS, EntryKind.CLEARED) == [
        EntryKind.REMINDED,
        EntryKind.STUCK,
        EntryKind.CLEARED,
        EntryKind.REMINDED,
        EntryKind.STUCK,
    ]


async def test_more_time_clears_the_journey_and_sets_the_ladder_anew(world: World) -> None:
    trainee = await waiting(world)
    await world.skip(timedelta(days=15, minutes=1))
    await climb(trainee, *RUNGS[:3])
    until = await world.now() + timedelta(days=10)
    await trainee.command(ExtendDeadline(until=until, reason="they moved house"))
    case, extended = trainee.case, line_of(trainee, EntryKind.DEADLINE_EXTENDED)
    assert (case.due_at, case.stuck_cause) == (until, None)
    assert (extended.by, "they moved house" in extended.detail) == (CASEWORKER, True)
    assert line_of(trainee, EntryKind.CLEARED).by == CASEWORKER
    await world.skip(timedelta(days=8) - A_MINUTE)
    assert told(trainee, *RUNGS) == list(RUNGS[:3])
    await world.skip(timedelta(days=12) + 2 * A_MINUTE)
    await trainee.until_said("escalated_above")
    assert told(trainee, *RUNGS) == [*RUNGS[:3], *RUNGS]


async def test_the_shares_are_the_policys(world: World) -> None:
    policy = default_policy(
        eligibility={"decided_within": "10 days"},
        escalation={"reminder": 0.1, "stuck": 1, "supervisor": 1.1, "above": 1.2},
    )
    trainee = await world.start(policy=policy)
    await trainee.until(State.ELIGIBILITY, awaiting="eligibility.decided")
    await world.skip(timedelta(days=1, minutes=1))
    await climb(trainee, *RUNGS[:1])
    await world.skip(timedelta(days=11))
    await climb(trainee, *RUNGS)
    unbroken(trainee)
