"""The control route: what the sandbox can be told to do, and what it shows."""

import asyncio
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from partners.enrollment.client import EnrollmentClient
from partners.http import CallLimits
from partners.placement.client import PlacementClient
from partners.ports import PartnerRefused, PartnerUnavailable
from partners.sandbox.answers import Problem
from partners.sandbox.control import loopback_only
from partners.sandbox.vacancies import BLACKLISTED
from tests.partners import asks
from tests.partners.running import Sandbox

SERVICES = pytest.mark.parametrize("service", ["registry", "enrollment", "exam", "placement"])


async def ask(running: Sandbox, service: str, **about: Any) -> Any:
    """Ask a service for what it is for."""
    port: Any = getattr(running, service)
    verb, request = {
        "registry": ("check", asks.check),
        "enrollment": ("request", asks.enrollment),
        "exam": ("book", asks.booking),
        "placement": ("refer", asks.referral),
    }[service]
    return await getattr(port, verb)(request(**about))


@SERVICES
async def test_a_service_that_is_down_harms_only_itself(running: Sandbox, service: str) -> None:
    await running.tell(f"services/{service}", down=True)
    with pytest.raises(PartnerUnavailable):
        await ask(running, service)
    others = {"registry", "enrollment", "exam", "placement"} - {service}
    assert all([await ask(running, other) for other in others])
    await running.tell(f"services/{service}")
    assert await ask(running, service)


async def test_a_service_refuses_as_told(running: Sandbox) -> None:
    await running.tell("services/exam", refuse={"code": "closed", "detail": "no sittings"})
    with pytest.raises(PartnerRefused) as refused:
        await ask(running, "exam")
    assert (refused.value.code, refused.value.detail) == ("closed", "no sittings")


@pytest.mark.parametrize("fault", ["hang", "garbage"])
async def test_an_answer_lost_after_the_effect_is_given_again(running: Sandbox, fault: str) -> None:
    request = asks.enrollment()
    await running.tell("services/enrollment", **{fault: True})
    async with EnrollmentClient(f"{running.url}/enrollment", CallLimits(answer_s=1)) as client:
        with pytest.raises(PartnerUnavailable):
            await client.request(request)
    await running.tell("services/enrollment")
    accepted = await running.enrollment.request(request)
    booked = await running.ledger(key=request.idempotency_key)
    assert [(row["ref"], row["arrivals"], row["effects"]) for row in booked["keys"]] == [
        (accepted.ref, 2, 1)
    ]
    assert (await running.quiet()).count("enrollment.confirmed") == 1


async def test_a_hanging_call_is_answered_once_the_order_is_taken_back(running: Sandbox) -> None:
    await running.tell("services/registry", hang=True)
    request = asks.check()
    hanging = asyncio.create_task(running.registry.check(request))
    while not (await running.ledger(key=request.idempotency_key))["keys"]:
        assert not hanging.done()
    await running.tell("services/registry")
    assert (await hanging).ref.startswith("ck_")


async def test_a_slow_service_answers_late(running: Sandbox) -> None:
    await running.tell("services/placement", delay_ms=100)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await ask(running, "placement")
    assert loop.time() - began >= 0.1


async def test_a_partner_that_is_down_or_refuses_harms_only_itself(running: Sandbox) -> None:
    await running.tell("partners/provider-sz-01", down=True)
    with pytest.raises(PartnerUnavailable):
        await ask(running, "enrollment")
    await running.tell("partners/provider-sz-01", refuses={"code": "full", "detail": "no class"})
    with pytest.raises(PartnerRefused):
        await ask(running, "enrollment")
    assert await ask(running, "enrollment", partner="provider-sz-02")


@pytest.mark.parametrize(
    ("path", "orders", "service", "told"),
    [
        ("partners/provider-sz-01", {"rejects": True}, "enrollment", ["enrollment.rejected"]),
        ("partners/provider-sz-01", {"waitlists": True}, "enrollment", ["enrollment.waitlisted"]),
        ("partners/jobs-sz", {"rejects": True}, "placement", ["referral.declined"]),
        ("partners/center-sz-01", {"silent": True}, "exam", []),
    ],
)
async def test_a_partner_behaves_as_told_towards_everybody(
    running: Sandbox, path: str, orders: dict[str, Any], service: str, told: list[str]
) -> None:
    await running.tell(path, **orders)
    await ask(running, service)
    assert await running.quiet() == told


async def test_a_silent_center_certifies_nobody_and_another_can(running: Sandbox) -> None:
    request = asks.booking(partner="center-sz-00")
    await running.tell("partners/center-sz-00", silent=True)
    await running.exam.book(request)
    assert await running.quiet() == []
    await running.exam.book(asks.again(request, partner="center-sz-01"))
    assert (await running.quiet())[-1] == "certificate.issued"


