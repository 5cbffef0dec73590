"""What the clients make of answers: accepted, refused or unavailable, whatever a service does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from domain.model import TEXT_LIMIT
from partners.enrollment.client import EnrollmentClient
from partners.http import CallLimits
from partners.placement.client import PlacementClient
from partners.ports import PartnerRefused, PartnerUnavailable
from partners.requests import Accepted
from tests.partners import asks
from tests.partners.running import Receive, Scope, Send, serving

ACCEPTED = b'{"ref":"en_1"}'


@dataclass
class Service:
    """Answers everything with the same bytes; `parts` are sent one by one, `pause_s` apart."""

    status: int = 201
    parts: tuple[bytes, ...] = (ACCEPTED,)
    headers: dict[str, str] = field(default_factory=dict)
    pause_s: float = 0.0
    asked: list[Scope] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.asked.append(scope)
        headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        for part in self.parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await asyncio.sleep(self.pause_s)
        await send({"type": "http.response.body", "body": b""})


@dataclass
class Address:
    """One address for all tests of a worker, behind which each puts its own service."""

    url: str = ""
    service: Service = field(default_factory=Service)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.service(scope, receive, send)

    @asynccontextmanager
    async def client_of(self, service: Service, **limits: Any) -> AsyncIterator[EnrollmentClient]:
        self.service = service
        async with EnrollmentClient(self.url, CallLimits(**limits)) as client:
            yield client


@pytest.fixture(scope="session")
async def address() -> AsyncIterator[Address]:
    address = Address()
    async with serving(address) as address.url:
        yield address


@pytest.mark.parametrize("status", [200, 201])
async def test_an_accepted_request_gives_the_reference(address: Address, status: int) -> None:
    service = Service(status, (b'{"ref":"en_1","more":"than we know"}',))
    async with address.client_of(service) as client:
        request = asks.enrollment()
        assert await client.request(request) == Accepted(ref="en_1")
    headers = dict(service.asked[0]["headers"])
    assert headers[b"idempotency-key"].decode() == request.idempotency_key


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 413, 422, 451])
async def test_a_4xx_is_a_refusal_with_the_partners_code(address: Address, status: int) -> None:
    service = Service(status, (b'{"code":"no_such_level","detail":"we do not teach this"}',))
    async with address.client_of(service) as client:
        with pytest.raises(PartnerRefused) as refused:
            await client.request(asks.enrollment())
    assert (refused.value.code, refused.value.detail) == ("no_such_level", "we do not teach this")


@pytest.mark.parametrize("body", [b"", b"<html>", b'["code"]', b'{"code":7}', b"\xff\xfe"])
async def test_a_refusal_without_a_readable_problem_is_still_a_refusal(
    address: Address, body: bytes
) -> None:
    async with address.client_of(Service(404, (body,))) as client:
        with pytest.raises(PartnerRefused) as refused:
            await client.request(asks.enrollment())
    assert refused.value.code == "http_404"


async def test_a_partners_words_are_cut_to_what_may_enter_a_history(address: Address) -> None:
    endless = b'{"code":"%b","detail":"%b"}' % (b"c" * 9000, b"d" * 9000)
    async with address.client_of(Service(422, (endless,))) as client:
        with pytest.raises(PartnerRefused) as refused:
            await client.request(asks.enrollment())
    assert len(refused.value.code) == len(refused.value.detail) == TEXT_LIMIT


@pytest.mark.parametrize("status", [204, 301, 302, 307, 408, 425, 429, 500, 502, 503, 504])
async def test_any_other_status_is_no_answer(address: Address, status: int) -> None:
    service = Service(status, (), {"location": "/elsewhere"})
    async with address.client_of(service) as client:
        with pytest.raises(PartnerUnavailable):
            await client.request(asks.enrollment())
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{",
        b"[]",
        b"<html></html>",
        b"{}",
        b'{"ref":""}',
        b'{"ref":"two words"}',
        b'{"ref":7}',
        b'{"ref":"%b"}' % (b"x" * 121),
        b"\xff",
    ],
)
async def test_an_answer_that_breaks_the_contract_is_no_answer(
    address: Address, body: bytes
) -> None:
    async with address.client_of(Service(201, (body,))) as client:
        with pytest.raises(PartnerUnavailable):
            await client.request(asks.enrollment())


async def test_an_endless_answer_is_cut_off(address: Address) -> None:
    service = Service(201, (b" " * 4096,) * 10_000)
    async with address.client_of(service) as client:
        with pytest.raises(PartnerUnavailable, match="longer than 65536 bytes"):
            await client.request(asks.enrollment())


async def test_a_compressed_answer_is_not_unpacked(address: Address) -> None:
    service = Service(201, (b"\x1f\x8b",), {"content-encoding": "gzip"})
    async with address.client_of(service) as client:
        with pytest.raises(PartnerUnavailable, match="compressed"):
            await client.request(asks.enrollment())
    assert dict(service.asked[0]["headers"])[b"accept-encoding"] == b"identity"


async def test_silence_ends_at_the_limit(address: Address) -> None:
    async with address.client_of(Service(pause_s=1.0), answer_s=0.1) as client:
        with pytest.raises(PartnerUnavailable, match=r"within 0\.1 s"):
            await client.request(asks.enrollment())


async def test_an_answer_that_drips_ends_at_the_limit(address: Address) -> None:
    service = Service(parts=(b" ",) * 100, pause_s=0.05)
    async with address.client_of(service, answer_s=0.2) as client:
        with pytest.raises(PartnerUnavailable, match=r"within 0\.2 s"):
            await client.request(asks.enrollment())


async def test_a_service_that_is_not_there_is_unavailable() -> None:
    async with serving(Service()) as url:
        gone = url
    async with EnrollmentClient(gone) as client:
        with pytest.raises(PartnerUnavailable):
            await client.request(asks.enrollment())


async def test_a_connection_cut_before_the_answer_is_unavailable() -> None:
    async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(cut, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with EnrollmentClient(f"http://127.0.0.1:{port}") as client:
            with pytest.raises(PartnerUnavailable):
                await client.request(asks.enrollment())


async def test_no_more_connections_than_allowed_are_open_at_once(address: Address) -> None:
    service = Service(pause_s=0.02)
    async with address.client_of(service, connections=3) as client:
        await asyncio.gather(*(client.request(asks.enrollment()) for _ in range(12)))
    assert len({tuple(scope["client"]) for scope in service.asked}) == 3


@pytest.mark.parametrize("ref", ["..", ".", "a/../b", "x?y=1#z", "%2e%2e", "a b".replace(" ", "+")])
async def test_a_reference_stays_one_segment_of_the_path(address: Address, ref: str) -> None:
    service = Service(200, (b'{"ref":"x","status":"requested"}',))
    async with address.client_of(service) as client:
        await client.look_up("provider-sz-01", ref)
    assert service.asked[0]["path"] == f"/requests/{ref}"
    assert service.asked[0]["query_string"] == b"partner=provider-sz-01"


async def test_a_listing_over_twenty_vacancies_breaks_the_contract(address: Address) -> None:
    vacancy = b'{"vacancy_ref":"v","employer":"e","occupation":"o","region":"44"}'
    service = Service(200, (b'{"vacancies":[%b]}' % b",".join([vacancy] * 21),))
    address.service = service
    async with PlacementClient(address.url) as client:
        with pytest.raises(PartnerUnavailable, match="vacancies"):
            await client.vacancies(asks.vacancies())


async def test_a_cancellation_refused_for_another_reason_stays_refused(address: Address) -> None:
    async with address.client_of(
        Service(409, (b'{"code":"too_late","detail":"sat already"}',))
    ) as client:
        with pytest.raises(PartnerRefused) as refused:
            await client.cancel(asks.cancel("provider-sz-01", "en_1"))
    assert refused.value.code == "too_late"
