"""The way of a trainee from need to job, as each pathway has it."""

from domain.stages import Outcome, Pathway
from tests.workflows.carrying import World


async def test_a_trainee_goes_from_need_to_a_job_and_is_retained(world: World) -> None:
    trainee = await world.start()
    await trainee.reach_placement()
    ref = await trainee.hire()
    await trainee.stay(ref)
    result = await trainee.result()
    assert result.outcome is Outcome.RETAINED
    assert [entry.sequence for entry in trainee.timeline] == list(range(1, result.sequence + 1))
    assert trainee.case.closed_at is not None


async def test_in_service_ends_with_a_promotion_and_no_referral(world: World) -> None:
    trainee = await world.start(pathway=Pathway.IN_SERVICE, employer="employer-1")
    await trainee.reach_placement()
    await trainee.until(awaiting="promotion.confirmed")
    await trainee.tell("promotion.confirmed", {"new_level": "senior"}, partner="employer-1")
    assert (await trainee.result()).outcome is Outcome.PROMOTED
    assert world.placement.calls == []
