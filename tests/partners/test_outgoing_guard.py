"""Promise 7: calls out never reach inside. A socket that listens on this machine sees nobody."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address

import httpx
import pytest
from temporalio.exceptions import ApplicationError as ActivityFailed
from temporalio.testing import ActivityEnvironment

from domain.outgoing import Address, NotPermitted, OutgoingRules, is_public, outgoing_rules
from partners.http import CallLimits
from partners.outgoing_guard import GuardedTransport, OutgoingForbidden
from partners.ports import PartnerUnavailable
from partners.registry.client import RegistryClient
from processes.settings import Settings, SettingsError, load_settings
from processes.worker import service_clients
from tests.partners.asks import check
from tests.partners.fakes import FakeGate

INSIDE = [
    "127.0.0.1",
    "127.255.255.254",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "0",
    "0.0.0.0",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "１２７.0.0.1",
    "127。0。0。1",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.1",
    "169.254.169.254",
    "0xa9fea9fe",
    "100.64.0.1",
    "192.0.0.1",
    "198.18.0.1",
    "203.0.113.7",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "192.88.99.1",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:8.8.8.8]",
    "[::127.0.0.1]",
    "[fe80::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fec0::1]",
    "[ff02::1]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::]",
    "[2001:0:7f00:1::]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::1]",
    "[2001:db8::1]",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "114.114.114.114", "2400:3200::1", "64:ff9b::808:808"]
REFUSED = r"OutgoingForbidden|InvalidURL|Invalid IDNA|Invalid IPv"
ACCEPTED = b"HTTP/1.1 201 Created\r\ncontent-length: 13\r\n\r\n" + b'{"ref":"r-1"}'
SHORT = CallLimits(connect_s=5, answer_s=20)


@dataclass
class Ear:
    """Listens on this machine, on both families, and counts who comes."""

    port: int
    heard: list[str] = field(default_factory=list)


@asynccontextmanager
async def listening(answer: bytes = ACCEPTED) -> AsyncIterator[Ear]:
    ear = Ear(0)

    async def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ear.heard.append(str(await reader.read(200)))
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(come, "0.0.0.0", 0)
    ear.port = server.sockets[0].getsockname()[1]
    servers = [server]
    if socket.has_ipv6:
        with suppress(OSError):  # no IPv6 on this machine
            servers.append(await asyncio.start_server(come, "::1", ear.port))
    try:
        yield ear
    finally:
        for each in servers:
            each.close()


@dataclass
class Carrier(httpx.AsyncBaseTransport):
    """Carries nothing, and remembers where it was to connect, as whom and for which name."""

    asked: list[tuple[str, str, str]] = field(default_factory=list)
    dead: frozenset[str] = frozenset()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        name = str(request.extensions["sni_hostname"])
        self.asked.append((request.url.host, request.headers["host"], name))
        if request.url.host in self.dead:
            raise httpx.ConnectError("refused")
        return httpx.Response(204)


def answering(*answers: str) -> tuple[list[int], object]:
    """A look-up that gives these addresses in turn, one set of them at each question."""
    asked: list[int] = []

    async def look_up(host: str, port: int) -> tuple[Address, ...]:
        del host
        asked.append(port)
        answer = answers[min(len(asked), len(answers)) - 1]
        return tuple(ip_address(text) for text in answer.split())

    return asked, look_up


async def called(rules: OutgoingRules, look_up: object, carrier: Carrier, url: str) -> int:
    transport = GuardedTransport(rules, carrier, look_up)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
        return (await client.get(url)).status_code


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("host", INSIDE)
async def test_in_production_nobody_reaches_inside(host: str, scheme: str) -> None:
    async with listening() as ear:
        url = f"{scheme}://{host}:{ear.port}"
        with pytest.raises((PartnerUnavailable, httpx.InvalidURL), match=REFUSED):
            async with RegistryClient(url, SHORT, OutgoingRules()) as registry:
                await registry.check(check())
        assert ear.heard == []


async def test_the_sandbox_on_this_machine_is_reached_without_rules() -> None:
    async with listening() as ear:
        async with RegistryClient(f"http://127.0.0.1:{ear.port}", SHORT) as registry:
            assert (await registry.check(check())).ref == "r-1"
        assert len(ear.heard) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_workers_guard_services_that_are_named_outside_an_embedded_run(scheme: str) -> None:
    async with listening() as ear:
        production = load_settings(
            {
                "JOURNEYMAN_DATABASE_URL": "postgresql://db.example/journeyman",
                "JOURNEYMAN_REGISTRY_URL": f"{scheme}://127.0.0.1:{ear.port}",
            }
        )
        with pytest.raises(ActivityFailed, match="OutgoingForbidden"):
            await _check_as_a_worker(production)
        assert ear.heard == []


async def test_workers_of_an_embedded_run_reach_the_sandbox() -> None:
    async with listening() as ear:
        embedded = load_settings({"JOURNEYMAN_REGISTRY_URL": f"http://127.0.0.1:{ear.port}"})
        await _check_as_a_worker(embedded)
        assert len(ear.heard) == 1


async def _check_as_a_worker(settings: Settings) -> None:
    async with service_clients(settings, FakeGate()) as services:
        await ActivityEnvironment().run(services["registry"][0], check())


@pytest.mark.parametrize("address", PUBLIC)
async def test_public_addresses_are_called_by_the_very_address_that_was_checked(
    address: str,
) -> None:
    carrier = Carrier()
    asked, look_up = answering(address, "127.0.0.1")
    assert await called(OutgoingRules(), look_up, carrier, "https://exam.example/x") == 204
    assert carrier.asked == [(address, "exam.example", "exam.example")]
    assert asked == [443], "it is looked up once: the second answer would lead inside"


async def test_a_name_that_moves_inside_between_two_calls_is_refused_at_the_second() -> None:
    carrier = Carrier()
    _, look_up = answering("8.8.8.8", "169.254.169.254")
    await called(OutgoingRules(), look_up, carrier, "https://exam.example")
    with pytest.raises(OutgoingForbidden):
        await called(OutgoingRules(), look_up, carrier, "https://exam.example")
    assert len(carrier.asked) == 1


async def test_one_inner_address_among_public_ones_spoils_them() -> None:
    carrier = Carrier()
    _, look_up = answering("8.8.8.8 10.0.0.1")
    with pytest.raises(OutgoingForbidden):
        await called(OutgoingRules(), look_up, carrier, "https://exam.example")
    assert carrier.asked == []


async def test_a_host_without_an_address_is_not_called() -> None:
    carrier = Carrier()
    _, look_up = answering("")
    with pytest.raises(OutgoingForbidden):
        await called(OutgoingRules(), look_up, carrier, "https://exam.example")


async def test_where_an_address_does_not_answer_the_next_one_is_called() -> None:
    carrier = Carrier(dead=frozenset({"2400:3200::1"}))
    _, look_up = answering("2400:3200::1 8.8.8.8")
    assert await called(OutgoingRules(), look_up, carrier, "https://exam.example") == 204
    assert [host for host, _, _ in carrier.asked] == ["2400:3200::1", "8.8.8.8"]


async def test_a_redirect_is_not_followed() -> None:
    async with listening() as inside:
        location = f"http://127.0.0.1:{inside.port}/"
        redirect = f"HTTP/1.1 307 Go\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
        async with listening(redirect.encode()) as ear:
            async with RegistryClient(f"http://127.0.0.1:{ear.port}", SHORT) as registry:
                with pytest.raises(PartnerUnavailable, match="307"):
                    await registry.check(check())
            assert len(ear.heard) == 1
        assert inside.heard == []


@pytest.mark.parametrize(
    ("allowed", "host", "address", "permitted"),
    [
        ("exam.gov.example", "exam.gov.example", "10.1.2.3", True),
        ("EXAM.gov.example.", "exam.gov.example", "fd00::7", True),
        ("exam.gov.example", "exam.gov.example", "127.0.0.1", False),
        ("exam.gov.example", "exam.gov.example", "169.254.169.254", False),
        ("exam.gov.example", "other.gov.example", "10.1.2.3", False),
        ("10.1.0.0/16", "anything.example", "10.1.2.3", True),
        ("10.1.0.0/16", "anything.example", "10.2.0.1", False),
        ("10.1.2.3, fd00::/8", "anything.example", "fd00::7", True),
        ("127.0.0.0/8", "anything.example", "127.0.0.1", True),
        ("", "anything.example", "8.8.8.8", True),
    ],
)
async def test_an_operator_can_allow_a_ministrys_own_network(
    allowed: str, host: str, address: str, *, permitted: bool
) -> None:
    carrier = Carrier()
    _, look_up = answering(address)
    rules = outgoing_rules(allowed)
    if permitted:
        assert await called(rules, look_up, carrier, f"https://{host}/") == 204
    else:
        with pytest.raises(OutgoingForbidden):
            await called(rules, look_up, carrier, f"https://{host}/")
    assert bool(carrier.asked) is permitted


@pytest.mark.parametrize("wrong", ["10.0.0.0/33", "not a host!", "127.1", "10.0.0.1/8", "a_b"])
def test_a_wrong_entry_of_the_setting_is_named(wrong: str) -> None:
    with pytest.raises(SettingsError, match="JOURNEYMAN_OUTGOING_ALLOWED"):
        load_settings({"JOURNEYMAN_OUTGOING_ALLOWED": f"exam.gov.example {wrong}"})


@pytest.mark.parametrize(
    "url",
    [
        "http://exam.example",
        "ftp://exam.example",
        "https://",
        "https://user:pw@exam.example",
        "https://exam.example/#part",
        "https://exam.example/?a=b",
        "https://exam example",
        "https://exam.example:99999",
        "https://[::1",
        "https://bücher.example",
        "exam.example",
        "",
        *(f"https://{host}" for host in INSIDE),
    ],
)
def test_a_service_url_that_can_never_be_called_is_refused_when_written(url: str) -> None:
    with pytest.raises(NotPermitted):
        OutgoingRules().require_url(url)


@pytest.mark.parametrize(
    "url", ["https://exam.example", "https://exam.example:8443/v1/exams", "https://8.8.8.8/x"]
)
def test_a_service_url_of_a_public_host_is_taken(url: str) -> None:
    OutgoingRules().require_url(url)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_known(address: str) -> None:
    assert is_public(ip_address(address))
