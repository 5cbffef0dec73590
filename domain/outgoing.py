"""Where calls to partners may go: public addresses, by https, and what an operator allows besides.

Names and numbers of the special ranges: IANA's special-purpose address registries (RFC 6890), 6to4
(RFC 3056), Teredo (RFC 4380), NAT64 (RFC 6052).
"""

import re
import socket
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_NEVER_PUBLIC: tuple[Network, ...] = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "100.64.0.0/10",
            "192.0.0.0/24",
            "192.88.99.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "2001::/23",
            "2002::/16",
            "3fff::/20",
        ),
    )
)
"""Beside what the standard library knows as not global: tunnels, relays, multicast, documentation,
whatever its version says of them."""
_HOST = re.compile(r"(?=.{1,253}\Z)(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")


class NotPermitted(ValueError):
    """A call may not go there; the text says why."""


def is_public(address: Address) -> bool:
    """Whether anybody on the internet may have this address."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in _GLOBAL_UNICAST:
            return False
    return address.is_global and not any(address in network for network in _NEVER_PUBLIC)


@dataclass(frozen=True)
class OutgoingRules:
    """Where calls may go. Without rules of its own: public addresses only.

    A named host may lie in a private network (RFC 1918, RFC 6598, RFC 4193), yet never on this
    machine or its link: whoever answers for the name must not lead us there. A named network holds
    whatever lies in it.
    """

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    def require_url(self, url: str) -> None:
        """See that a URL may be called, as far as it tells by itself.

        Raises:
            NotPermitted: not https, no host, with credentials or a fragment, a host written as a
                number in disguise, or an address that is not permitted.
        """
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname or "", parts.port
        except ValueError:
            raise NotPermitted("this is no address") from None
        if parts.scheme != "https":
            raise NotPermitted("only https is called")
        if parts.username is not None or parts.password is not None:
            raise NotPermitted("an address holds no credentials")
        if parts.query or parts.fragment or not url.isascii() or not url.isprintable():
            raise NotPermitted("write scheme, host, port and path in ASCII, and nothing else")
        address = _literal(host)
        if address is not None:
            self.require_addresses(host, (address,))
        elif _is_disguised(host) or not _HOST.fullmatch(_plain(host)):
            raise NotPermitted("this is no host's name")
        elif _plain(host).rpartition(".")[2] == "localhost":
            raise NotPermitted("this names the machine itself")

    def require_addresses(self, host: str, addresses: tuple[Address, ...]) -> None:
        """See that every address of a host may be called.

        One that is not permitted spoils the others: a host has no business there.

        Raises:
            NotPermitted: naming none of the addresses.
        """
        if not addresses:
            raise NotPermitted("the host has no address")
        named = _plain(host) in self.hosts
        for address in addresses:
            if not (is_public(address) or self._allows(address, named=named)):
                raise NotPermitted("the host's address is not public, nor allowed by a setting")

    def _allows(self, address: Address, *, named: bool) -> bool:
        if any(address in network for network in self.networks):
            return True
        return named and _is_of_a_private_network(address)


def outgoing_rules(allowed: str) -> OutgoingRules:
    """The rules of a list of hosts, addresses and networks, parted by spaces or commas.

    Raises:
        ValueError: naming the entry that is none of them.
    """
    hosts: set[str] = set()
    networks: list[Network] = []
    for entry in allowed.replace(",", " ").split():
        try:
            networks.append(ip_network(entry))
        except ValueError:
            name = _plain(entry)
            if "/" in entry or _is_disguised(entry) or not _HOST.fullmatch(name):
                raise ValueError(f"{entry!r} is no host, address or network") from None
            hosts.add(name)
    return OutgoingRules(frozenset(hosts), tuple(networks))


def _is_of_a_private_network(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        return address in IPv6Network("fc00::/7")
    return any(
        address in IPv4Network(network)
        for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
    )


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_disguised(host: str) -> bool:
    """Whether the system would read it as an IPv4 address, though it is not written as one."""
    try:
        socket.inet_aton(_plain(host))
    except (OSError, ValueError):
        return False
    return True


def _plain(host: str) -> str:
    return host.lower().removesuffix(".")
