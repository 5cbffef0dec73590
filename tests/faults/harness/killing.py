"""Kills what the plan says, when it says."""

import asyncio
from collections.abc import Callable

from tests.faults.harness.fleet import Fleet
from tests.faults.harness.plan import Kill, Plan
from tests.stories.waiting import until

MOMENT_WITHIN = 1800.0
"""Seconds until a kill's moment must have come; the seed itself is given up before."""


async def kill_as_planned(plan: Plan, fleet: Fleet, acknowledged: Callable[[], int]) -> None:
    """Each victim, once its share of all events was acknowledged.

    Several fall at once where their moments lie close together; one that is down already is waited
    for first.
    """

    async def kill(planned: Kill) -> None:
        async def due() -> bool:
            return acknowledged() >= planned.share * plan.events

        await until(due, f"the moment to kill {planned.victim}", MOMENT_WITHIN)
        async with one_at_a_time[planned.victim]:
            await fleet.kill(planned.victim)

    one_at_a_time = {planned.victim: asyncio.Lock() for planned in plan.kills}
    async with asyncio.TaskGroup() as group:
        for planned in plan.kills:
            group.create_task(kill(planned))
