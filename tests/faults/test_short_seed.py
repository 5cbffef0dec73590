"""Promise 1 in short: a few trainees, each process killed once. `make faults` runs it in full."""

from collections import Counter

from tests.faults.harness.fleet import VICTIMS
from tests.faults.harness.seed import DRAINED_WITHIN, run_seed

TRAINEES = 20
GIVEN_UP_AFTER = 900.0


async def test_nothing_acknowledged_is_lost_or_applied_twice_while_every_process_is_killed() -> (
    None
):
    told: list[str] = []

    result = await run_seed(
        1, trainees=TRAINEES, kills_each=1, tell=told.append, within=GIVEN_UP_AFTER
    )

    assert result.verdict.words == [], told
    assert result.kills == Counter(VICTIMS)
    assert result.sent == result.acknowledged + result.refused == 20 * TRAINEES
    assert result.statuses.total() == result.acknowledged
    assert result.drain_seconds <= DRAINED_WITHIN
