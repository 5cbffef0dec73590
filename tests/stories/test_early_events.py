"""Stories 9 and 10: what comes before its turn, or before its reference is known, waits."""

import json

import pytest

from partners.requests import Service
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

    assert (await stranger.until_receipt(receipt, "rejected"))["reason"] == "not_yours"
    assert (await trainee.case())["state"] == "awaiting_results"


async def _receipts_about(trainee: Trainee, reference: str) -> list[str]:
    """What the door gave for the first events about a reference."""
    return [
        json.loads(row["answer"])["receipt"]
        for kind in ("enrollment.confirmed", "assessment.scheduled")
        for row in await trainee.events(kind)
        if row["subject"] == reference and row["state"] == "delivered"
    ]
