"""Keeps calls to partners from reaching inside: a host is looked up, checked, and called there.

The connection goes to the very address that was checked, so nobody can answer the look-up one way
for the check and another way for the call. The certificate is still that of the host's name.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import httpx

from domain.outgoing import Address, NotPermitted, OutgoingRules

LookUp = Callable[[str, int], Awaitable[tuple[Address, ...]]]
"""The addresses of a host, for a port."""


class OutgoingForbidden(httpx.TransportError):
    """The call may not go there; no connection was opened."""


async def look_up(host: str, port: int) -> tuple[Address, ...]:
    """The addresses of a host as the system knows them, best first; none where there are none."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(ip_address(address[0]) for *_, address in found))


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends requests by https, to permitted addresses only. Redirects are the client's to refuse.

    Args:
        rules: where calls may go.
        carrier: opens the connections.
        look_up: finds the addresses of a host.
    """

    def __init__(
        self,
        rules: OutgoingRules,
        carrier: httpx.AsyncBaseTransport,
        look_up: LookUp = look_up,
    ) -> None:
        self._rules = rules
        self._carrier = carrier
        self._look_up = look_up

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it.

        Raises:
            OutgoingForbidden: not https, or an address that is not permitted.
            httpx.TransportError: no answer.
        """
        host, port = request.url.host, request.url.port or 443
        if request.url.scheme != "https":
            raise OutgoingForbidden("only https is called")
        addresses = await self._look_up(host, port)
        try:
            self._rules.require_addresses(host, addresses)
        except NotPermitted as reason:
            raise OutgoingForbidden(str(reason)) from None
        request.extensions = {**request.extensions, "sni_hostname": host}
        return await self._send(request, addresses)

    async def _send(self, request: httpx.Request, addresses: tuple[Address, ...]) -> httpx.Response:
        """To the first address that takes the connection; the `Host` header stays the name."""
        asked = request.url
        for address in addresses[:-1]:
            request.url = asked.copy_with(host=str(address))
            try:
                return await self._carrier.handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        request.url = asked.copy_with(host=str(addresses[-1]))
        return await self._carrier.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._carrier.aclose()
