"""The fault proxy does to a request what each fault is named for."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.faults.proxy import Fault, FaultProxy
from tests.partners.running import serving

Proxied = tuple[list[bytes], FaultProxy, httpx.AsyncClient]


@pytest.fixture
async def proxied() -> AsyncIterator[Proxied]:
    """What came to a service, the proxy before it, and a client that goes through the proxy."""
    came: list[bytes] = []

    async def take(request: Request) -> Response:
        came.append(await request.body())
        return Response("taken", 202)

    service = Starlette(routes=[Route("/", take, methods=["POST"])])
    async with serving(service) as url, FaultProxy().listening() as proxy:
        address = proxy.in_front_of(url)
        async with httpx.AsyncClient(base_url=address, timeout=3, trust_env=False) as client:
            yield came, proxy, client


@pytest.mark.parametrize(
    ("fault", "seen_by_client", "arrives"),
    [
        (Fault.CUT_BEFORE_SENT, httpx.RemoteProtocolError, 0),
        (Fault.RESET_BEFORE_SENT, httpx.ReadError, 0),
        (Fault.CUT_AFTER_COMMIT, httpx.RemoteProtocolError, 1),
        (Fault.RESET_AFTER_COMMIT, httpx.ReadError, 1),
        (Fault.CUT_IN_ANSWER, httpx.RemoteProtocolError, 1),
        (Fault.HALF_OPEN, httpx.ReadTimeout, 1),
    ],
)
async def test_a_planned_fault_happens_once_and_then_all_passes(
    proxied: Proxied, fault: Fault, seen_by_client: type[Exception], arrives: int
) -> None:
    came, proxy, client = proxied
    proxy.plan("jn_1", fault)
    assert (await client.post("/", content=b"about jn_2")).status_code == 202

    with pytest.raises(seen_by_client):
        await client.post("/", content=b"about jn_1")

    assert len(came) == 1 + arrives
    assert (await client.post("/", content=b"about jn_1")).status_code == 202
    assert proxy.suffered == {fault: 1}


async def test_a_delayed_request_is_answered(proxied: Proxied) -> None:
    came, proxy, client = proxied
    proxy.plan("jn_1", Fault.DELAY)

    assert (await client.post("/", content=b"about jn_1")).status_code == 202

    assert (len(came), proxy.suffered) == (1, {Fault.DELAY: 1})
