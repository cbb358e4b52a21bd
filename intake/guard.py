"""The guard against requests into private networks: what is checked is the address that is then connected to.

A check by name before connecting loses to DNS rebinding. Here the network backend itself resolves the name, checks
every address of it, and connects to a checked one, with no second look-up; so each redirect is checked too.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpcore

Resolver = Callable[[str, int], Awaitable[list[str]]]
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# What `ipaddress` counts as global and no photo comes from: 6to4 relays, deprecated site-local, a cloud's own host,
# discard-only, local-use NAT64, IPv4-translated.
_REFUSED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "168.63.129.16/32",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "100::/64",
        "64:ff9b:1::/48",
        "::ffff:0:0:0/96",
        "5f00::/16",
        "fec0::/10",
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LOW_32 = 0xFFFF_FFFF


class FetchRefused(Exception):
    """The address must not be requested; the message says which it is and why."""


class Guard:
    """Which hosts and addresses may be requested: public ones, and what the operator allows.

    `allow` holds host names, addresses, either with ":port", and CIDR networks.
    """

    def __init__(self, allow: Iterable[str] = ()):
        self._names: set[str] = set()
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        for entry in allow:
            text = entry.strip().lower()
            try:
                self._networks.append(ipaddress.ip_network(text, strict=False))
            except ValueError:
                self._names.add(text)

    def allows_host(self, host: str, port: int) -> bool:
        """Whether the operator allows this host by name, wherever it resolves to."""
        name = host.lower().rstrip(".")
        return bool({name, f"{name}:{port}", f"[{name}]:{port}"} & self._names)

    def refusal(self, address: str) -> str | None:
        """Why the address must not be connected to; None where it may."""
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return "not an address"
        if any(found in network for network in self._networks):
            return None
        return special_use(found)


def special_use(address: _Address) -> str | None:
    """What special use the address has, e.g. "loopback"; None for a public one. Source: IANA's registries, RFC 6890."""
    for embedded, how in _embedded(address):
        inner = special_use(embedded)
        if inner is not None or how == "IPv4-compatible":
            return f"{how} address of {embedded} ({inner or 'deprecated'})"
    checks = (
        (address.is_loopback, "loopback"),
        (address.is_unspecified, "unspecified"),
        (address.is_link_local, "link-local, where clouds keep their metadata"),
        (address.is_multicast, "multicast"),
        (address.is_private, "private"),
        (address.is_reserved and address not in _NAT64, "reserved"),
        (any(address in network for network in _REFUSED if network.version == address.version), "special-use"),
        (not address.is_global and not address.is_private and address not in _NAT64, "not global"),
    )
    mapped = isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None
    return None if mapped else next((name for hit, name in checks if hit), None)


def _embedded(address: _Address) -> list[tuple[ipaddress.IPv4Address, str]]:
    """The IPv4 addresses that an IPv6 address leads to."""
    if not isinstance(address, ipaddress.IPv6Address):
        return []
    low = ipaddress.IPv4Address(int(address) & _LOW_32)
    found: list[tuple[ipaddress.IPv4Address, str]] = []
    if address.ipv4_mapped is not None:
        found.append((address.ipv4_mapped, "IPv4-mapped"))
    elif 1 < int(address) <= _LOW_32:
        found.append((low, "IPv4-compatible"))
    if address.sixtofour is not None:
        found.append((address.sixtofour, "6to4"))
    if address.teredo is not None:
        found.extend((inner, "Teredo") for inner in address.teredo)
    if address in _NAT64:
        found.append((low, "NAT64"))
    return found


async def resolve(host: str, port: int) -> list[str]:
    """Every address of a host name, by the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects only to addresses that the guard passed: no connection is made to any other."""

    def __init__(self, guard: Guard, resolver: Resolver = resolve):
        self._guard = guard
        self._resolver = resolver
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A stream to the first checked address that answers. Raises FetchRefused, or httpcore's errors."""
        try:
            addresses = await self._resolver(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} does not resolve: {error}") from error
        if not self._guard.allows_host(host, port):
            for address in addresses:
                why = self._guard.refusal(address)
                if why is not None:
                    raise FetchRefused(f"{host} is at {address}: {why}")
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Never: a URL does not lead to a socket file."""
        raise FetchRefused("a socket file is no photo's address")

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)
