"""Egress: which addresses on the network this program may call, so that nobody can use it to look inside."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import structlog

from tocsin.ground import clock
from tocsin.ground.errors import Refused, Why

RESOLUTION_LASTS = 5.0  # seconds: long enough for a burst, short enough to follow a moved name
MOST_NAMES = 4096  # remembered names; a busy installation calls some hundred receivers

log = structlog.get_logger("egress")

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

# IANA's special-purpose registries of addresses, and the ways in which one address hides inside another. Python's own
# `is_private` and `is_global` change between versions and let some of these through (100.64.0.1, 64:ff9b::7f00:1).
_CLOSED_V4 = tuple(
    (IPv4Network(network), name)
    for network, name in (
        ("0.0.0.0/8", "this host"), ("10.0.0.0/8", "private"), ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"), ("169.254.0.0/16", "link-local"), ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignment"), ("192.0.2.0/24", "documentation"), ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"), ("198.18.0.0/15", "benchmark"), ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"), ("224.0.0.0/4", "multicast"), ("240.0.0.0/4", "reserved"),
    )
)  # fmt: skip # a table reads better in rows
_GLOBAL_V6 = IPv6Network("2000::/3")  # the only space that IANA gives out for the public network
_CLOSED_V6 = tuple(
    (IPv6Network(network), name)
    for network, name in (
        ("::1/128", "loopback"), ("fc00::/7", "private"), ("fe80::/10", "link-local"), ("ff00::/8", "multicast"),
        ("64:ff9b::/96", "NAT64"), ("64:ff9b:1::/48", "NAT64"), ("2001::/32", "Teredo"), ("2002::/16", "6to4"),
        ("2001:db8::/32", "documentation"), ("2001::/23", "protocol assignment"), ("3fff::/20", "documentation"),
    )
)  # fmt: skip # a table reads better in rows


def why_closed(address: IPAddress) -> str | None:
    """Return what kind of closed space an address lies in, or None when it is on the public network."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return why_closed(address.ipv4_mapped)
        for network6, name in _CLOSED_V6:
            if address in network6:
                return name
        return None if address in _GLOBAL_V6 else "reserved"
    for network4, name in _CLOSED_V4:
        if address in network4:
            return name
    return None


def networks(texts: Sequence[str]) -> tuple[IPNetwork, ...]:
    """Return the networks of an allow-list; a single address counts as a network of one.

    Raises `ValueError` for a text that is neither.
    """
    return tuple(ip_network(text, strict=False) for text in texts)


class Egress:
    """Looks names up, off the event loop, and lets only addresses through that may be called.

    Every address of a name is checked, and callers connect to the checked address itself, so a name that changes its
    mind between check and connection gains nothing. `allowed` opens closed networks, by the administrator's setting.
    """

    def __init__(self, allowed: tuple[IPNetwork, ...] = (), resolve: Resolve | None = None) -> None:
        self._allowed = allowed
        self._resolve = resolve or _ask_system
        self._known: dict[tuple[str, int], tuple[float, tuple[str, ...]]] = {}

    def known(self, host: str, port: int) -> tuple[str, ...] | None:
        """Return the checked addresses of a name if they were looked up a moment ago."""
        found = self._known.get((host, port))
        return found[1] if found is not None and clock.seconds() < found[0] else None

    async def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """Return the addresses to connect to, in the order to try them.

        Raises `Refused` with `Why.FORBIDDEN` when one of them may not be called, `OSError` when the name is unknown.
        """
        found = self.known(host, port)
        if found is None:
            found = tuple(dict.fromkeys(await self._resolve(host, port)))
            for text in found:
                self._check(host, text)
            if len(self._known) >= MOST_NAMES:
                self._known.clear()
            self._known[host, port] = (clock.seconds() + RESOLUTION_LASTS, found)
        return found

    def _check(self, host: str, text: str) -> None:
        address = ip_address(text.partition("%")[0])
        inner = address.ipv4_mapped if isinstance(address, IPv6Address) and address.ipv4_mapped else address
        if any(inner in network for network in self._allowed if network.version == inner.version):
            return
        why = why_closed(address)
        if why is not None:
            # Who reads why a call failed may not know this network: the address behind the name is for the log alone.
            log.warning("egress.refused", host=host, address=str(address), why=why)
            raise Refused(
                Why.FORBIDDEN,
                f"{host} leads to a {why} address. Tocsin calls the public network only; "
                "the setting for allowed networks opens others.",
            )


async def _ask_system(host: str, port: int) -> Sequence[str]:
    try:
        return (str(ip_address(host)),)
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
