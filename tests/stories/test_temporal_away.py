"""Story 16: while Temporal is stopped facts and starts are taken; afterwards all is done, once."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from processes.embedded.ports import free_port
from processes.embedded.temporal import EmbeddedTemporal
from tests.api.people import a_journey
from tests.stories.house import House, a_house
from tests.stories.moves import FROM_NEED_TO_JOB, moves_in
from tests.stories.trainee import Trainee

Stoppable = tuple[House, EmbeddedTemporal]


@pytest.fixture
async def stoppable(database_url: str, tmp_path: Path) -> AsyncIterator[Stoppable]:
    """A house on a Temporal server of its own, which can be stopped and started again."""
    server = EmbeddedTemporal(tmp_path / "temporal", port=free_port(), ui_port=None)
    with server:
        client = await server.connect()
        async with a_house(database_url, client, tmp_path) as house:
            yield house, server


async def test_what_is_accepted_while_temporal_is_stopped_is_carried_out_once(
    stoppable: Stoppable,
) -> None:
    house, server = stoppable
    waiting = await house.open({"enrollments": ["silent"]})
    await waiting.until_state("enrolling", "enrollment.confirmed")
    enrollment = await waiting.request("enrollment")
    provider = house.partner(enrollment["partner"])
    ill = await house.open({"enrollments": ["silent"]})
    await ill.until_state("enrolling", "enrollment.confirmed")

    server.stop()

    confirmed = provider.event("enrollment.confirmed", enrollment["ref"])
    completed = provider.event("training.completed", enrollment["ref"], attendance_pct=90)
    sent = [await provider.post(event) for event in (confirmed, completed, confirmed)]
    assert [answer.status_code for answer in sent] == [202, 202, 200]
    body = a_journey()
    opened = [await house.post_journey(body, "one-key") for _ in range(2)]
    assert [answer.status_code for answer in opened] == [201, 201]
    assert opened[0].json() == opened[1].json()
    refused = await _hold(ill)
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.json()["retryable"] is True
    ready = await house.door.get("/readyz")
    away = [each["name"] for each in ready.json()["dependencies"] if not each["ok"]]
    assert (ready.status_code, away) == (503, ["temporal"])
    assert (await house.door.get("/healthz")).status_code == 200
    assert (await waiting.case())["state"] == "enrolling", "reading goes on"

    server.start()

    started = house.trainee(opened[0].json(), region="4403")
    assert await waiting.until_closed() == "retained"
    assert await started.until_closed() == "retained"
    for trainee in (waiting, started):
        assert moves_in(await trainee.timeline()) == FROM_NEED_TO_JOB
        assert {row["effects"] for row in await trainee.requests()} == {1}
    assert "held" not in await ill.kinds(), (
        "a command that was answered 503 has no effect of its own"
    )
    assert [(await _hold(ill)).status_code for _ in range(2)] == [200, 200]
    assert (await ill.kinds()).count("held") == 1
    receipts = [answer.json()["receipt"] for answer in sent]
    settled = [(await provider.receipt(receipt))["status"] for receipt in receipts]
    assert settled == ["applied", "applied", "duplicate"]


async def _hold(trainee: Trainee) -> httpx.Response:
    return await trainee.command("hold", key="hold-once", reason="the trainee is ill")