async def test_each_event_is_repeated_under_its_one_id(running: Sandbox) -> None:
    request = asks.check()
    await running.tell(f"trainees/{request.person_ref}", repeat=5)
    await running.registry.check(request)
    assert await running.quiet() == ["eligibility.decided"] * 5
    assert len({came.event["id"] for came in running.door.came}) == 1
    assert len({came.body for came in running.door.came}) == 1


async def test_one_type_of_event_can_be_repeated_alone(running: Sandbox) -> None:
    request = asks.enrollment()
    await running.tell(f"trainees/{request.person_ref}", repeat={"training.completed": 46})
    await running.enrollment.request(request)
    names = await running.quiet()
    assert names.count("training.completed") == 46
    assert names.count("enrollment.confirmed") == 1


async def test_a_shuffled_order_holds_the_same_events(running: Sandbox) -> None:
    orders = set()
    for _ in range(8):
        request = asks.enrollment()
        await running.tell(f"trainees/{request.person_ref}", reorder=True)
        ref = (await running.enrollment.request(request)).ref
        await running.quiet()
        orders.add(tuple(came.name for came in running.door.of(request.journey_id, ref)))
    assert len(orders) > 1
    assert len({tuple(sorted(order)) for order in orders}) == 1


async def test_a_canceled_request_is_not_reported_on(running: Sandbox) -> None:
    request = asks.enrollment()
    await running.tell(f"trainees/{request.person_ref}", delay_ms=600_000)
    accepted = await running.enrollment.request(request)
    await running.enrollment.cancel(asks.cancel(request.partner, accepted.ref))
    assert await running.quiet() == []
    states = {event["state"] for event in await running.events(journey=request.journey_id)}
    assert states == {"canceled"}


async def test_vacancies_are_the_same_each_time_and_name_several_employers(
    running: Sandbox,
) -> None:
    first = (await running.placement.vacancies(asks.vacancies())).vacancies
    assert (await running.placement.vacancies(asks.vacancies())).vacancies == first
    elsewhere = (await running.placement.vacancies(asks.vacancies(region="510107"))).vacancies
    assert {one.vacancy_ref for one in first}.isdisjoint(one.vacancy_ref for one in elsewhere)
    employers = {one.employer for one in first}
    assert len(employers) > 3
    assert BLACKLISTED in employers


async def test_a_job_service_can_be_told_to_list_nothing(running: Sandbox) -> None:
    await running.tell("partners/jobs-sz", no_vacancies=True)
    async with PlacementClient(f"{running.url}/placement") as client:
        assert (await client.vacancies(asks.vacancies())).vacancies == ()


@pytest.mark.parametrize(
    ("path", "orders", "named"),
    [
        ("trainees/pr_1", {"enrollments": ["perhaps"]}, "enrollments"),
        ("trainees/pr_1", {"marks": [{"theory": 101}]}, "marks"),
        ("trainees/pr_1", {"marks": [{"cooking": 60}]}, "marks"),
        ("trainees/pr_1", {"repeat": 0}, "repeat"),
        ("trainees/pr_1", {"promotion": True}, "employer"),
        ("trainees/pr_1", {"silence": True}, "silence"),
        ("trainees/pr_1", {"silent_from": "never"}, "silent_from"),
        ("services/exam", {"delay_ms": -1}, "delay_ms"),
        ("services/kitchen", {}, "service"),
        ("partners/provider-sz-01", {"refuses": {"code": ""}}, "refuses"),
    ],
)
async def test_a_wrong_order_is_refused_by_name_and_changes_nothing(
    running: Sandbox, path: str, orders: dict[str, Any], named: str
) -> None:
    answer = await running.control.put(f"/control/{path}", json=orders)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert named in answer.json()["detail"]
    await ask(running, "enrollment", person_ref="pr_1")
    assert (await running.quiet())[-1] == "training.completed"


async def test_forgotten_orders_hold_no_more(running: Sandbox) -> None:
    await running.tell("services/exam", down=True)
    await running.tell("partners/center-sz-01", silent=True)
    assert (await running.control.delete("/control")).status_code == 204
    await ask(running, "exam")
    assert "certificate.issued" in await running.quiet()


@pytest.mark.parametrize(
    ("address", "answered"), [("127.0.0.1", True), ("::1", True), ("10.0.0.7", False)]
)
def test_the_control_route_answers_to_this_machine_only(address: str, answered: bool) -> None:
    request = Request({"type": "http", "client": (address, 50_000), "headers": []})
    if answered:
        loopback_only(request)
        return
    with pytest.raises(Problem) as told:
        loopback_only(request)
    assert told.value.status == 403


async def test_the_control_route_is_documented(running: Sandbox) -> None:
    answer: httpx.Response = await running.control.get("/openapi.json")
    document = answer.json()
    assert set(document["paths"]) == {
        "/healthz",
        "/control",
        "/control/ledger",
        "/control/events",
        "/control/services/{service}",
        "/control/partners/{partner}",
        "/control/trainees/{person_ref}",
    }
    assert "oopback only" in document["info"]["description"]
