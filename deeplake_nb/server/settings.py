"""What an administrator decides about a server, each from one environment variable."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import UrlError

if TYPE_CHECKING:
    from collections.abc import Mapping


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip().lower() for part in text.split(",") if part.strip())


def _origins(text: str) -> tuple[str, ...]:
    found = _names(text)
    if any(not one.startswith(("http://", "https://")) or "*" in one or one.count("/") != 2 for one in found):  # noqa: PLR2004
        raise ValueError("expected origins such as https://lab.example.org, without a path and without *")
    return found


def _places(text: str) -> tuple[str, ...]:
    found = _names(text)
    for one in found:
        if "/" in one:
            ipaddress.ip_network(one, strict=False)
    return found


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise ValueError("expected a whole number above zero")
    return int(text)


def _setting(default: Any, variable: str, read: Any, says: str) -> Any:
    return field(default=default, metadata={"variable": f"DEEPLAKE_NB_HUB_{variable}", "read": read, "says": says})


@dataclass(frozen=True, slots=True)
class Settings:
    """The rules of one server; `from_environ` reads them."""

    hosts: tuple[str, ...] = _setting(
        ("localhost", "127.0.0.1", "[::1]"), "HOSTS", _names, "names under which the server may be asked"
    )
    origins: tuple[str, ...] = _setting((), "ORIGINS", _origins, "pages of browsers that may ask; none unless named")
    reach: tuple[str, ...] = _setting(
        (), "REACH", _places, "hosts and networks of its own that addresses given by users may lead to"
    )
    per_token: int = _setting(200, "PER_TOKEN", _count, "requests per second and token, ten times that at once")
    per_address: int = _setting(1000, "PER_ADDRESS", _count, "requests per second and address, ten times that at once")
    body_nbytes: int = _setting(4 << 20, "BODY_NBYTES", _count, "longest body of a request")
    seconds: int = _setting(60, "SECONDS", _count, "longest a request may take")
    threads: int = _setting(16, "THREADS", _count, "requests at work at the same time, in each process")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """The defaults, and what the environment says instead.

        Raises:
            UrlError: a value that cannot be read; names the variable.
        """
        given = {}
        for one in fields(cls):
            variable = one.metadata["variable"]
            if environ.get(variable, "").strip():
                try:
                    given[one.name] = one.metadata["read"](environ[variable].strip())
                except ValueError as error:
                    raise UrlError(f"{variable} cannot be read: {error}") from None
        return cls(**given)
