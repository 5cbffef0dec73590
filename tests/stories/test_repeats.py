"""Story 8: a fact that is reported again and again has one effect, and each report a receipt."""

import asyncio
from collections import Counter
from typing import Any

from tests.stories.house import House
from tests.stories.moves import FROM_NEED_TO_JOB, moves_in
from tests.stories.partner import Partner
from tests.stories.trainee import Trainee

TIMES = 46


async def awaiting_results(house: House) -> tuple[Trainee, Partner, str]:
    """A trainee whose center has not told a mark yet, the center, and her booking."""
    trainee = await house.open({"silent_from": "assessment.result"})
    await trainee.until_state("awaiting_results", "assessment.result")
    booking = await trainee.request("exam")
    return trainee, house.partner(booking["partner"]), booking["ref"]


def a_mark(component: str, mark: float) -> dict[str, Any]:
    return {"component": component, "attempt": 1, "raw": mark, "max": 100}


async def test_one_result_delivered_46_times_moves_once(house: House) -> None:
    trainee, center, booking = await awaiting_results(house)
    theory = center.event("assessment.result", booking, **a_mark("theory", 71))

    answers = await asyncio.gather(*(center.post(theory) for _ in range(TIMES)))

    codes = Counter(answer.status_code for answer in answers)
    assert codes == {202: 1, 200: TIMES - 1}
    receipts = {answer.json()["receipt"] for answer in answers}
    assert len(receipts) == TIMES, "each delivery has a receipt of its own"
    settled = [await center.until_receipt(receipt) for receipt in receipts]
    assert Counter(each["status"] for each in settled) == {"applied": 1, "duplicate": TIMES - 1}
    await center.report("assessment.result", booking, **a_mark("practical", 82))
    await trainee.until_state("certificate_pending")
    await _was_marked_once(trainee)


async def test_a_result_told_46_times_under_new_ids_moves_once(house: House) -> None:
    trainee, center, booking = await awaiting_results(house)

    receipts = await asyncio.gather(
        *(center.report("assessment.result", booking, **a_mark("theory", 71)) for _ in range(TIMES))
    )

    settled = [await center.until_receipt(receipt) for receipt in receipts]
    assert Counter(each["status"] for each in settled) == {"applied": 1, "duplicate": TIMES - 1}
    assert all(each["reason"] for each in settled)
    await center.report("assessment.result", booking, **a_mark("practical", 82))
    await trainee.until_state("certificate_pending")
    await _was_marked_once(trainee)


async def test_partners_that_send_everything_three_times_change_nothing_more(
    house: House,
) -> None:
    trainee = await house.open({"repeat": 3})

    assert await trainee.until_closed() == "retained"

    assert moves_in(await trainee.timeline()) == FROM_NEED_TO_JOB
    for kind in ("eligibility.decided", "training.completed", "assessment.result", "offer.made"):
        assert {row["sent"] for row in await trainee.events(kind)} == {3}
    assert {row["effects"] for row in await trainee.requests()} == {1}


async def _was_marked_once(trainee: Trainee) -> None:
    lines = await trainee.timeline()
    moves = [line["kind"] for line in lines if line["before"] != line["state"]]
    assert moves.count("assessment_passed") == 1
    told = [line for line in lines if line["receipt"] and "theory" in line["detail"]]
    assert len([line for line in told if line["before"] == "awaiting_results"]) == 1
