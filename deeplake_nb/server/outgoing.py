"""Addresses that users give must not lead the server into its own network.

An endpoint, a token address or an http prefix is resolved and every address it has is looked at: when it is given,
again by whoever is about to ask it, and as a connection is made (``lookout``). What lies on this machine, on its
network, or is a cloud's own metadata is refused unless the administrator named it. The hub's own identity, which some
kinds of managed keys let in, is shown to the cloud alone: to whom else, the administrator says.
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
_AZURE_HOST = re.compile(r"^\s*(?:azure|az|abfss?)://(?:[^/@]*@)?([^/]+\.[^/]+)", re.IGNORECASE)
_PLAIN = re.compile(r"[\w-]*")
_AMAZON = re.compile(r"sts(?:-fips)?(?:\.[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?")
_GOOGLE = re.compile(r"(?:[a-z0-9-]+\.)*googleapis\.com|accounts\.google\.com")  # in every key file
_AZURE = re.compile(r"(?:[a-z0-9-]+\.)+core\.(?:windows\.net|usgovcloudapi\.net|chinacloudapi\.cn)")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PLACES = frozenset({"connect", "set_default_storage", "try_key", "lend", "presign_link"})
"""Hub methods with a ``url``, which may be one of http; addresses in managed keys are checked by the core."""


class Outgoing:
    """Says whether an address may be asked.

    Args:
        reach: hosts, and networks in CIDR form, that may be reached though they are not public.
        resolve: gives the addresses of a host, as ``socket.getaddrinfo`` does.
        watch: is told each host that may be asked, and what says so of an address: names may change their meaning.
    """

    def __init__(
        self,
        reach: Iterable[str] = (),
        resolve: Callable[..., Any] = socket.getaddrinfo,
        watch: Callable[[str, Callable[[str], bool]], None] = lambda *_: None,
    ) -> None:
        named = tuple(reach)
        self._networks = tuple(ipaddress.ip_network(one, strict=False) for one in named if "/" in one)
        self._hosts = frozenset(one.strip("[]") for one in named if "/" not in one)
        self._resolve = resolve
        self._watch = watch

    def check(self, address: str) -> None:
        """Let an http(s) address pass, or refuse it.

        Raises:
            UrlError: it cannot be read, or its host is unknown.
            PermissionDeniedError: it leads to a place that is not public.
        """
        host, port = _host(address)
        if host in self._hosts or _GOOGLE.fullmatch(host) or _AZURE.fullmatch(host):
            return
        if not all(self._is_allowed(one) for one in self._found(host, port)):
            raise PermissionDeniedError(
                f"{host!r} leads into the hub's own network: give a public address, or ask the hub's administrator "
                "to name it in DEEPLAKE_NB_HUB_REACH"
            )
        self._watch(host, self._is_allowed)

    def guard(self, fields: Mapping[str, Any], prefixes: Iterable[str]) -> None:
        """Let a managed key's fields and its prefixes pass; errors as `check` raises them."""
        for address in addresses([fields, *prefixes]):
            self.check(address)
        for address in _shown_to(fields):
            self._check_trusted(address)

    def _check_trusted(self, address: str) -> None:
        """Refuse to show the hub's own identity there, unless it is the cloud, or the administrator named it."""
        host, port = _host(address)
        is_cloud = address.strip().lower().startswith("https:") and (_AMAZON.fullmatch(host) or _GOOGLE.fullmatch(host))
        if is_cloud or host in self._hosts:
            return
        if all(map(self._is_named, self._found(host, port))):
            self._watch(host, self._is_named)
            return
        raise PermissionDeniedError(
            f"the hub would show its own identity to {host!r}, and does so to the cloud only: leave the address out,"
            " or ask the hub's administrator to name it in DEEPLAKE_NB_HUB_REACH"
        )

    def _found(self, host: str, port: int | None) -> set[str]:
        try:
            return {entry[4][0] for entry in self._resolve(host, port, type=socket.SOCK_STREAM)}
        except (OSError, UnicodeError):
            raise UrlError(f"the hub finds no host {host!r}: look for a typing mistake in the address") from None

    def _is_allowed(self, text: str) -> bool:
        one = _address(text)
        return (one.is_global and not one.is_multicast) or self._is_named(text)

    def _is_named(self, text: str) -> bool:
        return any(_address(text) in network for network in self._networks)


def _host(address: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(address.strip())
        host, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError:
        host, port = "", None
    if not host:
        raise UrlError("an address among what was given cannot be read: expected https://host[:port]")
    return host, port


def _shown_to(fields: Mapping[str, Any]) -> Iterator[str]:
    """Addresses among a key's fields that are asked by the hub as itself: the key has no secret of its own."""
    if "service_account" in fields:
        yield from addresses(fields.get("sts_endpoint_url"))
    elif "role_arn" in fields and "aws_access_key_id" not in fields:
        yield from addresses(fields.get("sts_endpoint_url") or fields.get("endpoint_url"))


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
        for name, item in value.items():
            yield from addresses(item)
            if name == "account_name":
                yield from _of_account(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from addresses(item)
    elif isinstance(value, str):
        yield from _in_text(value)


def _in_text(text: str) -> Iterator[str]:
    if _ADDRESS.match(text):
        yield text
    elif found := _AZURE_HOST.match(text):  # an account that is written as its host is asked there
        yield f"https://{found[1]}"
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


def _of_account(value: Any) -> Iterator[str]:
    """The server that the name of an Azure account makes, if it is more than a name."""
    name = str(value.reveal() if isinstance(value, Secret) else value)
    if not _PLAIN.fullmatch(name):
        yield f"https://{name}.blob.core.windows.net"


def _address(text: str) -> Address:
    return _embedded(ipaddress.ip_address(text.partition("%")[0]))


def _embedded(address: Address) -> Address:
    """The IPv4 address inside one of IPv6 that stands for it."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address
