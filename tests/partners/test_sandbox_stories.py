"""What a trainee's partners report when all goes well, and when a script says otherwise."""

from typing import Any

import pytest

from domain.events import DATA_OF, EventType
from domain.plan import Component
from tests.partners import asks
from tests.partners.running import Sandbox

TRAINED = [
    "enrollment.confirmed",
    "attendance.summary",
    "attendance.summary",
    "training.completed",
]
SCHEDULED = ["assessment.scheduled", "assessment.scheduled"]
MARKED = ["assessment.result", "assessment.result"]
HIRED = ["referral.accepted", "offer.made", "employment.started"]
RETAINED = ["employment.retained"] * 3


async def test_the_registry_decides_about_a_journey(running: Sandbox) -> None:
    request = asks.check()
    await running.registry.check(request)
    assert await running.quiet() == ["eligibility.decided"]
    event = running.door.came[0].event
    assert event["subject"] == request.journey_id
    assert event["data"]["outcome"] == "eligible"


async def test_a_provider_confirms_teaches_and_completes(running: Sandbox) -> None:
    accepted = await running.enrollment.request(asks.enrollment())
    assert await running.quiet() == TRAINED
    assert {came.event["subject"] for came in running.door.came} == {accepted.ref}
    assert running.door.came[-1].event["data"]["attendance_pct"] == 92


async def test_passing_every_component_brings_the_issuers_certificate(running: Sandbox) -> None:
    request = asks.booking(attempt=2)
    accepted = await running.exam.book(request)
    assert await running.quiet() == [*SCHEDULED, *MARKED, "certificate.issued"]
    *of_center, certificate = [came.event for came in running.door.came]
    assert {event["subject"] for event in of_center} == {accepted.ref}
    assert {event["data"]["attempt"] for event in of_center} == {2}
    assert certificate["subject"] == request.journey_id
    assert certificate["source"] == "/partners/issuer-cn"


async def test_a_resit_of_what_was_failed_brings_the_certificate(running: Sandbox) -> None:
    first = asks.booking()
    marks = [{"theory": 58, "practical": 75}, {"theory": 60}]
    await running.tell(f"trainees/{first.person_ref}", marks=marks)
    await running.exam.book(first)
    assert await running.quiet() == [*SCHEDULED, *MARKED]
    assert [came.event["data"]["raw"] for came in running.door.came[2:]] == [58, 75]
    await running.exam.book(asks.again(first, components=(Component.THEORY,), attempt=2))
    names = await running.quiet()
    assert names[4:] == ["assessment.scheduled", "assessment.result", "certificate.issued"]


async def test_a_journey_is_certified_once(running: Sandbox) -> None:
    first = asks.booking()
    await running.exam.book(first)
    await running.exam.book(asks.again(first))
    assert (await running.quiet()).count("certificate.issued") == 1


async def test_a_job_service_places_and_follows_up(running: Sandbox) -> None:
    accepted = await running.placement.refer(asks.referral())
    assert await running.quiet() == [*HIRED, *RETAINED]
    assert {came.event["subject"] for came in running.door.came} == {accepted.ref}
    months = [came.event["data"].get("month") for came in running.door.came[3:]]
    assert months == [1, 3, 6]


async def test_every_event_fits_its_schema_and_is_signed_by_its_source(running: Sandbox) -> None:
    booking = asks.booking()
    await running.tell(f"trainees/{booking.person_ref}", promotion=True, employer="employer-02")
    await running.registry.check(asks.check())
    await running.enrollment.request(asks.enrollment())
    await running.exam.book(booking)
    await running.placement.refer(asks.referral())
    names = await running.quiet()
    assert "promotion.confirmed" in names
    for came in running.door.came:
        event = came.event
        kind = EventType.of_cloud_type(event["type"])
        assert kind is not None
        assert not set(event["data"]) - set(DATA_OF[kind].model_fields)
        DATA_OF[kind].model_validate(event["data"])
        assert came.is_signed_by(event["source"].removeprefix("/partners/"))
        assert came.headers["webhook-id"] == event["id"]
        assert came.headers["content-type"] == "application/cloudevents+json"


