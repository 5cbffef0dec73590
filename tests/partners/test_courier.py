"""Reporting back: until it is acknowledged, in order, signed, and across restarts."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from partners.sandbox.app import create_sandbox
from partners.sandbox.settings import SandboxSettings
from partners.sandbox.signing import SecretsError
from partners.sandbox.wire import NoAnswer, Wire
from tests.partners import asks
from tests.partners.running import SECRETS, Door, Sandbox, eventually, sandbox, serving

TRAINED = [
    "enrollment.confirmed",
    "attendance.summary",
    "attendance.summary",
    "training.completed",
]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
async def test_an_event_is_sent_until_it_is_acknowledged(running: Sandbox, status: int) -> None:
    running.door.answers[:] = [(status, {})] * 3
    await running.enrollment.request(asks.enrollment())
    assert await running.quiet() == [TRAINED[0]] * 3 + TRAINED


async def test_a_later_attempt_is_signed_for_its_own_time(running: Sandbox) -> None:
    running.door.answers[:] = [(503, {"retry-after": "1"})]
    await running.registry.check(asks.check())
    await running.quiet()
    first, second = running.door.came
    waited = int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"])
    assert waited >= 1
    assert second.is_signed_by("registry-gd")
    assert second.body == first.body


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422])
async def test_a_refused_event_is_not_sent_again_and_holds_up_nothing(
    running: Sandbox, status: int
) -> None:
    running.door.answers[:] = [(status, {})]
    request = asks.enrollment()
    await running.enrollment.request(request)
    assert await running.quiet() == TRAINED
    events = await running.events(journey=request.journey_id)
    assert [event["state"] for event in events] == ["refused", *["delivered"] * 3]
    assert events[0]["status"] == status


async def test_an_event_of_a_partner_without_a_secret_is_shown_as_refused(
    running: Sandbox,
) -> None:
    request = asks.check(partner="registry-unknown")
    await running.registry.check(request)
    assert await running.quiet() == []
    (event,) = await running.events(journey=request.journey_id)
    assert event["state"] == "refused"
    assert "registry-unknown" in event["answer"]


async def test_a_journeys_events_arrive_in_order_while_others_pass(running: Sandbox) -> None:
    requests = [asks.enrollment() for _ in range(20)]
    running.door.answers[:] = [(503, {})] * 7
    accepted = await asyncio.gather(*(running.enrollment.request(one) for one in requests))
    await running.quiet()
    for one in accepted:
        taken = dict.fromkeys(came.event["id"] for came in running.door.of("", one.ref))
        by_id = {came.event["id"]: came.name for came in running.door.came}
        assert [by_id[event_id] for event_id in taken] == TRAINED


async def test_steps_follow_each_other_at_the_given_pace(tmp_path: Path) -> None:
    async with sandbox(tmp_path, pace_s=0.1) as running:
        began = time.monotonic()
        await running.enrollment.request(asks.enrollment())
        assert await running.quiet() == TRAINED
        assert time.monotonic() - began >= 0.4


async def test_a_restart_sends_what_was_not_acknowledged(tmp_path: Path) -> None:
    request = asks.enrollment()
    refusing = Door(answers=[(503, {})] * 10_000)
    async with sandbox(tmp_path, refusing) as before:
        accepted = await before.enrollment.request(request)
        await before.tell(f"trainees/{request.person_ref}", marks=[{"theory": 10}])
        await eventually(lambda: len(refusing.came) > 2)
    async with sandbox(tmp_path) as after:
        assert await after.quiet() == TRAINED
        assert {came.event["id"] for came in refusing.came} == {after.door.came[0].event["id"]}
        assert (await after.enrollment.request(request)).ref == accepted.ref
        booking = asks.booking(person_ref=request.person_ref)
        await after.exam.book(booking)
        assert "certificate.issued" not in await after.quiet()
        booked = await after.ledger(key=request.idempotency_key)
        assert [(row["arrivals"], row["effects"]) for row in booked["keys"]] == [(2, 1)]


async def test_passed_components_survive_a_restart(tmp_path: Path) -> None:
    request = asks.booking()
    marks = [{"theory": 40, "practical": 80}]
    async with sandbox(tmp_path) as before:
        await before.tell(f"trainees/{request.person_ref}", marks=marks)
        await before.exam.book(request)
        assert "certificate.issued" not in await before.quiet()
    async with sandbox(tmp_path) as after:
        await after.exam.book(asks.again(request, components=request.components[:1], attempt=2))
        assert (await after.quiet())[-1] == "certificate.issued"


async def test_new_secrets_are_used_without_a_restart(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{}")
    async with sandbox(tmp_path) as running:
        await running.registry.check(asks.check())
        assert await running.quiet() == []
        (tmp_path / "secrets.json").write_text(json.dumps(SECRETS))
        await running.registry.check(asks.check())
        assert await running.quiet() == ["eligibility.decided"]
        assert running.door.came[0].is_signed_by("registry-gd")


@pytest.mark.parametrize("content", [None, "", "[]", '{"provider-sz-01": 7}', '{"p": "whsec_"}'])
def test_a_file_of_secrets_that_cannot_be_used_is_named(
    tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "secrets.json"
    if content is not None:
        file.write_text(content)
    settings = SandboxSettings(
        ledger=tmp_path / "ledger.db",
        events_url="http://127.0.0.1:1/v1/events",
        secrets_file=file,
        issuer="issuer-cn",
    )
    with pytest.raises(SecretsError, match=r"secrets\.json"):
        create_sandbox(settings)


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\n"])
async def test_an_answer_that_is_not_http_is_no_answer(answer: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NoAnswer):
            await Wire(f"http://127.0.0.1:{port}/v1/events", answer_s=20).post({}, b"{}")


async def test_a_connection_closed_while_idle_is_replaced() -> None:
    door = Door(answers=[(202, {"connection": "close"}), (202, {})])
    async with serving(door) as url:
        wire = Wire(f"{url}/v1/events", answer_s=20)
        event = asks.check().model_dump_json().encode()
        assert [(await wire.post({}, event)).status for _ in range(3)] == [202] * 3
        wire.close()


async def test_a_silent_door_is_no_answer_in_time() -> None:
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NoAnswer, match="Timeout"):
            await Wire(f"http://127.0.0.1:{port}/v1/events", answer_s=0.05).post({}, b"{}")


@pytest.mark.parametrize("url", ["", "127.0.0.1:80", "ftp://127.0.0.1/", "http:///v1/events"])
def test_an_address_that_is_no_url_is_named(url: str) -> None:
    with pytest.raises(ValueError, match="events_url"):
        Wire(url, answer_s=1)
