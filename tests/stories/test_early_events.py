"""Stories 9 to 11: what comes before its turn waits; so does what is unknown, or another's."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from partners.requests import Service
from processes.task_sweep import TaskSweep
from store.database import create_engine
from tests.stories.house import House
from tests.stories.moves import FROM_NEED_TO_JOB, moves_in
from tests.stories.trainee import Trainee
from tests.stories.waiting import until

WUHAN = {"home_region": "420106", "occupation": {"scheme": "gbm", "code": "6-18-01-01"}}
ITS_ONE_CENTER = "center-wuhan-01"
"""The only one in the province that may assess this occupation, so it is known beforehand."""


async def test_results_before_the_enrollments_confirmation_are_applied_in_their_turn(
    house: House,
) -> None:
    trainee = await house.open(
        {"enrollments": ["silent"], "silent_from": "assessment.result"}, **WUHAN
    )
    await trainee.until_state("enrolling", "enrollment.confirmed")
    enrollment = await trainee.request("enrollment")
    center, provider = house.partner(ITS_ONE_CENTER), house.partner(enrollment["partner"])

    results = [
        await center.report(
            "assessment.result", trainee.id, component=component, attempt=1, raw=mark, max=100
        )
        for component, mark in (("theory", 66), ("practical", 77))
    ]
    for receipt in results:
        await center.until_receipt(receipt, "buffered")
    assert (await trainee.case())["state"] == "enrolling"

    await provider.report("enrollment.confirmed", enrollment["ref"])
    await provider.report("training.completed", enrollment["ref"], attendance_pct=88)
    for receipt in results:
        await center.until_receipt(receipt, "applied")
    await trainee.until_state("certificate_pending", "certificate.issued")
    await trainee.tell_partners()
    issuer = house.partner("issuer-skill-certificates")
    await issuer.report("certificate.issued", trainee.id, number="S260000000001")

    assert await trainee.until_closed() == "retained"
    assert moves_in(await trainee.timeline()) == FROM_NEED_TO_JOB


@pytest.mark.parametrize("service", ["enrollment", "exam"])
async def test_what_is_reported_before_its_reference_is_known_is_applied_by_itself(
    house: House, service: Service
) -> None:
    async with house.service_told(service, hang=True):
        trainee = await house.open()
        asked = await trainee.request(service)
        receipts = await until(
            lambda: _receipts_about(trainee, asked["ref"]), f"events about {asked['ref']} came"
        )
        sender = house.partner(asked["partner"])
        waiting = [await sender.until_receipt(each, "quarantined") for each in receipts]
        assert {each["reason"] for each in waiting} == {"unknown_subject"}

    assert await trainee.until_closed() == "retained"
    assert moves_in(await trainee.timeline()) == FROM_NEED_TO_JOB
    assert {(await sender.receipt(each))["status"] for each in receipts} == {"applied"}


async def test_a_center_is_refused_on_another_centers_booking(house: House) -> None:
    trainee = await house.open({"silent_from": "assessment.result"})
    await trainee.until_state("awaiting_results", "assessment.result")
    booking = await trainee.request("exam")
    other = {"center-shenzhen-01", "center-shenzhen-02"} - {booking["partner"]}
    stranger = house.partner(other.pop())

    receipt = await stranger.report(
        "assessment.result", booking["ref"], component="theory", attempt=1, raw=20, max=100
    )

    assert (await stranger.until_receipt(receipt, "quarantined"))["reason"] == "not_yours"
    assert (await trainee.case())["state"] == "awaiting_results"
    assert receipt not in {line["receipt"] for line in await trainee.timeline()}
    (listed,) = await _listed(house, "quarantine", reason="not_yours")
    assert (listed["receipt"], listed["partner"]) == (receipt, stranger.id)

    center = house.partner(booking["partner"])
    for component in ("theory", "practical"):
        await center.report(
            "assessment.result", booking["ref"], component=component, attempt=1, raw=70, max=100
        )
    await trainee.until_state("certificate_pending")
    assert (await stranger.receipt(receipt))["status"] == "quarantined"


async def test_what_nobody_makes_known_is_a_supervisors_task_after_30_days(house: House) -> None:
    provider = house.partner("provider-shenzhen-01")
    receipt = await provider.report("enrollment.confirmed", "EN-of-nobody")
    await provider.until_receipt(receipt, "quarantined")

    await _sweep(house, timedelta(days=29))
    assert receipt not in {task["about"] for task in await _listed(house, "tasks")}
    await _sweep(house, timedelta(days=31))
    await _sweep(house, timedelta(days=32))
    (task,) = [task for task in await _listed(house, "tasks") if task["about"] == receipt]
    assert (task["kind"], task["partner"]) == ("unknown_subject", provider.id)


async def test_a_supervisor_corrects_what_does_not_fit_and_it_is_applied(house: House) -> None:
    trainee = await house.open({"enrollments": ["silent"]})
    await trainee.until_state("enrolling", "enrollment.confirmed")
    enrollment = await trainee.request("enrollment")
    provider = house.partner(enrollment["partner"])
    receipt = await provider.report("enrollment.confirmed", enrollment["ref"], cohort=7)
    await provider.until_receipt(receipt, "quarantined")

    answer = await house.door.post(
        f"/v1/quarantine/{receipt}/release",
        json={"reason": "the school meant class 7", "data": {"cohort": "7"}},
        headers=house.as_staff("4403", "supervisor"),
    )
    assert answer.status_code == 200, answer.text
    shown = await provider.until_receipt(receipt, "applied")
    assert shown["received_at"] < shown["delivered_at"] <= shown["settled_at"]
    (line,) = [line for line in await trainee.timeline() if line["receipt"] == receipt]
    assert "released from quarantine by supervisor-1, data corrected" in line["detail"]


async def _listed(house: House, what: str, **params: str) -> list[dict[str, Any]]:
    """A list of a supervisor of Shenzhen."""
    answer = await house.door.get(
        f"/v1/{what}", params=params, headers=house.as_staff("4403", "supervisor")
    )
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def _sweep(house: House, after: timedelta) -> None:
    """What the relay looks for, so much later."""
    engine = create_engine(house.database_url)
    later = datetime.now(UTC) + after
    try:
        await TaskSweep(engine, timedelta(days=30), clock=lambda: later).sweep()
    finally:
        await engine.dispose()


async def _receipts_about(trainee: Trainee, reference: str) -> list[str]:
    """What the door gave for the first events about a reference."""
    return [
        json.loads(row["answer"])["receipt"]
        for kind in ("enrollment.confirmed", "assessment.scheduled")
        for row in await trainee.events(kind)
        if row["subject"] == reference and row["state"] == "delivered"
    ]
