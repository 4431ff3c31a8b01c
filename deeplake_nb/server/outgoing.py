"""Addresses that users give must not lead the server into its own network.

An endpoint, a token address or an http prefix is resolved and every address it has is looked at: when it is given, and
again by whoever is about to ask it. What lies on this machine, on its network, or is a cloud's own metadata is refused
unless the administrator named it.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import PermissionDeniedError, UrlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_ADDRESS = re.compile(r"^\s*https?:", re.IGNORECASE)
_PART = re.compile(r"(?:^|;)\s*(\w+)\s*=\s*([^;]+)")  # of an Azure connection string
_GOOGLE = re.compile(r"(?:[a-z0-9-]+\.)*googleapis\.com|accounts\.google\.com")  # in every key file
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PLACES = frozenset({"connect", "set_default_storage", "try_key", "lend", "presign_link"})
"""Hub methods with a ``url``, which may be one of http; addresses in managed keys are checked by the core."""


class Outgoing:
    """Says whether an address may be asked.

    Args:
        reach: hosts, and networks in CIDR form, that may be reached though they are not public.
        resolve: gives the addresses of a host, as ``socket.getaddrinfo`` does.
    """

    def __init__(self, reach: Iterable[str] = (), resolve: Callable[..., Any] = socket.getaddrinfo) -> None:
        named = tuple(reach)
        self._networks = tuple(ipaddress.ip_network(one, strict=False) for one in named if "/" in one)
        self._hosts = frozenset(one.strip("[]") for one in named if "/" not in one)
        self._resolve = resolve

    def check(self, address: str) -> None:
        """Let an http(s) address pass, or refuse it.

        Raises:
            UrlError: it cannot be read, or its host is unknown.
            PermissionDeniedError: it leads to a place that is not public.
        """
        try:
            parts = urlsplit(address.strip())
            host, port = (parts.hostname or "").removesuffix("."), parts.port
        except ValueError:
            host, port = "", None
        if not host:
            raise UrlError("an address among what was given cannot be read: expected https://host[:port]")
        if host in self._hosts or _GOOGLE.fullmatch(host):
            return
        try:
            found = {entry[4][0] for entry in self._resolve(host, port, type=socket.SOCK_STREAM)}
        except (OSError, UnicodeError):
            raise UrlError(f"the hub finds no host {host!r}: look for a typing mistake in the address") from None
        if not all(self._is_allowed(one) for one in found):
            raise PermissionDeniedError(
                f"{host!r} leads into the hub's own network: give a public address, or ask the hub's administrator "
                "to name it in DEEPLAKE_NB_HUB_REACH"
            )

    def guard(self, fields: Mapping[str, Any], prefixes: Iterable[str]) -> None:
        """Let a managed key's fields and its prefixes pass; errors as `check` raises them."""
        for address in addresses([fields, *prefixes]):
            self.check(address)

    def _is_allowed(self, text: str) -> bool:
        one = _embedded(ipaddress.ip_address(text.partition("%")[0]))
        return (one.is_global and not one.is_multicast) or any(one in network for network in self._networks)


def check_given(outgoing: Outgoing, method: str, values: Mapping[str, Any]) -> None:
    """Check the place among the arguments of a hub method; errors as `Outgoing.check` raises them."""
    if method in _PLACES:
        for address in addresses(values.get("url")):
            outgoing.check(address)


def addresses(value: Any) -> Iterator[str]:
    """Every http(s) address in a value, also in JSON that is kept as text, and in a connection string."""
    if isinstance(value, Secret):
        yield from addresses(value.reveal())
    elif isinstance(value, dict):
        for item in value.values():
            yield from addresses(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from addresses(item)
    elif isinstance(value, str):
        yield from _in_text(value)


def _in_text(text: str) -> Iterator[str]:
    if _ADDRESS.match(text):
        yield text
    elif text.lstrip().startswith("{"):
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            return
        yield from addresses(content)
    else:
        parts = {name.lower(): part.strip() for name, part in _PART.findall(text)}
        yield from (part for name, part in parts.items() if name.endswith("endpoint"))
        if "endpointsuffix" in parts:
            yield f"https://{parts.get('accountname', 'account')}.blob.{parts['endpointsuffix']}"


def _embedded(address: Address) -> Address:
    """The IPv4 address inside one of IPv6 that stands for it."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address
