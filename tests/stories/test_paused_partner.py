"""A partner is paused: calls to it queue, its events are kept, everything else goes on."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from tests.stories.house import House, a_house
from tests.stories.waiting import until

WUHAN = {"home_region": "420106", "occupation": {"scheme": "gbm", "code": "6-18-01-01"}}
CENTER = "center-wuhan-01"
"""The only one in the province that may assess this occupation, so it is known beforehand."""
SITTING = {"component": "theory", "attempt": 1, "at": "2027-01-01T09:00:00+08:00"}
AT_THE_CENTER = f"/v1/partners/{CENTER}"


@pytest.fixture
async def house(database_url: str, own_namespace: Client, tmp_path: Path) -> AsyncIterator[House]:
    """A house whose workers a test starts and stops."""
    async with a_house(database_url, own_namespace, tmp_path, working=False) as house:
        yield house


async def tell(house: House, command: str) -> None:
    headers = house.as_staff("", "operator")
    answer = await house.door.post(
        f"{AT_THE_CENTER}/{command}", json={"reason": "it answers garbage"}, headers=headers
    )
    assert answer.status_code == 200, answer.text


async def held(house: House) -> dict[str, Any]:
    answer = await house.door.get(AT_THE_CENTER, headers=house.as_staff("", "operator"))
    found: dict[str, Any] = answer.json()["held"]
    return found


async def until_held(house: House, **counts: int) -> None:
    async def seen() -> bool | None:
        return await held(house) == counts or None

    await until(seen, f"held: {counts}")


async def test_calls_to_a_paused_center_wait_over_restarts_and_go_after_its_resume(
    house: House,
) -> None:
    async with house.workers_running():
        await tell(house, "pause")
        waiting = [await house.open(**WUHAN) for _ in range(3)]
        for trainee in waiting:
            await trainee.until_state("registering")
        await until_held(house, calls=3, events=0)
        elsewhere = await house.open()
        assert await elsewhere.until_closed() == "retained", "everything else goes on"

    async with house.relay.resting():
        await until_held(house, calls=3, events=0)

    async with house.workers_running():
        another = await house.open(**WUHAN)
        await until_held(house, calls=4, events=0)
        waiting.append(another)
        assert [await trainee.requests("exam") for trainee in waiting] == [[], [], [], []]
        await tell(house, "resume")
        for trainee in waiting:
            assert await trainee.until_closed() == "retained"
            assert {row["effects"] for row in await trainee.requests()} == {1}
        await until_held(house, calls=0, events=0)


async def test_events_of_a_paused_center_are_kept_and_delivered_after_its_resume(
    house: House,
) -> None:
    async with house.workers_running():
        trainee = await house.open({"silent_from": "assessment.result"}, **WUHAN)
        await trainee.until_state("awaiting_results", "assessment.result")
        enrollment = await trainee.request("enrollment")
        center, provider = house.partner(CENTER), house.partner(enrollment["partner"])
        await tell(house, "pause")

        results = [
            await center.report(
                "assessment.result", trainee.id, component=component, attempt=1, raw=71, max=100
            )
            for component in ("theory", "practical")
        ]
        unknown = await center.report("assessment.scheduled", "b-unknown", **SITTING)
        again = await provider.report("training.completed", enrollment["ref"], attendance_pct=90)
        await provider.until_receipt(again)
        assert await held(house) == {"calls": 0, "events": 3}
        async with house.relay.resting():
            pass
        later = await provider.report("training.completed", enrollment["ref"], attendance_pct=90)
        await provider.until_receipt(later)
        kept = [(await center.receipt(receipt))["status"] for receipt in (*results, unknown)]
        assert kept == ["received"] * 3
        assert (await trainee.case())["state"] == "awaiting_results"

        await tell(house, "resume")
        for receipt in results:
            await center.until_receipt(receipt, "applied")
        await center.until_receipt(unknown, "quarantined")
        await trainee.until_state("certificate_pending")
        await until_held(house, calls=0, events=0)