async def test_the_employer_named_in_the_script_confirms_the_promotion(running: Sandbox) -> None:
    booking = asks.booking()
    await running.tell(f"trainees/{booking.person_ref}", promotion=True, employer="employer-02")
    await running.exam.book(booking)
    assert (await running.quiet())[-2:] == ["certificate.issued", "promotion.confirmed"]
    promotion = running.door.came[-1].event
    assert promotion["source"] == "/partners/employer-02"
    assert promotion["subject"] == booking.journey_id


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (["rejected"], ["enrollment.rejected"]),
        (["waitlisted"], ["enrollment.waitlisted"]),
        (["waitlisted_then_confirmed"], ["enrollment.waitlisted", *TRAINED]),
        (["canceled"], ["enrollment.confirmed", "enrollment.canceled"]),
        (["silent"], []),
        (["rejected", "rejected"], ["enrollment.rejected"]),
    ],
)
async def test_a_script_answers_for_the_provider(
    running: Sandbox, answers: list[str], told: list[str]
) -> None:
    request = asks.enrollment()
    await running.tell(f"trainees/{request.person_ref}", enrollments=answers)
    await running.enrollment.request(request)
    assert await running.quiet() == told


async def test_the_second_provider_answers_by_the_second_entry(running: Sandbox) -> None:
    first = asks.enrollment()
    await running.tell(
        f"trainees/{first.person_ref}", enrollments=["rejected"], attendance_pct=[0, 71.5]
    )
    await running.enrollment.request(first)
    await running.enrollment.request(asks.again(first, partner="provider-sz-02"))
    assert await running.quiet() == ["enrollment.rejected", *TRAINED]
    assert running.door.came[-1].event["data"]["attendance_pct"] == 71.5


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ({"referrals": ["declined"]}, ["referral.declined"]),
        ({"referrals": ["offer_declined"]}, [*HIRED[:2], "offer.declined"]),
        (
            {"referrals": ["ended"], "ended_before_month": 3},
            [*HIRED, "employment.retained", "employment.ended"],
        ),
        ({"referrals": ["silent"]}, []),
        ({"retained_silent": True}, HIRED),
    ],
)
async def test_a_script_answers_for_the_employer(
    running: Sandbox, script: dict[str, Any], told: list[str]
) -> None:
    request = asks.referral()
    await running.tell(f"trainees/{request.person_ref}", **script)
    await running.placement.refer(request)
    assert await running.quiet() == told


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ({"certificate_silent": True}, [*SCHEDULED, *MARKED]),
        (
            {"absent": [{"sitting": 1, "component": "theory"}]},
            [*SCHEDULED, "assessment.absent", "assessment.result"],
        ),
        ({"absent": [{"sitting": 1, "excused": True}]}, [*SCHEDULED, *["assessment.absent"] * 2]),
        ({"voided": [{"sitting": 1}]}, [*SCHEDULED, *["assessment.voided"] * 2]),
        ({"silent_from": "assessment.result"}, SCHEDULED),
    ],
)
async def test_a_script_tells_how_a_sitting_goes(
    running: Sandbox, script: dict[str, Any], told: list[str]
) -> None:
    request = asks.booking()
    await running.tell(f"trainees/{request.person_ref}", **script)
    await running.exam.book(request)
    assert await running.quiet() == told


async def test_an_absence_or_a_voiding_ends_with_its_sitting(running: Sandbox) -> None:
    request = asks.booking(components=(Component.THEORY,))
    await running.tell(
        f"trainees/{request.person_ref}", voided=[{"sitting": 1}], absent=[{"sitting": 2}]
    )
    for sitting in (request, asks.again(request), asks.again(request)):
        await running.exam.book(sitting)
    came = [name for name in await running.quiet() if name != "assessment.scheduled"]
    assert came == [
        "assessment.voided",
        "assessment.absent",
        "assessment.result",
        "certificate.issued",
    ]


async def test_an_ineligible_trainee_is_told_so(running: Sandbox) -> None:
    request = asks.check()
    await running.tell(f"trainees/{request.person_ref}", eligibility="ineligible")
    await running.registry.check(request)
    await running.quiet()
    assert running.door.came[0].event["data"]["outcome"] == "ineligible"
